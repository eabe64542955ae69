import { dirname, join, relative, resolve, sep } from 'node:path';
import { AssetCode, type CodeConfig } from 'aws-cdk-lib/aws-lambda';
import { AssetHashType, DockerImage } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { EMULATOR_VARIABLE, isPublished, packageFolder } from '../package-files.ts';
import { ConfigurationError } from '../settings/configuration-error.ts';
import type { HoldfastSettings } from '../settings/holdfast-settings.ts';
import { CODE_LIMIT, copyFolders, sizeOf } from './asset-folders.ts';
import { type BundledValues, project, writeFiles } from './esbuild-run.ts';
import { installPackages } from './external-packages.ts';
import { type PrebuiltFunction, readFunction, withValues } from './prebuilt-functions.ts';
import { bundleAuditTools, bundleServer } from './server-bundle.ts';

/** A module in `lambda/functions/`, without extension. */
export type FunctionEntry = PrebuiltFunction | 'mcp' | 'audit-tools';

/** Folders and packages beside the bundle of a server. */
export type ServerContent = {
  /** Folders of the project, with their files. */
  readonly assets: readonly string[];
  /** Packages that are not bundled. */
  readonly external: readonly string[];
  /** Whether a layer may contain packages. */
  readonly hasLayers: boolean;
};

/** The folder that CDK takes for the source of the asset. */
const sources = join(packageFolder, isPublished ? 'prebuilt' : 'lambda/functions');

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
   * Selects `#table-client` and `#sdk-shortcuts` (`imports` in package.json), and the `Response` of the MCP SDK, in the
   * functions that contain the SDK: those of the server, and the audit tools.
   * @default true
   */
  readonly optimizations?: HoldfastSettings['optimizations'];
  /**
   * Selects `#server-step`, and splits the bundle of a server.
   * @default false
   */
  readonly fastPath?: HoldfastSettings['fastPath'];
}

/**
 * The code of a function in a CommonJS file, `index.cjs`, and files that it loads on demand. The asset hash is that of the
 * output, so that a deployment without changes updates no function.
 */
export class FunctionBundle extends AssetCode {
  readonly #errors: string[];

  constructor(entry: FunctionEntry, options: FunctionBundleOptions) {
    const { server, serverContent = noContent, scopes, branding, optimizations = true, fastPath = false } = options;
    const values = { scopes, branding };
    const errors: string[] = [];
    super(sources, {
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        image: DockerImage.fromRegistry('unused'),
        // CDK bundles once for equal options and ignores `local` in the comparison, so the command identifies the entry.
        command: [
          entry,
          `server=${server}`,
          `content=${JSON.stringify(serverContent)}`,
          `values=${JSON.stringify(values)}`,
          `optimizations=${optimizations}`,
          `fastPath=${fastPath}`,
        ],
        local: {
          tryBundle(outputDirectory) {
            const outfile = join(outputDirectory, bundleFolder(options), 'index.cjs');
            const report =
              server !== undefined
                ? bundleServer(
                    {
                      server,
                      values,
                      optimizations,
                      fastPath,
                      external: serverContent.external,
                      placedIn: serverContent.assets.length > 0 ? join(project, bundleFolder(options)) : undefined,
                    },
                    outfile,
                  )
                : entry === 'audit-tools'
                  ? bundleAuditTools(values, optimizations, outfile)
                  : writeFunction(entry as PrebuiltFunction, values, outputDirectory);
            for (const line of report.warnings) console.warn(`Warning: ${line}`);
            errors.push(...report.errors, ...addContent(serverContent, outputDirectory));
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

/** Writes the asset of a function that contains no code of the owner. */
function writeFunction(name: PrebuiltFunction, values: BundledValues, asset: string) {
  const { files, ...report } = readFunction(name);
  writeFiles(asset, withValues(files, values));
  return report;
}
