import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompressSync } from 'node:zlib';
import { packageFolder } from '../../lib/package-files.ts';

const run = promisify(execFile);

/** In bytes. */
const LARGEST_PACKAGE = 600_000;

export type Packages = {
  /** Contains the tarballs. */
  folder: string;
  /** Absolute paths of the tarballs. */
  holdfast: string;
  create: string;
};

type Packed = { filename: string; size: number; files: { path: string }[] };

/** Builds and packs both packages. @throws AssertionError for a file that does not belong into one */
export async function packAll(): Promise<Packages> {
  await run('npm', ['run', 'build'], { cwd: packageFolder });
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pack-'));
  const holdfast = await pack(join(packageFolder, 'dist'), folder);
  const create = await pack(join(packageFolder, 'create/dist'), folder);
  assert.ok(holdfast.size < LARGEST_PACKAGE, `the package has ${holdfast.size} bytes, more than ${LARGEST_PACKAGE}`);
  const paths = holdfast.files.map(({ path }) => path);
  assert.deepEqual(
    paths.filter((path) => /(^|\/)(test|bench|docs)\/|\.(png|svg|tsx?)$/.test(path) && !path.endsWith('.d.ts')),
    [],
  );
  return { folder, holdfast: join(folder, holdfast.filename), create: join(folder, create.filename) };
}

async function pack(dist: string, folder: string): Promise<Packed> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: dist });
  const [packed] = JSON.parse(stdout) as [Packed];
  const namesMachine = ({ path }: { path: string }) => {
    const file = readFileSync(join(dist, path));
    const content = String(path.endsWith('.br') ? brotliDecompressSync(file) : file);
    return content.includes(packageFolder) || content.includes(`${homedir()}/`);
  };
  assert.deepEqual(packed.files.filter(namesMachine), [], 'files contain a path of this machine');
  console.log(`ok  ${packed.filename} has ${Math.round(packed.size / 1000)} kB in ${packed.files.length} files`);
  return packed;
}
