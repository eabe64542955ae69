import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EMULATOR_VARIABLE } from '../package-files.ts';
import type { BundledValues } from './esbuild-run.ts';

/** The arguments of a bundle that contains an owner's server. */
export type ServerBuild = {
  /** Path of the module that exports `createServer`. */
  server: string;
  values: BundledValues;
  optimizations: boolean;
  /** Whether the fast path answers common messages. @default false */
  fastPath?: boolean;
  /** Packages that the bundle does not contain. */
  external: readonly string[];
  /**
   * Absolute path of the folder of the project that the bundle's folder in the asset stands for, if files of the project
   * are in the asset: `import.meta` of each module then names the place of the module among them.
   */
  placedIn?: string;
  /** Absolute path of Holdfast's half of the bundle, if it was built before. */
  half?: string;
};

/** How a bundle was built: the local emulator repeats the build when the server changes, without the CDK app. */
export type BuildRecord = {
  build: ServerBuild;
  /** Absolute paths of the modules in the bundle. */
  modules: string[];
  /** The main module of the CDK app. */
  app: string | undefined;
};

/** @param assembly the output folder of the CDK app */
export const recordsFolder = (assembly: string): string => join(assembly, 'builds');

/** Records the build of a bundle, if the local emulator runs the CDK app. */
export function recordBuild(bundle: string, build: ServerBuild, modules: string[]): void {
  const { [EMULATOR_VARIABLE]: isLocal, CDK_OUTDIR } = process.env;
  if (isLocal === undefined || CDK_OUTDIR === undefined) return;
  const folder = recordsFolder(CDK_OUTDIR);
  mkdirSync(folder, { recursive: true });
  const record: BuildRecord = { build, modules, app: process.argv[1] };
  writeFileSync(recordOf(folder, bundle), JSON.stringify(record));
}

/** @returns undefined for a bundle without an owner's server */
export function readBuildRecord(folder: string, bundle: string): BuildRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordOf(folder, bundle), 'utf8')) as BuildRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** By the content of the bundle, because CDK moves its file. */
const recordOf = (folder: string, bundle: string) =>
  join(folder, `${createHash('sha256').update(readFileSync(bundle)).digest('hex')}.json`);
