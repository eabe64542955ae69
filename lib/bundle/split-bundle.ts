import { basename, dirname, join } from 'node:path';
import { type BuildOptions, buildSync, transformSync } from 'esbuild';
import { type BuildReport, type FilesOfFolder, runBuild, storeByContent } from './esbuild-run.ts';

/**
 * Bundles a function whose rarely needed parts are in files beside `index.cjs`, which it loads on demand. esbuild splits
 * ES modules only, so it writes these, and each file is converted to CommonJS, which starts faster.
 *
 * @param options of the bundle in one file
 * @param half the folder of Holdfast's half
 * @param sdk path of the main module of the MCP SDK
 * @returns the files with their maps, which are not written yet
 */
export function buildSplit(options: BuildOptions, half: string, sdk: string): BuildReport & { split: FilesOfFolder } {
  const fastPath = join(half, 'core/mcp/fast-path');
  const { alias, ...others } = options;
  const outdir = dirname(options.outfile!);
  const report = runBuild({
    ...others,
    outfile: undefined as never,
    outdir,
    entryPoints: {
      index: join(half, 'functions/mcp.mjs'),
      'sdk-path': sdkPathEntry(join(fastPath, 'sdk-path.mjs'), sdk),
    },
    alias: {
      ...alias,
      '@modelcontextprotocol/server': facade(join(fastPath, 'sdk-facade.mjs'), sdk),
      '#server-step': join(fastPath, 'fast-server-step.mjs'),
    },
    format: 'esm',
    splitting: true,
    chunkNames: '[name]-[hash]',
    outExtension: { '.js': '.cjs' },
    sourcemap: 'inline',
    write: false,
  });
  const files = report.files.map(({ path, contents }) => [basename(path), contents] as const);
  return { ...report, files: [], split: files.flatMap(([name, contents]) => toCommonJs(name, contents, outdir)) };
}

/** @returns the file and its map */
export function toCommonJs(name: string, contents: Uint8Array, folder: string): FilesOfFolder {
  const { code, map } = transformSync(Buffer.from(contents).toString(), {
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    minify: true,
    sourcemap: 'external',
    sourcefile: join(folder, name),
    sourcesContent: false,
    // As esbuild bundles them for CommonJS.
    supported: { 'dynamic-import': false },
  });
  return [
    [name, Buffer.from(code)],
    [`${name}.map`, Buffer.from(map)],
  ];
}

/** The file that is loaded on demand: the MCP SDK, and what Holdfast does with it. */
const sdkPathEntry = (holdfast: string, sdk: string): string =>
  moduleWith(
    'sdk-path.mjs',
    `export * from ${JSON.stringify(holdfast)};\nexport * as sdk from ${JSON.stringify(sdk)};\n`,
  );

/**
 * The module that takes the place of `@modelcontextprotocol/server`. An export that needs the SDK is a getter, so the SDK is
 * loaded when the export is first used.
 */
function facade(holdfast: string, sdk: string): string {
  const { outputs } = buildSync({
    entryPoints: [sdk],
    write: false,
    outdir: '.',
    metafile: true,
    format: 'esm',
  }).metafile;
  const names = Object.values(outputs).flatMap(({ exports }) => exports);
  // Not a call of `require` by its name, which would bundle the file.
  const source = `const { light, provideSdkPath, sdkPath } = require(${JSON.stringify(holdfast)});
provideSdkPath(() => (0, require)('./sdk-path.cjs'));
Object.defineProperty(exports, '__esModule', { value: true });
for (const name of ${JSON.stringify(names)}) {
  Object.defineProperty(exports, name, { enumerable: true, get: () => (name in light ? light : sdkPath().sdk)[name] });
}
`;
  return moduleWith('mcp-sdk.cjs', source);
}

const moduleWith = (name: string, source: string): string =>
  join(storeByContent(basename(name, '.cjs'), [[name, Buffer.from(source)]]), name);
