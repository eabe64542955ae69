import { globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { buildSync, version } from 'esbuild';
import { commonJs, type FilesOfFolder, storeByInputs } from './esbuild-run.ts';

/** The modules of Zod that a function loads from a file beside its bundle, when one of their functions is called. */
const partsOnDemand: Record<string, readonly string[]> = {
  // For the messages of the first rejected value.
  'zod-english': ['v4/locales/en.js'],
  // `import { z } from 'zod'` is an object with everything that Zod exports, so esbuild keeps all languages: 260 KB.
  'zod-locales': ['v4/locales/index.js'],
  // For lists of tools and prompts.
  'zod-json-schema': ['v4/core/to-json-schema.js', 'v4/core/json-schema-processors.js'],
};

/**
 * Copies Zod for a bundle in several files: functions that load the part take the place of the modules on demand.
 *
 * @param zod folder of the package: of version 4.2 or later, as the MCP SDK requires
 * @returns the folder of the copy, and the files on demand, of which a bundle needs those that it names; undefined for a
 * version whose modules on demand export more than functions
 */
export function copyZod(zod: string): { folder: string; parts: FilesOfFolder } | undefined {
  const paths = globSync('**/*.js', { cwd: zod, exclude: (name) => name === 'src' }).sort();
  const sources = paths.map((path) => [path.split(sep).join('/'), readFileSync(join(zod, path), 'utf8')] as const);
  const isKnown = Object.values(partsOnDemand)
    .flat()
    .every((path) => sources.some(([each, source]) => each === path && exportsFunctions(source)));
  if (!isKnown) return undefined;
  const copies = sources.map(([path, source]) => [path, copyOf(path, source)] as const);
  const names = Object.keys(partsOnDemand);
  const folder = storeByInputs('zod', [version, ...sources.flat(), ...copies.flat()], () => [
    ...[...copies, packageOf(zod)].map(([path, text]): FilesOfFolder[number] => [path, Buffer.from(text)]),
    ...names.map((name) => buildPart(name, zod, new Map(sources))),
  ]);
  return { folder, parts: names.map((name) => [`${name}.cjs`, readFileSync(join(folder, `${name}.cjs`))]) };
}

const packageOf = (zod: string) => {
  const { sideEffects } = JSON.parse(readFileSync(join(zod, 'package.json'), 'utf8'));
  return ['package.json', JSON.stringify({ type: 'module', main: 'index.js', sideEffects })] as const;
};

function copyOf(path: string, source: string): string {
  const part = Object.keys(partsOnDemand).find((name) => partsOnDemand[name]!.includes(path));
  if (part !== undefined) return callsOf(part, exportsOf(source));
  // As an export of another module it would be an object, of which esbuild keeps all functions.
  const direct = source.replace('import { util } from "../core/index.js"', 'import * as util from "../core/util.js"');
  return direct.includes('import * as util from') ? direct.replaceAll('core.util.', 'util.') : source;
}

const exportedFunction = /^export (?:default )?function |^export const \w+ = (?:\(|\w+ =>)|^export \{ .+ \}/;

/** Whether the module exports functions and the table of Zod's processors alone. */
const exportsFunctions = (source: string): boolean =>
  source
    .split('\n')
    .filter((line) => line.startsWith('export') && !line.startsWith('export const allProcessors = {'))
    .every((line) => exportedFunction.test(line));

/** The names of `export function a`, `export const a`, `export { a, b as c }` and `export default`. */
const exportsOf = (source: string): string[] =>
  [...source.matchAll(/^export (?:function |const )?(?:(\w+)|\{ (.+) \})/gm)].flatMap(([, name, list]) =>
    name !== undefined ? [name] : list!.split(/, ?/).map((each) => each.replace(/^.* as /, '')),
  );

/** A module that exports a function for each of those of the part. */
const callsOf = (part: string, names: readonly string[]): string =>
  [
    'let part;',
    // Not a call of `require` by its name, which would bundle the file.
    `const load = () => (part ??= (0, require)('./${part}.cjs'));`,
    ...names.map((name) => `export ${name === 'default' ? 'default' : `const ${name} =`} ${callOf(name)};`),
  ].join('\n');

function callOf(name: string): string {
  // Called for each schema, which needs the result later, or never.
  if (name === 'default') return '() => ({ localeError: (issue) => load().default().localeError(issue) })';
  if (/^create\w+Method$/.test(name)) return `(...given) => (...more) => load().${name}(...given)(...more)`;
  if (name === 'allProcessors') return `/* @__PURE__ */ new Proxy({}, { get: (_, type) => load().${name}[type] })`;
  return `(...given) => load().${name}(...given)`;
}

function buildPart(name: string, zod: string, sources: ReadonlyMap<string, string>): FilesOfFolder[number] {
  const exported = partsOnDemand[name]!.map(
    (path) => `export { ${exportsOf(sources.get(path)!)} } from ${JSON.stringify(`./${path}`)};`,
  );
  const { outputFiles } = buildSync({
    ...commonJs,
    stdin: { contents: exported.join('\n'), resolveDir: zod },
    bundle: true,
    sourcemap: false,
  });
  return [`${name}.cjs`, outputFiles[0]!.contents];
}
