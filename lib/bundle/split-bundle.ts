import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { type BuildOptions, buildSync, type Metafile, version } from 'esbuild';
import {
  type BuildReport,
  commonJs,
  type FilesOfFolder,
  moduleWith,
  project,
  runBuild,
  writeFiles,
} from './esbuild-run.ts';
import { keptFiles } from './kept-files.ts';
import { buildWithImports } from './kept-imports.ts';
import { findSdkImports, type SdkImports, zodOf } from './sdk-imports.ts';
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
  const alias = (server: string) => ({
    ...options.alias,
    '@modelcontextprotocol/server': server,
    '#server-step': inFastPath('fast-server-step'),
  });
  const outdir = dirname(options.outfile!);
  mkdirSync(outdir, { recursive: true });
  // Links in its path would lead the sources of the maps astray.
  const folder = realpathSync(mkdtempSync(join(outdir, 'parts-')));
  const common = { ...options, outfile: undefined as never, outdir: folder, format: 'esm' as const, write: false };
  const find = () =>
    findSdkImports((probe) => ({ ...common, entryPoints: { onSdk, index }, alias: alias(probe) }), sdk);
  const build = ({ names, hasOneZod }: SdkImports) => {
    const zod = hasOneZod ? copyZod(dirname(zodOf(sdk)!)) : undefined;
    const report = runBuild({
      ...common,
      entryPoints: { index, 'sdk-path': sdkPathEntry(onSdk, sdk, names) },
      alias: { ...alias(facade(inFastPath('sdk-facade'), names)), ...(zod && { zod: zod.folder }) },
      splitting: true,
      chunkNames: '[name]-[hash]',
      outExtension: { '.js': '.cjs' },
      sourcemap: 'inline',
    });
    return { ...report, zod };
  };
  try {
    const { zod, ...report } = buildWithImports([{ ...options, outfile: undefined }, half, sdk], build, find);
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
