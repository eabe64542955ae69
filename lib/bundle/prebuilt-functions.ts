import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { BuildOptions } from 'esbuild';
import { isPublished, moduleFile, packageFolder } from '../package-files.ts';
import { buildOnce } from './build-cache.ts';
import { type BundledValues, type FilesOfFolder, substitutes } from './esbuild-run.ts';

/** The parts of a function beside the module of its name in `lambda/functions/`. */
type FunctionParts = {
  /** The script in `lambda/web` of a page that it serves. The asset contains the files of the page. */
  page?: string;
  /** The path in the package, without extension, of a module that it loads on demand, from a file beside the bundle. */
  module?: string;
};

/** The translations of the pages of sign-in and discovery. */
const languages = 'lambda/core/oauth/pages/languages/page-languages';

const functions = {
  aggregation: {},
  authorizer: {},
  dashboard: { page: 'main.tsx' },
  'dashboard-sign-in': { module: languages },
  discovery: { module: languages },
  oauth: { module: languages },
  'public-key-reader': {},
  telemetry: {},
  'upstream-keys': {},
} satisfies Record<string, FunctionParts>;

/**
 * A function that the published package contains built in advance: the same in each project, because it contains no code of
 * the owner. The audit tools are not among them: they contain the MCP SDK, of which each project has its own copy.
 */
export type PrebuiltFunction = keyof typeof functions;

/**
 * Loaded only to fetch the client secret of an external identity provider, once per execution environment, so the copy
 * in the Lambda runtime suffices.
 */
const secretsManager = '@aws-sdk/client-secrets-manager';

export type BuiltFunction = {
  /** The files of the asset: `index.cjs`, and what is beside it. */
  files: FilesOfFolder;
  /** As `file:line:column: text`. */
  errors: string[];
  warnings: string[];
};

/** The function, without the values of a deployment (`withValues`): from the published package, or built from its sources. */
export const readFunction = (name: PrebuiltFunction): BuiltFunction =>
  isPublished ? { files: readPrebuilt(name), errors: [], warnings: [] } : buildFunction(name);

/**
 * One CommonJS file, in which `#scopes` and `#branding` stay imports. CommonJS starts faster than ESM; the packages' ESM
 * sources (`mainFields`) permit tree shaking. The AWS SDK is bundled, because the copy in the Lambda runtime takes twice as
 * long to load.
 */
function buildFunction(name: PrebuiltFunction): BuiltFunction {
  const { page, module }: FunctionParts = { ...functions[name] };
  const parts = [
    build({
      entryPoints: [moduleFile(`lambda/functions/${name}`)],
      outfile: 'index.cjs',
      platform: 'node',
      target: 'node24',
      format: 'cjs',
      mainFields: ['module', 'main'],
      // `module` is esbuild's default, which the option replaces.
      conditions: ['module'],
      alias: substitutes,
      external: ['#scopes', '#branding', secretsManager],
    }),
    ...(page === undefined ? [] : [buildPage(page)]),
    ...(module === undefined ? [] : [buildModule(module)]),
  ];
  return {
    files: parts.flatMap(({ files }) => files),
    errors: parts.flatMap(({ errors }) => errors),
    warnings: parts.flatMap(({ warnings }) => warnings),
  };
}

const buildPage = (script: string): BuiltFunction =>
  build({
    entryPoints: [join(packageFolder, 'lambda/web', script)],
    outdir: '.',
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { 'process.env.NODE_ENV': '"production"' },
  });

const buildModule = (name: string): BuiltFunction =>
  build({
    entryPoints: [moduleFile(name)],
    outdir: '.',
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    target: 'node24',
    format: 'esm',
    charset: 'utf8',
  });

function build(options: BuildOptions): BuiltFunction {
  const { files, errors, warnings } = buildOnce(options);
  return { files: files.map(({ path, contents }) => [basename(path), contents]), errors, warnings };
}

const valueImport = /\brequire\("#(scopes|branding)"\)/g;

/** The files with the values of a deployment in place of the imports, so that a function starts with one file. */
export const withValues = (files: FilesOfFolder, values: BundledValues): FilesOfFolder =>
  files.map(([path, contents]) =>
    path === 'index.cjs'
      ? [
          path,
          Buffer.from(
            Buffer.from(contents)
              .toString()
              .replace(valueImport, (_, name) => literalOf(name, values)),
          ),
        ]
      : [path, contents],
  );

const literalOf = (name: string, values: BundledValues) =>
  JSON.stringify({ [name]: values[name as keyof BundledValues] });

/** The text of each file, by its path and function. */
type Archive = Record<string, Record<string, string>>;

/** The functions in the published package. */
export const functionsFile = join(packageFolder, 'prebuilt/functions.json.br');

let archive: Archive | undefined;

function readPrebuilt(name: PrebuiltFunction): FilesOfFolder {
  archive ??= JSON.parse(brotliDecompressSync(readFileSync(functionsFile)).toString()) as Archive;
  return Object.entries(archive[name]!).map(([path, text]) => [path, Buffer.from(text)]);
}

/**
 * Builds all functions for the published package. They have most of their modules in common, such as those of the AWS SDK,
 * and each is one file. Compressed together by Brotli, whose window is larger than all of them, they take two thirds of the
 * size that they have in a tarball, and no chunk has to be loaded apart at a cold start.
 *
 * @throws Error for a build error
 */
export function packFunctions(): Buffer {
  const built: Archive = {};
  for (const name of Object.keys(functions) as PrebuiltFunction[]) {
    const { files, errors } = buildFunction(name);
    if (errors.length > 0) throw new Error(errors.join('\n'));
    built[name] = Object.fromEntries(files.map(([path, contents]) => [path, Buffer.from(contents).toString()]));
  }
  const largestWindow = { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS };
  return brotliCompressSync(JSON.stringify(built), { params: largestWindow });
}
