import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type { BuildOptions } from 'esbuild';
import type { ScopeSet } from '../../lambda/shared/scope-set.ts';
import { type BuildReport, buildModules, root, runBuild, scopesModule, substitutes } from './esbuild-run.ts';

const require = createRequire(import.meta.url);
const sdk = join(dirname(require.resolve('@modelcontextprotocol/server')), '..');
const inLambda = (file: string) => join(root, 'lambda', file);

/** Packages that Holdfast and the owner's server share: two copies of a class or of a schema would not know each other. */
const sharedPackages = ['@modelcontextprotocol/*', 'zod', 'zod/*'];

/**
 * The bundle of the MCP function and of its worker, which contain the owner's server. It is built in two steps, so that
 * what Holdfast does for a fast cold start applies to its own modules only, and the owner's code is bundled as on any
 * Node.js server.
 * 1. Holdfast's half: the ES modules of its packages, as they permit tree shaking. `#server` and `#scopes` stay imports.
 * 2. The function: the first half and the owner's code, with esbuild's defaults for Node.js.
 *
 * @param server path of the module that exports `createServer`
 * @param external packages that the Lambda runtime provides
 */
export function bundleServer(
  server: string,
  outfile: string,
  scopes: ScopeSet,
  external: readonly string[],
  optimizations: boolean,
): BuildReport {
  const half = buildModules('server', inLambda(''), {
    entryPoints: ['functions/mcp.ts', 'core/mcp/mcp-http.ts', 'server-api.ts'].map(inLambda),
    mainFields: ['module', 'main'],
    // `module` is esbuild's default, which the option replaces.
    conditions: [...(optimizations ? [] : ['no-optimizations']), 'module'],
    alias: substitutes,
    external: ['#server', '#scopes', ...sharedPackages, ...external],
  });
  return runBuild({
    entryPoints: [join(half, 'functions/mcp.mjs')],
    outfile,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    alias: {
      '#server': resolve(server),
      '#scopes': scopesModule(scopes),
      '#mcp-http': join(half, 'core/mcp/mcp-http.mjs'),
      'holdfast/server': join(half, 'server-api.mjs'),
      // The SDK's shims for Node load ajv eagerly; those for browsers validate JSON schemas without it.
      '@modelcontextprotocol/server/_shims': join(sdk, 'dist/shimsBrowser.mjs'),
      ...(optimizations && sdkWithoutUndici()),
    },
    inject: [inLambda('adapters/substitutes/zod-without-eval.ts'), inLambda('adapters/substitutes/import-meta.ts')],
    define: {
      'import.meta.url': 'importMetaUrl',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    external: [...external],
  });
}

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
  const folder = buildModules('sdk', sdk, {
    entryPoints: sources.map(({ source }) => join(sdk, source)),
    packages: 'external',
    inject: [inLambda('adapters/substitutes/sdk-globals.ts')],
  } satisfies BuildOptions);
  sdkModules = Object.fromEntries(sources.map(({ name, source }) => [name, join(folder, source)]));
  return sdkModules;
}
