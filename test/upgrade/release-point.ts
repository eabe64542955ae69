import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import type { TemplateResource } from './stateful-resources.ts';

/** The release that upgrades begin with. `npm run record:release` writes it. */
export type ReleasePoint = {
  version: string;
  /** The commit of the release, in full. */
  commit: string;
  /** The resources with state, by variant and logical id. */
  variants: Record<string, Record<string, TemplateResource>>;
};

export const releaseFile = join(import.meta.dirname, 'released/release-point.json');

export const readReleasePoint = (): ReleasePoint => JSON.parse(readFileSync(releaseFile, 'utf8'));

/**
 * Writes the sources of a commit to a folder, with the dependencies of the working tree.
 *
 * @throws Error when the history lacks the commit
 */
export function extractSources(commit: string, folder: string): void {
  const { status } = spawnSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: projectRoot });
  if (status !== 0) throw new Error(`The history has no commit ${commit}: fetch it with git fetch --unshallow`);
  mkdirSync(folder, { recursive: true });
  const archive = execFileSync('git', ['archive', commit], { cwd: projectRoot, maxBuffer: 2 ** 28 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
}
