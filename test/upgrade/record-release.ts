/**
 * Records a release: the resources with state of its templates, which `npm test` compares with those of the working tree,
 * and its commit, whose package `npm run test:upgrade` upgrades from.
 *
 * `npm run record:release -- COMMIT`
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { extractSources, type ReleasePoint, releaseFile } from './release-point.ts';
import { statefulResources, type TemplateResource } from './stateful-resources.ts';

const [given] = process.argv.slice(2);
if (given === undefined) {
  console.error('Name the commit of the release: npm run record:release -- COMMIT');
  process.exit(1);
}
const commit = execFileSync('git', ['rev-parse', '--verify', `${given}^{commit}`], { encoding: 'utf8' }).trim();
const folder = mkdtempSync(join(tmpdir(), 'holdfast-release-'));
try {
  extractSources(commit, folder);
  for (const name of ['variant-templates.run.ts', 'template-variants.ts']) {
    cpSync(join(import.meta.dirname, name), join(folder, 'test/upgrade', name));
  }
  const printed = execFileSync(process.execPath, ['test/upgrade/variant-templates.run.ts'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const templates: Record<string, { Resources: Record<string, TemplateResource> }> = JSON.parse(printed);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const variants = Object.entries(templates).map(([name, { Resources }]) => [name, statefulResources(Resources)]);
  const release: ReleasePoint = { version, commit, variants: Object.fromEntries(variants) };
  mkdirSync(dirname(releaseFile), { recursive: true });
  writeFileSync(releaseFile, `${JSON.stringify(release, undefined, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
execFileSync('biome', ['format', '--write', releaseFile], { cwd: projectRoot });
