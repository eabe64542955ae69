import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { type BuildOptions, buildSync, type Metafile } from 'esbuild';
import { constructedSdkClasses } from '../../lambda/shared/constructed-sdk-classes.ts';
import { type BuildReport, moduleWith, project, runBuild } from './esbuild-run.ts';
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
export const importersOfZod = (metafile: Metafile | undefined): string[] =>
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
