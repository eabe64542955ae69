import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { AssetCode, type CodeConfig } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { type BuildFailure, type BuildOptions, buildSync, type OutputFile } from 'esbuild';
import { ConfigurationError } from '../settings/configuration-error.ts';
import type { HoldfastSettings } from '../settings/holdfast-settings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sdk = join(dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/server')), '..');

/**
 * Replacements of modules that a function on Lambda does not need:
 * - the MCP SDK's shims for Node load ajv eagerly; those for browsers validate JSON schemas without it;
 * - the AWS SDK clients include event streams, which none of the operations in use has;
 * - the default credential chain includes profiles, SSO and instance metadata; Lambda sets the environment.
 */
const substitutes = {
  '@modelcontextprotocol/server/_shims': join(sdk, 'dist/shimsBrowser.mjs'),
  '@smithy/core/event-streams': join(root, 'lambda/adapters/substitutes/no-event-streams.ts'),
  '@aws-sdk/credential-provider-node': join(root, 'lambda/adapters/substitutes/environment-credentials.ts'),
};

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
  const cache = join(root, 'node_modules/.cache/holdfast');
  const outdir = join(cache, 'sdk');
  const { outputFiles } = buildSync({
    absWorkingDir: root,
    entryPoints: sources.map(({ source }) => join(sdk, source)),
    outbase: sdk,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    external: [join(root, 'lambda/core/mcp/mcp-http.ts')],
    inject: [join(root, 'lambda/adapters/substitutes/sdk-globals.ts')],
    logLevel: 'silent',
    write: false,
  });
  const folder = storeByContent(outputFiles, outdir, cache);
  sdkModules = Object.fromEntries(sources.map(({ name, source }) => [name, join(folder, source)]));
  return sdkModules;
}

/**
 * Writes the files to a folder named by their content. The folder is renamed into place as a whole, because builds can
 * run concurrently.
 * @param outdir the folder that the files' paths are below
 * @returns the path of the folder
 */
function storeByContent(files: OutputFile[], outdir: string, cache: string): string {
  const hash = createHash('sha256');
  for (const { contents } of files) hash.update(contents);
  const folder = join(cache, `sdk-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const temporary = mkdtempSync(join(cache, 'sdk-'));
  for (const { path, contents } of files) {
    const file = join(temporary, relative(outdir, path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
  }
  try {
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/**
 * Loaded only to fetch the client secret of an external identity provider, once per execution environment, so the copy
 * in the Lambda runtime suffices.
 */
const runtimePackages = ['@aws-sdk/client-secrets-manager'];

export interface FunctionBundleOptions {
  /**
   * Packages that the function loads lazily and rarely, from the copies of the Lambda runtime.
   * @default - the Secrets Manager client only
   */
  readonly providedByLambda?: readonly string[];
  /**
   * Absolute path of the script of a page that the function serves. The asset contains its files, compressed.
   * @default - no page
   */
  readonly page?: string;
  /**
   * Selects `#table-client` and `#sdk-shortcuts` (`imports` in package.json), and the `Response` of the MCP SDK.
   * @default true
   */
  readonly optimizations?: HoldfastSettings['optimizations'];
}

/**
 * The code of a function, bundled into one CommonJS file, `index.cjs`. CommonJS starts faster than ESM; the packages' ESM
 * sources (`mainFields`) permit tree shaking. The AWS SDK is bundled, because the copy in the Lambda runtime takes twice
 * as long to load. The asset hash is that of the output, so that a deployment without changes updates no function.
 */
export class FunctionBundle extends AssetCode {
  readonly #errors: string[];

  /** @param entry absolute path of the file that exports `handler` */
  constructor(entry: string, { providedByLambda = [], page, optimizations = true }: FunctionBundleOptions = {}) {
    const errors: string[] = [];
    super(dirname(entry), {
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        image: DockerImage.fromRegistry('unused'),
        // CDK bundles once for equal options and ignores `local` in the comparison, so the command identifies the entry.
        command: [relative(root, entry), `optimizations=${optimizations}`],
        local: {
          tryBundle(outputDirectory) {
            const outfile = join(outputDirectory, 'index.cjs');
            errors.push(...bundleFunction(entry, outfile, [...runtimePackages, ...providedByLambda], optimizations));
            if (page !== undefined) errors.push(...bundlePage(page, outputDirectory));
            if (errors.length > 0) throw new ConfigurationError(errors.join('\n'));
            return true;
          },
        },
      },
    });
    this.#errors = errors;
  }

  /** @throws ConfigurationError with a line for each build error, without CDK's message about its temporary folders */
  override bind(scope: Construct): CodeConfig {
    try {
      return super.bind(scope);
    } catch (error) {
      if (this.#errors.length === 0) throw error;
      throw new ConfigurationError(this.#errors.join('\n'), { cause: error });
    }
  }
}

/** @returns the build errors, as `file:line:column: text` */
function bundleFunction(entry: string, outfile: string, external: string[], optimizations: boolean): string[] {
  return runBuild({
    entryPoints: [entry],
    outfile,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    mainFields: ['module', 'main'],
    // `module` is esbuild's default, which the option replaces.
    conditions: [...(optimizations ? [] : ['no-optimizations']), ...conditionsOfNode(), 'module'],
    alias: { ...substitutes, ...(optimizations && sdkWithoutUndici()) },
    external,
  }).errors;
}

/**
 * The conditions of this process (`node --conditions`): `#server` and `#scopes` are the same files in the bundles as in the
 * app that builds them.
 */
function conditionsOfNode(): string[] {
  const options = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  return Array.from(options.matchAll(/(?:^|\s)(?:--conditions|-C)[ =](\S+)/g), ([, condition]) => condition!);
}

/** @returns the build errors of the page */
function bundlePage(entry: string, outdir: string): string[] {
  const { files, errors } = runBuild({
    entryPoints: [entry],
    outdir,
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
  });
  for (const { path, contents } of files) writeFileSync(`${path}.gz`, gzipSync(contents, { level: 9 }));
  return errors;
}

function runBuild(options: BuildOptions): { files: OutputFile[]; errors: string[] } {
  try {
    const result = buildSync({
      absWorkingDir: root,
      bundle: true,
      minify: true,
      logLevel: 'silent',
      ...options,
    });
    return { files: result.outputFiles ?? [], errors: [] };
  } catch (error) {
    const { errors: messages } = error as Partial<BuildFailure>;
    if (messages === undefined) throw error;
    const errors = messages.map(({ location, text }) =>
      location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`,
    );
    return { files: [], errors };
  }
}
