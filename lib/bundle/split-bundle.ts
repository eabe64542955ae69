import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { type BuildOptions, buildSync, type Metafile } from 'esbuild';
import { constructedSdkClasses } from '../../lambda/shared/constructed-sdk-classes.ts';
import { type BuildReport, type FilesOfFolder, runBuild, storeByContent, writeFiles } from './esbuild-run.ts';

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
  const locales = localesOfZod(options.alias!['#server']!, sdk);
  mkdirSync(outdir, { recursive: true });
  // Links in its path would lead the sources of the maps astray.
  const folder = realpathSync(mkdtempSync(join(outdir, 'parts-')));
  try {
    const all = exportsOf(sdk);
    const imported = importedNames(
      { ...common, outdir: folder, entryPoints: { onSdk, index }, alias: alias(probe(all)) },
      all,
    );
    const names = [...new Set([...constructedSdkClasses, ...imported])];
    const report = runBuild({
      ...common,
      outdir: folder,
      entryPoints: { index, 'sdk-path': sdkPathEntry(onSdk, sdk, names) },
      external: [...(options.external ?? []), ...(locales === undefined ? [] : [locales])],
      alias: alias(facade(inFastPath('sdk-facade'), names)),
      splitting: true,
      chunkNames: '[name]-[hash]',
      outExtension: { '.js': '.cjs' },
      sourcemap: 'inline',
      write: false,
    });
    if (report.metafile === undefined) return { ...report, split: [] };
    const parts = filesOf(report.files);
    writeFiles(folder, parts);
    if (locales !== undefined) linkLocales(folder, parts, locales);
    const split = toCommonJs(folder, report.metafile, outdir);
    const further = locales === undefined ? [] : fileOfLocales(split, locales, outdir);
    return { ...report, files: [], split: [...split, ...further] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const INDEX = 'index.cjs';

const commonJs = {
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  minify: true,
  sourcemap: 'external',
  sourcesContent: false,
  logLevel: 'silent',
  // As esbuild bundles them for CommonJS.
  supported: { 'dynamic-import': false },
  write: false,
} satisfies BuildOptions;

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
  const bundle = (entries: readonly string[], beside: readonly string[]) =>
    buildSync({
      ...commonJs,
      outdir,
      entryPoints: entries.map((name) => join(folder, name)),
      bundle: true,
      // A pattern, with which esbuild does not change the path.
      external: [...packages, ...[...beside, `${LOCALES}.cjs`].map((name) => `./${name}*`)],
    }).outputFiles;
  const further = [...joined].filter((name) => name !== INDEX);
  const exported = further.map((name, at) => `\nexport * as p${at} from "./${name}";`);
  appendFileSync(join(folder, INDEX), exported.join(''));
  const inIndex = new Map(further.map((name, at) => [`require("./${name}")`, `require("./${INDEX}").p${at}`]));
  // As long as before, so that the map stays correct.
  const linked = (text: string) =>
    text.replace(/require\("[^"]+"\)/g, (found) => inIndex.get(found)?.padEnd(found.length) ?? found);
  return [
    ...filesOf(bundle([INDEX], others)),
    ...bundle(others, [...parts.keys()]).map(({ path, text }): FilesOfFolder[number] => [
      basename(path),
      Buffer.from(linked(text)),
    ]),
  ];
}

/** The languages of Zod's messages: a module in the copy of the server, or of the SDK. */
function localesOfZod(...importers: string[]): string | undefined {
  for (const importer of importers) {
    try {
      return join(dirname(createRequire(importer).resolve('zod/v4/locales')), 'index.js');
    } catch {
      // The server does not import Zod, or another major version.
    }
  }
  return undefined;
}

const LOCALES = 'zod-locales';
const LOCALE_GETTERS = 'zod-locale-getters';

/**
 * Makes the languages of Zod's messages, which take 260 KB, getters that load a file when one of them is used. `import { z }
 * from 'zod'` is an object with everything that Zod exports, so esbuild keeps them.
 *
 * @param parts in which they are an import
 */
function linkLocales(folder: string, parts: FilesOfFolder, locales: string): void {
  const imported = JSON.stringify(relative(folder, locales).split(sep).join('/'));
  // As long as before, so that the maps stay correct.
  const link = JSON.stringify(`./${LOCALE_GETTERS}.cjs`).padEnd(imported.length);
  const linked = parts
    .map(([name, contents]) => [name, Buffer.from(contents).toString()] as const)
    .filter(([, text]) => text.includes(imported))
    .map(([name, text]): FilesOfFolder[number] => [name, Buffer.from(text.replaceAll(imported, link))]);
  const getters = `for (const name of ${JSON.stringify(exportsOf(locales))}) {
  Object.defineProperty(exports, name, { enumerable: true, get: () => (0, require)('./${LOCALES}.cjs')[name] });
}
`;
  // The getters are not among them: esbuild omits the import of a part that does not use them.
  const sideEffects = parts.map(([name]) => `./${name}`);
  writeFiles(folder, [
    ...linked,
    [`${LOCALE_GETTERS}.cjs`, Buffer.from(getters)],
    ['package.json', Buffer.from(JSON.stringify({ sideEffects }))],
  ]);
}

/** @returns the file with the languages, if another file names it */
function fileOfLocales(split: FilesOfFolder, locales: string, outdir: string): FilesOfFolder {
  const isNamed = split.some(([, contents]) => Buffer.from(contents).includes(`./${LOCALES}.cjs`));
  if (!isNamed) return [];
  return filesOf(buildSync({ ...commonJs, outdir, entryPoints: { [LOCALES]: locales }, bundle: true }).outputFiles);
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
function importedNames(options: BuildOptions, names: readonly string[]): readonly string[] {
  const { files, errors } = runBuild({ ...options, minify: false, sourcemap: false, write: false });
  const texts = files.map(({ contents }) => Buffer.from(contents).toString());
  return errors.length > 0 ? names : names.filter((name) => texts.some((text) => text.includes(mark(name))));
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
