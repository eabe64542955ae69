import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type BuildOptions, buildSync, type Metafile, version } from 'esbuild';
import { constructedSdkClasses } from '../../lambda/shared/constructed-sdk-classes.ts';
import {
  type BuildReport,
  commonJs,
  type FilesOfFolder,
  project,
  runBuild,
  storeByContent,
  writeFiles,
} from './esbuild-run.ts';
import { keptFiles } from './kept-files.ts';
import { fileOf } from './metafile.ts';
import { copyZod } from './zod-on-demand.ts';

/**
 * Bundles a function whose rarely needed parts are in files beside `index.cjs`, which it loads on demand. esbuild splits
 * ES modules only, so it writes parts that are ES modules, and converts them to CommonJS, which starts faster.
 *
 * @param options of the bundle in one file
 * @param half the folder of Holdfast's half
 * @param sdk path of the main module of the MCP SDK
 * @returns the files with their maps, which are not written yet
 */
export function buildSplit(options: BuildOptions, half: string, sdk: string): BuildReport & { split: FilesOfFolder } {
  const inFastPath = (name: string) => join(half, 'core/mcp/fast-path', `${name}.mjs`);
  const index = join(half, 'functions/mcp.mjs');
  const onSdk = inFastPath('sdk-path');
  const common = { ...options, outfile: undefined as never, format: 'esm' as const };
  const alias = (server: string) => ({
    ...options.alias,
    '@modelcontextprotocol/server': server,
    '#server-step': inFastPath('fast-server-step'),
  });
  const outdir = dirname(options.outfile!);
  mkdirSync(outdir, { recursive: true });
  // Links in its path would lead the sources of the maps astray.
  const folder = realpathSync(mkdtempSync(join(outdir, 'parts-')));
  try {
    const all = exportsOf(sdk);
    const probed = runBuild({
      ...common,
      outdir: folder,
      entryPoints: { onSdk, index },
      alias: alias(probe(all)),
      // The largest of its packages, which imports no other.
      external: [...(options.external ?? []), 'zod'],
      minify: false,
      sourcemap: false,
      write: false,
    });
    const names = [...new Set([...constructedSdkClasses, ...importedNames(probed, all)])];
    const zod = importsOneZod(probed, sdk) ? copyZod(dirname(zodOf(sdk)!)) : undefined;
    const report = runBuild({
      ...common,
      outdir: folder,
      entryPoints: { index, 'sdk-path': sdkPathEntry(onSdk, sdk, names) },
      alias: { ...alias(facade(inFastPath('sdk-facade'), names)), ...(zod && { zod: zod.folder }) },
      splitting: true,
      chunkNames: '[name]-[hash]',
      outExtension: { '.js': '.cjs' },
      sourcemap: 'inline',
      write: false,
    });
    if (report.metafile === undefined) return { ...report, split: [] };
    const parts = filesOf(report.files);
    writeFiles(folder, parts);
    const split = toCommonJs(folder, report.metafile, outdir);
    const onDemand = (zod?.parts ?? []).filter(([name]) => split.some(([, text]) => Buffer.from(text).includes(name)));
    return { ...report, files: [], split: [...split, ...onDemand] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const INDEX = 'index.cjs';

/**
 * Joins the parts that a cold start needs to one file, because each file takes time to open. It exports each of them, for
 * the files that are loaded on demand.
 *
 * @param folder of the parts
 */
export function toCommonJs(folder: string, { outputs }: Metafile, outdir: string): FilesOfFolder {
  const parts = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]));
  const joined = new Set([INDEX]);
  for (const name of joined) {
    for (const { kind, path } of parts.get(name)!.imports) {
      if (kind === 'import-statement' && parts.has(basename(path))) joined.add(basename(path));
    }
  }
  const others = [...parts.keys()].filter((name) => !joined.has(name));
  const imported = [...parts.values()].flatMap(({ imports }) => imports.filter(({ external }) => external));
  const packages = imported.map(({ path }) => path).filter((path) => !path.startsWith('.'));
  /** @param bundled the parts that are bundled, the entries among them */
  const bundle = (entries: readonly string[], bundled: readonly string[], beside: readonly string[]) => {
    const options = {
      ...commonJs,
      bundle: true,
      // A pattern, with which esbuild does not change the path.
      external: [...packages, ...beside.map((name) => `./${name}*`)],
    };
    const contents = bundled.map((name) => readFileSync(join(folder, name)));
    // The maps name the sources as seen from the folder, so folders beside one another have the same files.
    const names = JSON.stringify([version, relative(outdir, project), options, entries, bundled]);
    return keptFiles(`common-js-${entries.includes(INDEX) ? 'index' : 'others'}`, [names, ...contents], () => {
      const entryPoints = entries.map((name) => join(folder, name));
      return filesOf(buildSync({ ...options, outdir, entryPoints }).outputFiles);
    });
  };
  const further = [...joined].filter((name) => name !== INDEX);
  const exported = further.map((name, at) => `\nexport * as p${at} from "./${name}";`);
  appendFileSync(join(folder, INDEX), exported.join(''));
  const inIndex = new Map(further.map((name, at) => [`require("./${name}")`, `require("./${INDEX}").p${at}`]));
  // As long as before, so that the map stays correct.
  const linked = (text: string) =>
    text.replace(/require\("[^"]+"\)/g, (found) => inIndex.get(found)?.padEnd(found.length) ?? found);
  return [
    ...bundle([INDEX], [...joined], others),
    ...bundle(others, others, [...parts.keys()]).map(([name, contents]): FilesOfFolder[number] => [
      name,
      Buffer.from(linked(Buffer.from(contents).toString())),
    ]),
  ];
}

const filesOf = (files: BuildReport['files']): FilesOfFolder =>
  files.map(({ path, contents }) => [basename(path), contents]);

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

/** Whether the server and its packages import the same copy of Zod as the MCP SDK: esbuild replaces all or none. */
const importsOneZod = ({ metafile }: BuildReport, sdk: string): boolean =>
  Object.entries(metafile?.inputs ?? {})
    .filter(([, { imports }]) => imports.some(({ path, external }) => external && /^zod(\/|$)/.test(path)))
    .every(([importer]) => [zodOf(sdk), undefined].includes(zodOf(resolve(project, fileOf(importer)))));

/** @returns the main module of the copy that the module imports; undefined for none, in whose place is that of the SDK */
function zodOf(importer: string): string | undefined {
  try {
    return createRequire(importer).resolve('zod');
  } catch {
    return undefined;
  }
}

/** The file that is loaded on demand: the MCP SDK, and what Holdfast does with it. */
function sdkPathEntry(holdfast: string, sdk: string, names: readonly string[]): string {
  const exported = moduleWith('sdk-names.mjs', `export { ${names.join(', ')} } from ${JSON.stringify(sdk)};\n`);
  return moduleWith(
    'sdk-path.mjs',
    `export * from ${JSON.stringify(holdfast)};\nexport * as sdk from ${JSON.stringify(exported)};\n`,
  );
}

/**
 * The module that takes the place of `@modelcontextprotocol/server`. An export that needs the SDK is a getter, so the SDK is
 * loaded when the export is first used. The module with the getters is CommonJS and imports nothing: esbuild would wrap what
 * it imports in functions, which V8 parses twice.
 */
function facade(holdfast: string, names: readonly string[]): string {
  // Not a call of `require` by its name, which would bundle the file.
  const getters = moduleWith(
    'sdk-getters.cjs',
    `let parts;
exports.provideParts = (given) => {
  parts = given;
  parts.provideSdkPath(() => (0, require)('./sdk-path.cjs'));
};
for (const name of ${JSON.stringify(names)}) {
  const get = () => (name in parts.light ? parts.light : parts.sdkPath().sdk)[name];
  Object.defineProperty(exports, name, { enumerable: true, get });
}
`,
  );
  return moduleWith(
    'mcp-sdk.mjs',
    `import { light, provideSdkPath, sdkPath } from ${JSON.stringify(holdfast)};
import { provideParts } from ${JSON.stringify(getters)};
provideParts({ light, provideSdkPath, sdkPath });
export * from ${JSON.stringify(getters)};
`,
  );
}

const moduleWith = (name: string, source: string): string =>
  join(storeByContent(basename(name, '.cjs'), [[name, Buffer.from(source)]]), name);
