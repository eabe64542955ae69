import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { AssetCode, type CodeConfig } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { type BuildFailure, type BuildOptions, buildSync, type OutputFile } from 'esbuild';
import { Mistake } from './mistake.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const sdk = dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/server'));

/**
 * Modules that a function on Lambda has no use for, and what stands in for them:
 * - the SDK's shims for Node load ajv eagerly; those for browsers validate JSON schemas without it;
 * - DynamoDB's client has a cache for endpoints that it never discovers;
 * - the clients have event streams, which no operation that is asked for has;
 * - the default credential chain carries profiles, SSO and instance metadata; on Lambda the environment has the answer.
 */
const substitutes = {
  '@modelcontextprotocol/server/_shims': join(sdk, 'shimsBrowser.mjs'),
  '@aws-sdk/middleware-endpoint-discovery': join(root, 'lambda/adapters/no-endpoint-discovery.ts'),
  '@smithy/core/event-streams': join(root, 'lambda/adapters/no-event-streams.ts'),
  '@aws-sdk/credential-provider-node': join(root, 'lambda/adapters/environment-credentials.ts'),
};

/**
 * Loaded only to fetch the client secret of an external identity provider, and then once in the life of a function:
 * Lambda's own copy will do.
 */
const seldomNeeded = ['@aws-sdk/client-secrets-manager'];

/**
 * A door as one CommonJS file, `index.cjs`. CommonJS because it starts faster than ESM, and the packages' ESM sources
 * (`mainFields`) because they leave out what is not used. The AWS SDK is bundled: Lambda's own copy takes twice as long
 * to load. The asset is named by its content, so that a deployment without changes changes nothing.
 */
export class Bundle extends AssetCode {
  readonly #mistakes: string[];

  /**
   * @param entry absolute path of the file that exports `handler`
   * @param providedByLambda packages that this door loads late and seldom, and for which Lambda's own copy will do
   * @param page absolute path of the script of a page that this door serves: its files are put beside it, compressed
   */
  constructor(entry: string, providedByLambda: readonly string[] = [], page?: string) {
    const mistakes: string[] = [];
    super(dirname(entry), {
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        image: DockerImage.fromRegistry('unused'),
        // CDK builds once for equal options, and a function does not count among them: this tells the doors apart.
        command: [relative(root, entry)],
        local: {
          tryBundle(outputDirectory) {
            mistakes.push(...build(entry, join(outputDirectory, 'index.cjs'), [...seldomNeeded, ...providedByLambda]));
            if (page !== undefined) mistakes.push(...buildPage(page, outputDirectory));
            if (mistakes.length > 0) throw new Mistake(mistakes.join('\n'));
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
      throw new Mistake(this.#mistakes.join('\n'), { cause: error });
    }
  }
}

/** @returns what is wrong with the source, as `file:line:column: text` */
function build(entry: string, outfile: string, external: string[]): string[] {
  return attempt({
    entryPoints: [entry],
    outfile,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    mainFields: ['module', 'main'],
    alias: substitutes,
    external,
  }).mistakes;
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
