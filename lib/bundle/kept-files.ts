import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { buildCache, type FilesOfFolder, replaceFile } from './esbuild-run.ts';

type Kept = { hash: string; files: FilesOfFolder };

/**
 * Files that are built again only when their inputs have changed. The last ones of a name are kept, in one file of the cache.
 *
 * @param inputs everything that decides the content of the files
 * @param folder of the kept files. @default the cache of builds
 */
export function keptFiles(
  name: string,
  inputs: Iterable<string | Uint8Array>,
  build: () => FilesOfFolder,
  folder = buildCache,
): FilesOfFolder {
  const all = createHash('sha256');
  // The length tells where an input ends.
  for (const input of inputs) all.update(`${Buffer.byteLength(input)} `).update(input);
  const hash = all.digest('hex');
  const path = join(folder, `${name}.bin`);
  const kept = read(path);
  if (kept?.hash === hash) return kept.files;
  const files = build();
  replaceFile(path, serialize({ hash, files } satisfies Kept));
  return files;
}

/** @returns undefined for a file that is absent, and for one of another version of Node.js, which may not be readable */
function read(path: string): Kept | undefined {
  try {
    return deserialize(readFileSync(path)) as Kept;
  } catch {
    return undefined;
  }
}
