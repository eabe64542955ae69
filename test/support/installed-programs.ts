import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const cache = join(import.meta.dirname, '../../node_modules/.cache/holdfast-clients');

/**
 * Installs clients from npm, which the project does not depend on, because they are large. Once: the folder in the cache has
 * the name of their versions.
 *
 * @param options of `npm install`
 * @returns the folder of the programs
 * @throws Error with the output of npm
 */
export function installPrograms(packages: readonly string[], ...options: string[]): string {
  const folder = join(cache, packages.join('+').replaceAll('/', '-'));
  if (!existsSync(join(folder, 'complete'))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{}');
    const { status, stdout, stderr } = spawnSync(
      'npm',
      ['install', '--no-audit', '--no-fund', ...options, ...packages],
      { cwd: folder, encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`npm cannot install ${packages.join(' ')}:\n${stdout}${stderr}`);
    writeFileSync(join(folder, 'complete'), '');
  }
  return join(folder, 'node_modules', '.bin');
}
