import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { type BuildOptions, buildSync, version } from 'esbuild';
import { isPublished, moduleFile, packageFolder } from '../package-files.ts';
import { buildModules } from './build-cache.ts';
import { recordBuild, type ServerBuild } from './build-record.ts';
import {
  aliasesOf,
  type BuildReport,
  type BundledValues,
  type FilesOfFolder,
  project,
  runBuild,
  storeByContent,
  storeByInputs,
  substitutes,
  writeFiles,
} from './esbuild-run.ts';
import { linkPackages } from './linked-packages.ts';
import { placedMeta, placeModules } from './module-places.ts';
import { keepOwnersLines } from './source-map.ts';
import { buildSplit } from './split-bundle.ts';

const require = createRequire(import.meta.url);
const sdk = join(dirname(require.resolve('@modelcontextprotocol/server')), '..');

/** Packages that Holdfast and the owner's server share: two copies of a class or of a schema would not know each other. */
const sharedPackages = ['@modelcontextprotocol/*', 'zod', 'zod/*'];

/** Clients that the function loads lazily and rarely, from the copies of the Lambda runtime. */
const runtimePackages = ['@aws-sdk/client-secrets-manager', '@aws-sdk/client-lambda'];

/** The folder of the modules that are injected into the bundle. */
const injected = join(packageFolder, 'lambda/adapters/substitutes', sep);

const sdkV1 = /(^|\/)@modelcontextprotocol\/sdk\//;

/** Whether a bundle with these modules contains the bridge from SDK v1 to 2026-07-28. */
export const hasSdkV1Bridge = (modules: readonly string[]): boolean => modules.some((path) => sdkV1.test(path));

/**
 * The bundle of the MCP function and of its worker, which contain the owner's server. It is built in two steps, so that
 * what Holdfast does for a fast cold start applies to its own modules only, and the owner's code is bundled as on any
 * Node.js server.
 * 1. Holdfast's half: the ES modules of its packages, as they permit tree shaking. The published package contains it. What
 *    depends on the deployment stays an import.
 * 2. The function: the first half and the owner's code, with esbuild's defaults for Node.js. If that imports SDK v1, the
 *    step is repeated with the bridge to 2026-07-28, so that other functions do not contain it.
 */
export function bundleServer(given: ServerBuild, outfile: string): BuildReport {
  const build = { ...given, half: given.half ?? folderOfHalf() };
  const withoutBridge = buildWithoutMissing('no-sdk-v1-bridge', build, outfile);
  const report = hasSdkV1Bridge(withoutBridge.modules)
    ? buildWithoutMissing('sdk-v1-bridge', build, outfile)
    : withoutBridge;
  if (report.errors.some((line) => missesCreateServer.test(line))) {
    return { ...report, errors: [missingExport(build.server)] };
  }
  if (report.errors.length > 0) return report;
  writeFiles(dirname(outfile), report.split ?? []);
  if (build.placedIn !== undefined) placeModules(outfile, build.placedIn, isOwners);
  keepOwnersLines(outfile, project, isOwners);
  for (const [path] of report.split ?? []) {
    const map = join(dirname(outfile), path);
    if (map.endsWith('.map') && map !== `${outfile}.map`)
      keepOwnersLines(map.slice(0, -'.map'.length), project, isOwners, { onlyIfAny: true });
  }
  recordBuild(outfile, build, report.modules);
  return report;
}

/** Packages are in `node_modules`, and so is Holdfast's half: in the published package, or in the cache. */
const isOwners = (path: string): boolean => !path.includes(`${sep}node_modules${sep}`) && !path.startsWith(injected);

type Bridge = 'sdk-v1-bridge' | 'no-sdk-v1-bridge';
type BuildWithHalf = ServerBuild & { half: string };

/**
 * Packages name optional ones that are not installed, such as the drivers of knex. They stay imports, which fail if they are
 * used, as on any Node.js server.
 */
function buildWithoutMissing(bridge: Bridge, build: BuildWithHalf, outfile: string): BuildReport {
  const report = buildFunction(bridge, build, outfile);
  if (report.missing.length === 0) return report;
  return buildWithoutMissing(bridge, { ...build, external: [...build.external, ...report.missing] }, outfile);
}

function buildFunction(
  bridge: Bridge,
  { server, values, optimizations, fastPath = false, external, placedIn, half }: BuildWithHalf,
  outfile: string,
): BuildReport {
  const common = functionOptions(half, 'mcp', bridge, values, optimizations);
  const options: BuildOptions = {
    ...common,
    outfile,
    alias: { '#server': resolve(server), ...common.alias },
    inject: ['mapped-stacks', 'zod-without-eval', 'import-meta'].map((name) =>
      moduleFile(`lambda/adapters/substitutes/${name}`),
    ),
    sourcemap: 'external',
    sourcesContent: false,
    define: placedIn === undefined ? bundleMeta : placedMeta,
    external: [...runtimePackages, ...external],
  };
  const isPlain = bridge === 'no-sdk-v1-bridge' && placedIn === undefined;
  // When esbuild splits a bundle, it does not keep how an ES module imports a package that is not bundled.
  const splits = fastPath && optimizations && isPlain && external.length === 0;
  return splits ? buildSplit(options, half, sdkWithoutUndici()['@modelcontextprotocol/server']!) : runBuild(options);
}

/** The bundle of the audit tools: a server of Holdfast's on the same pipeline. */
export const bundleAuditTools = (values: BundledValues, optimizations: boolean, outfile: string): BuildReport =>
  runBuild({
    ...functionOptions(folderOfHalf(), 'audit-tools', 'no-sdk-v1-bridge', values, optimizations),
    outfile,
    inject: [moduleFile('lambda/adapters/substitutes/zod-without-eval')],
    external: runtimePackages,
  });

/** The second step, for a function of the first one that contains the MCP SDK. */
function functionOptions(
  half: string,
  name: string,
  bridge: Bridge,
  values: BundledValues,
  optimizations: boolean,
): BuildOptions {
  const inHalf = (path: string) => join(half, `${path}.mjs`);
  return {
    entryPoints: [inHalf(`functions/${name}`)],
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    alias: {
      ...aliasesOf(values),
      '#mcp-http': inHalf('core/mcp/mcp-http'),
      '#server-step': inHalf('core/mcp/fast-path/no-fast-path'),
      '#sdk-v1-bridge': inHalf(`core/mcp/sdk/${bridge}`),
      '#sdk-shortcuts': inHalf(`core/mcp/sdk/${optimizations ? '' : 'no-'}sdk-shortcuts`),
      '#table-client': inHalf(`adapters/dynamodb/client/${optimizations ? 'signed' : 'sdk'}-table-client`),
      'holdfast/server': inHalf('server-api'),
      // The SDK's shims for Node load ajv eagerly; those for browsers validate JSON schemas without it.
      '@modelcontextprotocol/server/_shims': join(sdk, 'dist/shimsBrowser.mjs'),
      ...(optimizations && sdkWithoutUndici()),
    },
    // Packages of the SDK, where the package manager does not install them beside the owner's.
    nodePaths: [join(sdk, '../..')],
  };
}

/** `import.meta` of each module is that of the bundle. */
const bundleMeta = {
  'import.meta.url': 'importMeta.url',
  'import.meta.dirname': '__dirname',
  'import.meta.filename': '__filename',
};

/** The error of esbuild, which names a module of Holdfast as the place. */
const missesCreateServer = /No matching export in ".*" for import "createServer"$/;

function missingExport(server: string): string {
  const { outputs } = buildSync({
    entryPoints: [resolve(server)],
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'silent',
    write: false,
    metafile: true,
  }).metafile;
  const names = Object.values(outputs).flatMap(({ exports }) => exports);
  const exported =
    names.length > 0 ? `exports ${names.join(', ')}, and not createServer` : 'does not export createServer';
  return `${relative('', server)} ${exported}: export function createServer(context) { … }, which returns your server`;
}

/** The modules of the half that are imported by their paths, which are those below `lambda`. */
const modulesOfHalf = [
  'functions/mcp',
  'functions/audit-tools',
  'core/mcp/mcp-http',
  'core/mcp/sdk/sdk-v1-bridge',
  'core/mcp/sdk/no-sdk-v1-bridge',
  'core/mcp/sdk/sdk-shortcuts',
  'core/mcp/sdk/no-sdk-shortcuts',
  'adapters/dynamodb/client/signed-table-client',
  'adapters/dynamodb/client/sdk-table-client',
  ...['fast-server-step', 'no-fast-path', 'sdk-facade', 'sdk-path'].map((name) => `core/mcp/fast-path/${name}`),
  'server-api',
];

/** `holdfast/testing` runs the pipeline of the same half, whose classes are those that a server imports from `holdfast/server`. */
const inProcessServer = 'testing/in-process-server';

/** Imports of the half. Their modules depend on the deployment. */
const choices = [
  '#server',
  '#scopes',
  '#branding',
  '#server-step',
  '#sdk-v1-bridge',
  '#sdk-shortcuts',
  '#table-client',
];

/** The clients of the AWS SDK that `optimizations: false` bundles. */
const sdkTableClient = ['@aws-sdk/client-dynamodb', '@aws-sdk/lib-dynamodb'];

/** Builds the modules of Holdfast's half. */
export const buildHalf = (): FilesOfFolder =>
  buildModules({
    entryPoints: [
      ...modulesOfHalf.map((name) => ({ in: moduleFile(`lambda/${name}`), out: name })),
      { in: moduleFile(`local/${inProcessServer}`), out: inProcessServer },
    ],
    mainFields: ['module', 'main'],
    // `module` is esbuild's default, which the option replaces.
    conditions: ['module'],
    alias: substitutes,
    external: [...choices, ...sharedPackages, ...runtimePackages, ...sdkTableClient],
  });

/** The half in the published package. */
export const prebuiltHalf = join(packageFolder, 'prebuilt/server');

const folderOfHalf = (): string => (isPublished ? prebuiltHalf : storeByContent('server', buildHalf()));

let sdkModules: Record<string, string> | undefined;

/**
 * Rebuilds the MCP SDK to use the `Response` of `lambda/core/mcp/mcp-http.ts`, because the platform's class loads undici,
 * which takes 20 ms of a cold start. Only the SDK is rebuilt: a tool that calls `fetch` has the platform's classes.
 *
 * @returns the path of each of its modules, by import name
 */
function sdkWithoutUndici(): Record<string, string> {
  if (sdkModules) return sdkModules;
  const { exports } = JSON.parse(readFileSync(join(sdk, 'package.json'), 'utf8')) as {
    exports: Record<string, { import: { default: string } }>;
  };
  const sources = Object.entries(exports)
    .filter(([name]) => name !== './_shims')
    .map(([name, { import: source }]) => ({
      name: join('@modelcontextprotocol/server', name),
      source: source.default,
    }));
  const globals = moduleFile('lambda/adapters/substitutes/sdk-globals');
  const files = [globals, ...globSync(join(sdk, 'dist/**/*.mjs')).sort()];
  const inputs = [version, ...files.map((file) => readFileSync(file))];
  const folder = storeByInputs('sdk', inputs, () =>
    buildModules({
      outbase: sdk,
      entryPoints: sources.map(({ source }) => join(sdk, source)),
      packages: 'external',
      inject: [globals],
    }),
  );
  linkDependencies(folder);
  sdkModules = Object.fromEntries(sources.map(({ name, source }) => [name, join(folder, source)]));
  return sdkModules;
}

/** Links the SDK's dependencies beside its modules, which are not in the SDK's folder: an owner may use other versions. */
function linkDependencies(folder: string): void {
  const { dependencies } = JSON.parse(readFileSync(join(sdk, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const paths = createRequire(join(sdk, 'package.json')).resolve.paths('x') ?? [];
  linkPackages(folder, Object.keys(dependencies), paths);
}
