import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Links packages into the `node_modules` of a folder. A link of an earlier build can have another target, or one that no
 * longer exists, after the project or its packages were moved.
 *
 * @param paths folders that contain packages, the first choice first
 */
export function linkPackages(folder: string, names: readonly string[], paths: readonly string[]): void {
  for (const name of names) {
    const link = join(folder, 'node_modules', name);
    const target = paths.map((path) => join(path, name)).find((path) => existsSync(path));
    if (target === undefined || targetOf(link) === target) continue;
    rmSync(link, { force: true });
    mkdirSync(dirname(link), { recursive: true });
    // Windows permits junctions without further rights.
    symlinkSync(target, link, 'junction');
  }
}

const targetOf = (link: string): string | undefined =>
  lstatSync(link, { throwIfNoEntry: false }) === undefined ? undefined : readlinkSync(link);
