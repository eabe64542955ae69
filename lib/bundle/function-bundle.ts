import { cpSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { AssetCode, type CodeConfig } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { EMULATOR_VARIABLE, isPublished, packageFolder } from '../package-files.ts';
import { ConfigurationError } from '../settings/configuration-error.ts';
import type { HoldfastSettings } from '../settings/holdfast-settings.ts';
import { CODE_LIMIT, copyFolders, sizeOf } from './asset-folders.ts';
import {
  aliasesOf,
  type BuildReport,
  type BundledValues,
  type FilesOfFolder,
  project,
  runBuild,
  substitutes,
  writeFiles,
} from './esbuild-run.ts';
import { installPackages } from './external-packages.ts';
import { bundleServer } from './server-bundle.ts';

/**
 * Loaded only to fetch the client secret of an external identity provider, once per execution environment, so the copy
 * in the Lambda runtime suffices.
 */
const runtimePackages = ['@aws-sdk/client-secrets-manager'];

/** Folders and packages beside the bundle of a server. */
export type ServerContent = {
  /** Folders of the project, with their files. */
  readonly assets: readonly string[];
  /** Packages that are not bundled. */
  readonly external: readonly string[];
  /** Whether a layer may contain packages. */
  readonly hasLayers: boolean;
};

const noContent: ServerContent = { assets: [], external: [], hasLayers: false };

export interface FunctionBundleOptions extends BundledValues {
  /**
   * Path of the owner's server, which the function contains.
   * @default - the function contains no server
   */
  readonly server?: string;
  /**
   * The content of the function beside the server.
   * @default - nothing
   */
  readonly serverContent?: ServerContent;
  /**
   * Packages that the function loads lazily and rarely, from the copies of the Lambda runtime.
   * @default - the Secrets Manager client only
   */
  readonly providedByLambda?: readonly string[];
  /**
   * Absolute path of the script of a page that the function serves. The asset contains its files.
   * @default - no page
   */
  readonly page?: string;
  /**
   * Absolute path of a module that the function loads on demand, from an ES module of the same name beside the bundle.
   * @default - none
   */
  readonly module?: string;
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
  constructor(entry: string, options: FunctionBundleOptions) {
    const { server, serverContent = noContent, scopes, branding, providedByLambda = [], page, module } = options;
    const { optimizations = true } = options;
    const external = [...runtimePackages, ...providedByLambda];
    const values = { scopes, branding };
    const errors: string[] = [];
    super(dirname(entry), {
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        image: DockerImage.fromRegistry('unused'),
        // CDK bundles once for equal options and ignores `local` in the comparison, so the command identifies the entry.
        command: [
          relative(packageFolder, entry),
          `server=${server}`,
          `content=${JSON.stringify(serverContent)}`,
          `values=${JSON.stringify(values)}`,
          `optimizations=${optimizations}`,
        ],
        local: {
          tryBundle(outputDirectory) {
            const outfile = join(outputDirectory, bundleFolder(options), 'index.cjs');
            const reports = [
              server === undefined
                ? bundleFunction(entry, outfile, values, external, optimizations)
                : bundleServer(
                    {
                      server,
                      values,
                      optimizations,
                      external: serverContent.external,
                      placedIn: serverContent.assets.length > 0 ? join(project, bundleFolder(options)) : undefined,
                    },
                    outfile,
                  ),
              ...(page === undefined ? [] : [bundlePage(page, outputDirectory)]),
              ...(module === undefined ? [] : [bundleModule(module, outputDirectory)]),
            ];
            for (const line of reports.flatMap(({ warnings }) => warnings)) console.warn(`Warning: ${line}`);
            errors.push(...reports.flatMap((report) => report.errors), ...addContent(serverContent, outputDirectory));
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

/**
 * The folder of the bundle in the asset. With `assets` it is that of the server in the project, so that paths relative to
 * `import.meta.url` are the same.
 */
export function bundleFolder({
  server,
  serverContent,
}: Pick<FunctionBundleOptions, 'server' | 'serverContent'>): string {
  if (server === undefined || !serverContent?.assets.length) return '';
  const folder = relative(project, dirname(resolve(server)));
  return folder === '' || folder.startsWith('..') ? '' : `${folder.split(sep).join('/')}/`;
}

/** @returns errors */
function addContent({ assets, external, hasLayers }: ServerContent, asset: string): string[] {
  const isLocal = process.env[EMULATOR_VARIABLE] !== undefined;
  const errors = [...copyFolders(assets, asset), ...(isLocal ? [] : installPackages(external, asset, hasLayers))];
  if (errors.length > 0 || assets.length + external.length === 0) return errors;
  const size = sizeOf(asset);
  return size > CODE_LIMIT ? [`The function has ${size} bytes; Lambda permits ${CODE_LIMIT} unzipped`] : [];
}

function bundleFunction(
  entry: string,
  outfile: string,
  values: BundledValues,
  external: string[],
  optimizations: boolean,
): BuildReport {
  return runBuild({
    entryPoints: [entry],
    outfile,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    mainFields: ['module', 'main'],
    // `module` is esbuild's default, which the option replaces.
    conditions: [...(optimizations ? [] : ['no-optimizations']), 'module'],
    alias: { ...substitutes, ...aliasesOf(values) },
    external,
  });
}

/** Adds the module to the asset. */
const bundleModule = (entry: string, outdir: string): BuildReport =>
  runBuild({
    entryPoints: [entry],
    outdir,
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    target: 'node24',
    format: 'esm',
    charset: 'utf8',
  });

/** Adds the files of the page to the asset. */
function bundlePage(entry: string, outdir: string): BuildReport {
  if (isPublished) {
    cpSync(prebuiltPage, outdir, { recursive: true });
    return { files: [], errors: [], warnings: [], modules: [], missing: [] };
  }
  const { files, ...report } = buildPage(entry);
  writeFiles(outdir, files);
  return { files: [], ...report };
}

/** The page in the published package. */
export const prebuiltPage = join(packageFolder, 'prebuilt/page');

/** Builds the files of a page. */
export function buildPage(entry: string): Omit<BuildReport, 'files'> & { files: FilesOfFolder } {
  const { files, ...report } = runBuild({
    entryPoints: [entry],
    outdir: dirname(entry),
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
  });
  return {
    files: files.map(({ path, contents }) => [basename(path), contents]),
    ...report,
  };
}
