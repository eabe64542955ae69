/**
 * Builds the package `holdfast` in `dist/`: JavaScript and types of the modules that an owner's project uses, and what
 * does not depend on the owner's code. `npm run build`, then `npm pack ./dist`.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { build, buildSync, type Plugin, transformSync } from 'esbuild';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import { writeFiles } from '../lib/bundle/esbuild-run.ts';
import { functionsFile, packFunctions } from '../lib/bundle/prebuilt-functions.ts';
import { buildHalf, prebuiltHalf } from '../lib/bundle/server-bundle.ts';
import { packageFolder } from '../lib/package-files.ts';
import { compile } from './compiler.ts';
import { optionalPeers, peers } from './tested-versions.ts';

/** A path in the package of a path in the clone. */
const inPackage = (path: string) => path.replace(packageFolder, '');
const half = inPackage(prebuiltHalf);

/** The exports of the package: the module with their types, without extension, and the file with their code. */
const entries = {
  '.': { types: 'lib/cdk-api', code: 'lib/cdk-api.js' },
  './server': { types: 'lambda/server-api', code: `${half}/server-api.mjs` },
  './testing': { types: 'local/testing/testing-api', code: 'local/testing/testing-api.js' },
};

/** Modules that are found by their paths. What several of them import is in files apart. */
const programs = [
  'bin/cli',
  'bin/compile-cache',
  'lib/cdk-api',
  'lambda/server',
  'local/lambda/function-worker',
  'local/server-check/server-check-worker',
  'local/testing/emulator-child',
  'local/testing/testing-api',
];

/** Modules that the build of an owner's server injects. */
const substitutes = ['import-meta', 'mapped-stacks', 'sdk-globals', 'zod-without-eval'];

/** The module of `holdfast/testing` that is part of Holdfast's half of a server. */
const inProcessServer = '#in-process-server';

type PackageJson = {
  [name: string]: unknown;
  imports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
};

const dist = join(packageFolder, 'dist');
const { version, description, license, imports, dependencies } = JSON.parse(
  readFileSync(join(packageFolder, 'package.json'), 'utf8'),
) as PackageJson;

rmSync(dist, { recursive: true, force: true });
compile('tsconfig.package.json');
await rollUpTypes();
await buildPrograms();
for (const name of substitutes) compileSubstitute(`lambda/adapters/substitutes/${name}`);
writeFiles(join(dist, half), buildHalf());
writeFile(inPackage(functionsFile), packFunctions());
for (const name of ['LICENSE', 'README.md']) cpSync(join(packageFolder, name), join(dist, name));
writeFile('package.json', `${JSON.stringify(describe(), undefined, 2)}\n`);

function writeFile(path: string, content: string | Uint8Array): void {
  const file = join(dist, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/**
 * Replaces the declarations of all modules by one file for each entry point, with the types that it refers to. An owner's
 * compiler then reads no internal module.
 */
async function rollUpTypes(): Promise<void> {
  const input = Object.fromEntries(Object.values(entries).map(({ types }) => [types, join(dist, `${types}.d.ts`)]));
  const isExternal = (id: string) => !id.startsWith('.') && !isAbsolute(id);
  const bundle = await rolldown({
    input,
    external: isExternal,
    plugins: [dts({ dtsInput: true, emitDtsOnly: true, tsconfig: false, generator: 'oxc' })],
  });
  const { output } = await bundle.generate({ chunkFileNames: 'lambda/[name].d.ts' });
  await bundle.close();
  for (const file of globSync('**/*.d.ts', { cwd: dist })) rmSync(join(dist, file));
  for (const file of output) if (file.type === 'chunk') writeFileSync(join(dist, file.fileName), file.code);
}

/** Bundles what the programs consist of, without their packages. */
async function buildPrograms(): Promise<void> {
  const inHalf: Plugin = {
    name: 'in-process-server',
    setup({ onResolve }) {
      onResolve({ filter: /\/in-process-server\.ts$/ }, () => ({ path: inProcessServer, external: true }));
    },
  };
  await build({
    entryPoints: programs.map((name) => ({ in: join(packageFolder, name), out: name })),
    outdir: dist,
    chunkNames: 'chunks/[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    plugins: [inHalf],
    platform: 'node',
    format: 'esm',
    target: 'esnext',
    charset: 'utf8',
    legalComments: 'none',
    minify: true,
  });
}

/** As it is, because the minifier would drop `@__PURE__`, without which every bundle of an owner contained the module. */
function compileSubstitute(name: string): void {
  const source = readFileSync(join(packageFolder, `${name}.ts`), 'utf8');
  writeFile(`${name}.js`, transformSync(source, { loader: 'ts', target: 'esnext' }).code);
}

/** The packages that the modules of the package import. */
function importedPackages(): Set<string> {
  const { inputs } = buildSync({
    entryPoints: globSync('**/*.{js,mjs}', { cwd: dist }).map((file) => join(dist, file)),
    outdir: dist,
    bundle: true,
    packages: 'external',
    external: ['#*'],
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
  }).metafile;
  const paths = Object.values(inputs).flatMap((input) => input.imports.map(({ path }) => path));
  return new Set(paths.map((path) => /^(@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter((name) => name !== undefined));
}

/** The package.json of the package: entry points are JavaScript, and nothing that only the clone needs is installed. */
function describe() {
  const imported = importedPackages();
  return {
    name: 'holdfast',
    version,
    description,
    license,
    type: 'module',
    // Types of the owner's own modules are stripped from 22.18 on.
    engines: { node: '>=22.18' },
    bin: { holdfast: 'bin/cli.js' },
    exports: {
      ...Object.fromEntries(
        Object.entries(entries).map(([name, { types, code }]) => [
          name,
          { types: `./${types}.d.ts`, default: `./${code}` },
        ]),
      ),
      // Has no names to import: the command of a new project's app loads it.
      './compile-cache': './bin/compile-cache.js',
      './package.json': './package.json',
    },
    // The same for tools and compiler settings that ignore `exports`.
    main: `./${entries['.'].code}`,
    types: `./${entries['.'].types}.d.ts`,
    typesVersions: {
      '*': Object.fromEntries(
        Object.entries(entries).map(([name, { types }]) => [name.replace('./', ''), [`./${types}.d.ts`]]),
      ),
    },
    files: ['bin', 'chunks', 'lambda', 'lib', 'local', 'prebuilt'],
    imports: {
      '#server': './lambda/server.js',
      [inProcessServer]: `./${half}/testing/in-process-server.mjs`,
      ...Object.fromEntries(choicesOfHalf()),
    },
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => !(name in peers) && imported.has(name)),
    ),
    peerDependencies: { ...peers, ...optionalPeers },
    peerDependenciesMeta: Object.fromEntries(Object.keys(optionalPeers).map((name) => [name, { optional: true }])),
  };
}

/** The modules of the half that it imports by a name, because the build of an owner's server can replace them. */
function choicesOfHalf(): [name: string, path: string][] {
  return Object.entries(imports).flatMap(([name, target]) => {
    const path = `${half}/${fileOf(target).replace(/^\.\/lambda\/(.*)\.ts$/, '$1.mjs')}`;
    return existsSync(join(dist, path)) ? [[name, `./${path}`] as [string, string]] : [];
  });
}

/** The module of a name in `imports` of package.json. */
function fileOf(target: string | Record<string, string>): string {
  return typeof target === 'string' ? target : target.default!;
}
