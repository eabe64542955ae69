import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { type BuildOptions, buildSync, type Metafile, version } from 'esbuild';
import { constructedSdkClasses } from '../../lambda/shared/constructed-sdk-classes.ts';
import { type BuildReport, buildCache, moduleWith, project, runBuild } from './esbuild-run.ts';
import { fileOf } from './metafile.ts';

/** The imports of a function that decide how its bundle is split. */
export type SdkImports = {
  /** The exports of the MCP SDK that the function imports. */
  names: readonly string[];
  /** Whether the server and its packages import the same copy of Zod as the MCP SDK: esbuild replaces all or none. */
  hasOneZod: boolean;
};

/**
 * Builds the function with another module in place of the SDK, and finds what of that is in the bundle.
 *
 * @param optionsWith the options of the build with the module that takes the place of the SDK
 * @param sdk path of the main module of the MCP SDK
 */
export function findSdkImports(optionsWith: (sdk: string) => BuildOptions, sdk: string): SdkImports {
  const all = exportsOf(sdk);
  const options = optionsWith(probe(all));
  const report = runBuild({
    ...options,
    // The largest package of the SDK, which imports no other.
    external: [...(options.external ?? []), 'zod'],
    minify: false,
    sourcemap: false,
    write: false,
  });
  const names = [...new Set([...constructedSdkClasses, ...importedNames(report, all)])];
  const importers = importersOfZod(report.metafile);
  return { names, hasOneZod: importers.every((importer) => [zodOf(sdk), undefined].includes(zodOf(importer))) };
}

function exportsOf(module: string): string[] {
  const { metafile } = buildSync({
    entryPoints: [module],
    write: false,
    outdir: '.',
    metafile: true,
    format: 'esm',
  });
  return Object.values(metafile.outputs).flatMap(({ exports }) => exports);
}

const mark = (name: string) => JSON.stringify(`import of ${name}`);

/** A module that exports a mark under each of the names. */
const probe = (names: readonly string[]): string =>
  moduleWith('sdk-probe.mjs', names.map((name) => `export const ${name} = ${mark(name)};\n`).join(''));

/**
 * The exports of the SDK that the function imports: those whose marks its bundle contains. The file with the SDK needs no
 * others, which are a fifth of it.
 *
 * @returns all names for a bundle with errors, which the build itself reports
 */
function importedNames({ files, errors }: BuildReport, names: readonly string[]): readonly string[] {
  const texts = files.map(({ contents }) => Buffer.from(contents).toString());
  return errors.length > 0 ? names : names.filter((name) => texts.some((text) => text.includes(mark(name))));
}

/** The absolute paths of the modules that import Zod by its name. */
const importersOfZod = (metafile: Metafile | undefined): string[] =>
  Object.entries(metafile?.inputs ?? {})
    .filter(([, { imports }]) => imports.some(({ path, original = path }) => /^zod(\/|$)/.test(original)))
    .map(([path]) => resolve(project, fileOf(path)));

/** @returns the main module of the copy that the module imports; undefined for none, in whose place is that of the SDK */
export function zodOf(importer: string): string | undefined {
  try {
    return createRequire(importer).resolve('zod');
  } catch {
    return undefined;
  }
}

/** The imports that the last build of a bundle has found, and the hash of the modules that it has read. */
type KeptImports = { imports: SdkImports; modules: string };

/**
 * Builds with the imports that the last build of this bundle has found, which is one build in place of two. If that reads
 * other modules than the last one did, the imports are found anew.
 *
 * @param key everything that decides the imports, beside the modules
 * @param folder of what is kept. @default the cache of builds
 * @param startedAt epoch milliseconds. @default now
 */
export function buildWithImports<R extends BuildReport>(
  key: unknown,
  build: (imports: SdkImports) => R,
  find: () => SdkImports,
  folder = buildCache,
  startedAt = Date.now(),
): R {
  const hash = createHash('sha256').update(JSON.stringify([version, key]));
  const file = join(folder, `sdk-imports-${hash.digest('hex').slice(0, 16)}.json`);
  const kept = readImports(file);
  const first = kept && build(kept.imports);
  if (first?.metafile && hashOfModules(first.metafile) === kept?.modules) return first;
  const imports = find();
  const report = first && JSON.stringify(imports) === JSON.stringify(kept?.imports) ? first : build(imports);
  const { metafile } = report;
  if (metafile && !hasChanged(metafile, startedAt)) keepImports(file, { imports, modules: hashOfModules(metafile) });
  return report;
}

const readImports = (file: string): KeptImports | undefined =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KeptImports) : undefined;

function keepImports(file: string, kept: KeptImports): void {
  mkdirSync(dirname(file), { recursive: true });
  // Renamed into place as a whole, because builds can run concurrently.
  const temporary = `${file}.${randomUUID()}`;
  writeFileSync(temporary, JSON.stringify(kept));
  renameSync(temporary, file);
}

/** Of the modules of a bundle, their content, and the modules that each of them imports. */
function hashOfModules(metafile: Metafile): string {
  const hash = createHash('sha256');
  for (const [path, { imports }] of Object.entries(metafile.inputs)) {
    hash.update(JSON.stringify([path, imports]));
    for (const file of filesOf(path)) hash.update(readFileSync(file));
  }
  // A bundle with one Zod does not show which one a module would import.
  return hash.update(JSON.stringify(importersOfZod(metafile).map(zodOf))).digest('hex');
}

/** The clock of the file system may be a few milliseconds behind. */
const TICK_MILLISECONDS = 20;

/** Whether a module may have changed during the build. Those of the cache have the names of their content. */
const hasChanged = ({ inputs }: Metafile, startedAt: number): boolean =>
  Object.keys(inputs)
    .flatMap(filesOf)
    .filter((file) => !file.startsWith(buildCache))
    .some((file) => statSync(file).ctimeMs >= startedAt - TICK_MILLISECONDS);

/** @returns the file of a module; none for one that esbuild has made */
function filesOf(input: string): string[] {
  const file = resolve(project, fileOf(input));
  return existsSync(file) ? [file] : [];
}
