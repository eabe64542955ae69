import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { type BuildOptions, version } from 'esbuild';
import { type BuildReport, buildCache, type FilesOfFolder, project, runBuild } from './esbuild-run.ts';

/**
 * A report without errors, and the hash of each file that the build has read. Paths in the project are relative to it: a
 * copy of the project has the same builds.
 */
type StoredBuild = {
  inputs: [path: string, hash: string][];
  report: Omit<BuildReport, 'files'> & { files: { path: string; base64: string }[] };
};

/** Files that decide how esbuild resolves imports, and the versions of the installed packages. */
const configuration = ['package.json', 'tsconfig.json', 'node_modules/.package-lock.json'];

/**
 * Builds Holdfast's own code, unless an earlier process has built it: with the same options, the same installed packages, and
 * the same content of all files that esbuild has read.
 *
 * @param options of a build that writes no files
 * @param folder of the stored builds, one file for each set of options
 */
export function buildOnce(options: BuildOptions, folder = buildCache): BuildReport {
  const text = JSON.stringify([version, options]).replaceAll(JSON.stringify(project + sep).slice(1, -1), '');
  const key = createHash('sha256').update(text);
  for (const name of configuration) key.update(hashOf(join(project, name)));
  const file = join(folder, `build-${key.digest('hex').slice(0, 16)}.json`);
  const stored = readBuild(file);
  if (stored?.inputs.every(([path, hash]) => hashOf(resolve(project, path)) === hash)) return reportOf(stored);
  const report = runBuild({ ...options, write: false });
  if (report.errors.length === 0) storeBuild(file, folder, report);
  return report;
}

/**
 * Builds ES modules of a package.
 *
 * @throws Error for a build error, which a defect of the package causes
 */
export function buildModules(options: BuildOptions): FilesOfFolder {
  const outdir = join(buildCache, 'build');
  const { files, errors } = buildOnce({
    outdir,
    outExtension: { '.js': '.mjs' },
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    ...options,
  });
  if (errors.length > 0) throw new Error(errors.join('\n'));
  return files.map(({ path, contents }) => [relative(outdir, path), contents]);
}

const readBuild = (file: string): StoredBuild | undefined =>
  existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;

const reportOf = ({ inputs, report: { files, modules, ...others } }: StoredBuild): BuildReport => ({
  ...others,
  modules: [...inputs.map(([path]) => resolve(project, path)), ...modules],
  files: files.map(({ path, base64 }) => ({ path: resolve(project, path), contents: Buffer.from(base64, 'base64') })),
});

function storeBuild(file: string, folder: string, { files, modules, metafile: _, ...others }: BuildReport): void {
  const encoded = files.map(({ path, contents }) => ({
    path: inProject(path),
    base64: Buffer.from(contents).toString('base64'),
  }));
  const stored: StoredBuild = {
    inputs: modules.filter(isAbsolute).map((path) => [inProject(path), hashOf(path)]),
    // The other modules are imports that stay imports.
    report: { ...others, modules: modules.filter((module) => !isAbsolute(module)), files: encoded },
  };
  mkdirSync(folder, { recursive: true });
  // Renamed when it is complete: another process may read it at the same time.
  const temporary = mkdtempSync(join(folder, 'build-'));
  writeFileSync(join(temporary, 'report.json'), JSON.stringify(stored));
  renameSync(join(temporary, 'report.json'), file);
  rmSync(temporary, { recursive: true });
}

const inProject = (path: string): string => (path.startsWith(project + sep) ? relative(project, path) : path);

/** @returns an empty string for a file that does not exist */
const hashOf = (path: string): string =>
  existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('base64') : '';
