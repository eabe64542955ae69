import { cpSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { project } from './esbuild-run.ts';

/** Lambda's limit for the unzipped code of a function with its layers, in bytes. */
export const CODE_LIMIT = 250 * 1024 * 1024;

/**
 * Copies folders of the project into the function's asset, under the same paths. Links are replaced by their targets.
 *
 * @returns an error for each folder that cannot travel; nothing is copied then
 */
export function copyFolders(folders: readonly string[], asset: string): string[] {
  const errors = folders.flatMap((folder) => [...checkFolder(folder)]);
  const size = errors.length > 0 ? 0 : folders.reduce((total, folder) => total + sizeOf(join(project, folder)), 0);
  if (size > CODE_LIMIT) {
    errors.push(`assets has ${size} bytes: Lambda permits ${CODE_LIMIT} with the code; read large files from S3`);
  }
  if (errors.length > 0) return errors;
  for (const folder of folders)
    cpSync(join(project, folder), join(asset, folder), { recursive: true, dereference: true });
  return [];
}

/** The size of the files in a folder, in bytes. */
export const sizeOf = (folder: string): number =>
  filesOf(folder).reduce((total, file) => total + statSync(file).size, 0);

function* checkFolder(folder: string): Generator<string> {
  const path = resolve(project, folder);
  const name = `assets has ${JSON.stringify(folder)}`;
  if (!isInside(path)) {
    yield `${name}, which is not below ${project}: name a folder of the project`;
    return;
  }
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    yield `${name}, and ${path} is not a folder: name a folder of the project`;
    return;
  }
  for (const file of filesOf(path)) {
    if (lstatSync(file).isSymbolicLink() && !isInside(realpathSync(file))) {
      yield `${relative(project, file)} is a link to ${realpathSync(file)}, outside the project: copy the file`;
    }
    if (basename(file).startsWith('.env'))
      yield `${relative(project, file)} may contain secrets: move it out of assets`;
  }
}

/** Also links, without following those to folders that are outside of the project. */
function filesOf(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() && isInside(realpathSync(path)) ? filesOf(path) : [path];
  });
}

/** Whether the path is below the project. */
export function isInside(path: string): boolean {
  const inside = relative(realpathSync(project), path);
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}
