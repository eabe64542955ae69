import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, parse, resolve } from 'node:path';
import { type BuildFailure, type BuildOptions, buildSync, type Message, type Metafile, type OutputFile } from 'esbuild';
import type { Branding } from '../../lambda/shared/branding.ts';
import type { ScopeSet } from '../../lambda/shared/scope-set.ts';
import { moduleFile } from '../package-files.ts';
import { fileOf } from './metafile.ts';

/**
 * Replacements of modules that Holdfast's own code does not need on Lambda:
 * - the AWS SDK clients include event streams, which none of the operations in use has;
 * - the default credential chain includes profiles, SSO and instance metadata; Lambda sets the environment;
 * - `aws-jwt-verify` loads `https` with itself, and most deployments fetch no keys.
 */
export const substitutes = {
  '@smithy/core/event-streams': moduleFile('lambda/adapters/substitutes/no-event-streams'),
  '@aws-sdk/credential-provider-node': moduleFile('lambda/adapters/substitutes/environment-credentials'),
  https: moduleFile('lambda/adapters/substitutes/https-on-demand'),
};

/** The working directory of the CDK app, which is the owner's project. Errors name files relative to it. */
export const project = process.cwd();

/** A folder for builds that are the same until the package or its sources change. */
export const buildCache = join(project, 'node_modules/.cache/holdfast');

export type BuildReport = {
  files: Pick<OutputFile, 'path' | 'contents'>[];
  /** The files of a split bundle, to be written beside each other. */
  split?: FilesOfFolder;
  /** Undefined after an error. */
  metafile?: Metafile;
  /** As `file:line:column: text`. */
  errors: string[];
  warnings: string[];
  /** Absolute paths of the modules in the bundle, and names of those that it imports from outside. */
  modules: string[];
  /** The modules that packages import and that are not installed, if these are the only errors. */
  missing: string[];
};

/** Options of files that a function loads by `require`. */
export const commonJs = {
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  minify: true,
  sourcemap: 'external',
  sourcesContent: false,
  logLevel: 'silent',
  // As esbuild bundles them for CommonJS.
  supported: { 'dynamic-import': false },
  write: false,
} satisfies BuildOptions;

/** Bundles and minifies. Build errors are part of the result, because a caller collects those of several builds. */
export function runBuild(options: BuildOptions): BuildReport {
  try {
    const { outputFiles, warnings, metafile } = buildSync({
      absWorkingDir: project,
      bundle: true,
      minify: true,
      logLevel: 'silent',
      ...options,
      metafile: true,
    });
    const modules = [
      ...Object.keys(metafile.inputs).map((path) => resolve(project, fileOf(path))),
      ...Object.values(metafile.outputs).flatMap(({ imports }) =>
        imports.filter(({ external }) => external).map(({ path }) => path),
      ),
    ];
    const errors = importedSecrets(metafile);
    return { files: outputFiles ?? [], metafile, errors, warnings: warnings.map(lineOf), modules, missing: [] };
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>;
    if (errors === undefined) throw error;
    const missing = errors.map(missingModule).filter((name) => name !== undefined);
    const onlyMissing = missing.length === errors.length ? missing : [];
    return { files: [], errors: errors.map(lineOf), warnings: [], modules: [], missing: onlyMissing };
  }
}

const lineOf = ({ location, text }: Message) =>
  location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`;

/** @returns an error for each import of `.env`, or of a file such as `.env.local` */
function importedSecrets({ inputs }: Metafile): string[] {
  return Object.entries(inputs).flatMap(([importer, { imports }]) =>
    imports
      .map(({ path }) => fileOf(path))
      .filter((path) => /^\.env(\.|$)/.test(basename(path)))
      .map((path) => `${importer} imports ${path}, which may contain secrets: read process.env or context.secret`),
  );
}

/** The module that a package could not import. */
function missingModule({ location, text }: Message): string | undefined {
  const isInPackage = /(^|\/)node_modules\//.test(location?.file ?? '');
  return isInPackage ? /^Could not resolve "([^"./][^"]*)"/.exec(text)?.[1] : undefined;
}

/** Files by their path in a folder. */
export type FilesOfFolder = [path: string, contents: Uint8Array][];

/** Values of the deployment that its functions contain. A large value needs no environment variable, which has 4 kB. */
export type BundledValues = {
  /** The scopes that clients can be granted. */
  readonly scopes: ScopeSet;
  readonly branding: Branding;
};

/** @returns the aliases `#scopes` and `#branding`: the paths of modules that export the values */
export const aliasesOf = ({ scopes, branding }: BundledValues): Record<string, string> => ({
  '#scopes': valueModule('scopes', scopes),
  '#branding': valueModule('branding', branding),
});

const valueModule = (name: string, value: unknown): string =>
  moduleWith(`${name}.mjs`, `export const ${name} = ${JSON.stringify(value)};\n`);

export function writeFiles(folder: string, files: FilesOfFolder): void {
  for (const [path, contents] of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
  }
}

/** Writes the file as a whole, because builds can run concurrently. */
export function replaceFile(path: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  writeFileSync(temporary, contents);
  renameSync(temporary, path);
}

/** Writes the files to a folder of the cache, which is named by their content. @returns the path of the folder */
export const storeByContent = (name: string, files: FilesOfFolder): string =>
  storeByInputs(
    name,
    files.map(([, contents]) => contents),
    () => files,
  );

/** Writes a module to the cache. @returns its path */
export const moduleWith = (name: string, source: string): string =>
  join(storeByContent(parse(name).name, [[name, Buffer.from(source)]]), name);

/**
 * Writes files to a folder of the cache, unless an earlier process has written them. The folder is named by the inputs that
 * the files are made of, and renamed into place as a whole, because builds can run concurrently.
 *
 * @returns the path of the folder
 */
export function storeByInputs(name: string, inputs: Iterable<string | Uint8Array>, build: () => FilesOfFolder): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(input);
  const folder = join(buildCache, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(buildCache, { recursive: true });
  const temporary = mkdtempSync(join(buildCache, `${name}-`));
  writeFiles(temporary, build());
  try {
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
