import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The end of the names of files with the content of a stack, in the folder of the build records. */
export const CONTENT_SUFFIX = '.content.json';

/** @returns absolute paths; none for an assembly that the local emulator has not built */
export const readContent = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith(CONTENT_SUFFIX))
    .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as string[]);
