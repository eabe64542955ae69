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
 * Modules that a function on Lambda has no use for, and what stands in for them:
 * - the SDK's shims for Node load ajv eagerly; those for browsers validate JSON schemas without it;
 * - the clients have event streams, which no operation that is asked for has;
 * - the default credential chain carries profiles, SSO and instance metadata; on Lambda the environment has the answer.
 */
const substitutes = {
  '@modelcontextprotocol/server/_shims': join(sdk, 'dist/shimsBrowser.mjs'),
  '@smithy/core/event-streams': join(root, 'lambda/adapters/substitutes/no-event-streams.ts'),
  '@aws-sdk/credential-provider-node': join(root, 'lambda/adapters/substitutes/environment-credentials.ts'),
};

let sdkBuilt: Record<string, string> | undefined;

/**
 * The SDK, built once more so that it answers with our own `Response` (`lambda/core/mcp/mcp-http.ts`): the platform's would load
 * undici for it, which is 20 ms of a cold start. It alone is built so: a tool that fetches has the platform's classes.
 *
 * @returns where each of its parts is found
 */
function sdkWithoutUndici(): Record<string, string> {
  if (sdkBuilt) return sdkBuilt;
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
  // Named by what is in it, and there as a whole or not at all: others may be building at the same time.
  const hash = createHash('sha256');
  for (const { contents } of outputFiles) hash.update(contents);
  const folder = join(cache, `sdk-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    const unfinished = mkdtempSync(join(cache, 'sdk-'));
    for (const { path, contents } of outputFiles) {
      const file = join(unfinished, relative(outdir, path));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, contents);
    }
    try {
      renameSync(unfinished, folder);
    } catch (error) {
      rmSync(unfinished, { recursive: true });
      if (!existsSync(folder)) throw error;
    }
  }
  sdkBuilt = Object.fromEntries(sources.map(({ name, source }) => [name, join(folder, source)]));
  return sdkBuilt;
}

/**
 * Loaded only to fetch the client secret of an external identity provider, and then once in the life of a function:
 * Lambda's own copy will do.
 */
const seldomNeeded = ['@aws-sdk/client-secrets-manager'];

export interface FunctionBundleOptions {
  /**
   * Packages that this door loads late and seldom, and for which Lambda's own copy will do.
   * @default - all that is imported is in the bundle
   */
  readonly providedByLambda?: readonly string[];
  /**
   * Absolute path of the script of a page that this door serves: its files are put beside it, compressed.
   * @default - none
   */
  readonly page?: string;
  /**
   * What `#table-client` and `#sdk-shortcuts` are (`imports` in package.json), and which `Response` the MCP SDK has.
   * @default true
   */
  readonly optimizations?: HoldfastSettings['optimizations'];
}

/**
 * A door as one CommonJS file, `index.cjs`. CommonJS because it starts faster than ESM, and the packages' ESM sources
 * (`mainFields`) because they leave out what is not used. The AWS SDK is bundled: Lambda's own copy takes twice as long
 * to load. The asset is named by its content, so that a deployment without changes changes nothing.
 */
export class FunctionBundle extends AssetCode {
  readonly #mistakes: string[];

  /** @param entry absolute path of the file that exports `handler` */
  constructor(entry: string, { providedByLambda = [], page, optimizations = true }: FunctionBundleOptions = {}) {
    const mistakes: string[] = [];
    super(dirname(entry), {
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        image: DockerImage.fromRegistry('unused'),
        // CDK builds once for equal options, and a function does not count among them: this tells the doors apart.
        command: [relative(root, entry), `optimizations=${optimizations}`],
        local: {
          tryBundle(outputDirectory) {
            const outfile = join(outputDirectory, 'index.cjs');
            mistakes.push(...build(entry, outfile, [...seldomNeeded, ...providedByLambda], optimizations));
            if (page !== undefined) mistakes.push(...buildPage(page, outputDirectory));
            if (mistakes.length > 0) throw new ConfigurationError(mistakes.join('\n'));
            return true;
          },
        },
      },
    });
    this.#mistakes = mistakes;
  }

  /** @throws Mistake with a line for each error in the source, without what CDK says about its temporary folders */
  override bind(scope: Construct): CodeConfig {
    try {
      return super.bind(scope);
    } catch (error) {
      if (this.#mistakes.length === 0) throw error;
      throw new ConfigurationError(this.#mistakes.join('\n'), { cause: error });
    }
  }
}

/** @returns what is wrong with the source, as `file:line:column: text` */
function build(entry: string, outfile: string, external: string[], optimizations: boolean): string[] {
  return attempt({
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
  }).mistakes;
}

/**
 * The conditions of this process (`node --conditions`): `#server` and `#scopes` are the same files in the bundles as in the
 * app that builds them.
 */
function conditionsOfNode(): string[] {
  const options = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  return Array.from(options.matchAll(/(?:^|\s)(?:--conditions|-C)[ =](\S+)/g), ([, condition]) => condition!);
}

/** @returns what is wrong with the source of the page */
function buildPage(entry: string, outdir: string): string[] {
  const { files, mistakes } = attempt({
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
  return mistakes;
}

function attempt(options: BuildOptions): { files: OutputFile[]; mistakes: string[] } {
  try {
    const result = buildSync({
      absWorkingDir: root,
      bundle: true,
      minify: true,
      logLevel: 'silent',
      ...options,
    });
    return { files: result.outputFiles ?? [], mistakes: [] };
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>;
    if (errors === undefined) throw error;
    const mistakes = errors.map(({ location, text }) =>
      location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`,
    );
    return { files: [], mistakes };
  }
}
