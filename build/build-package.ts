/**
 * Builds the package `holdfast` in `dist/`: JavaScript and types of the modules that an owner's project uses, and what
 * does not depend on the owner's code. `npm run build`, then `npm pack ./dist`.
 */
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { transformSync } from 'esbuild';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import { writeFiles } from '../lib/bundle/esbuild-run.ts';
import { buildPage } from '../lib/bundle/function-bundle.ts';
import { buildHalf } from '../lib/bundle/server-bundle.ts';
import { packageFolder } from '../lib/package-files.ts';
import { compile } from './compiler.ts';
import { optionalPeers, peers } from './tested-versions.ts';

/** The exports of the package: their modules, without extension. */
const entries = { '.': 'lib/cdk-api', './server': 'lambda/server-api', './testing': 'local/testing/testing-api' };

/** Dependencies of the page, which is built in advance. */
const bundled = ['chart.js', 'preact'];

type PackageJson = {
  [name: string]: unknown;
  imports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
};

const dist = join(packageFolder, 'dist');

rmSync(dist, { recursive: true, force: true });
compile('tsconfig.package.json');
await rollUpTypes();
shortenModules();
writeFiles(join(dist, 'prebuilt/server'), buildHalf(true));
const { files, errors } = buildPage(join(packageFolder, 'lambda/web/main.tsx'));
if (errors.length > 0) throw new Error(errors.join('\n'));
writeFiles(join(dist, 'prebuilt/page'), files);
for (const name of ['LICENSE', 'README.md']) cpSync(join(packageFolder, name), join(dist, name));
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(describe(), undefined, 2)}\n`);

/**
 * Replaces the declarations of all modules by one file for each entry point, with the types that it refers to. An owner's
 * compiler then reads no internal module.
 */
async function rollUpTypes(): Promise<void> {
  const input = Object.fromEntries(Object.values(entries).map((name) => [name, join(dist, `${name}.d.ts`)]));
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

/**
 * Removes the comments and the indentation of the modules, a third of the package: an owner reads the declarations. Names
 * stay, so that a stack trace names its functions.
 */
function shortenModules(): void {
  for (const name of globSync('**/*.js', { cwd: dist })) {
    const file = join(dist, name);
    const source = readFileSync(file, 'utf8');
    // With the whitespace, esbuild would drop `@__PURE__`, without which the bundles of an owner keep what they do not use.
    const minifyWhitespace = !source.includes('@__PURE__');
    const { code } = transformSync(source, {
      legalComments: 'none',
      target: 'esnext',
      minifyWhitespace,
      minifySyntax: true,
    });
    writeFileSync(file, code);
  }
}

/** The package.json of the package: entry points are JavaScript, and nothing that only the clone needs is installed. */
function describe() {
  const { version, description, license, imports, dependencies } = JSON.parse(
    readFileSync(join(packageFolder, 'package.json'), 'utf8'),
  ) as PackageJson;
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
        Object.entries(entries).map(([name, module]) => [
          name,
          { types: `./${module}.d.ts`, default: `./${module}.js` },
        ]),
      ),
      './package.json': './package.json',
    },
    // The same for tools and compiler settings that ignore `exports`.
    main: `./${entries['.']}.js`,
    types: `./${entries['.']}.d.ts`,
    typesVersions: {
      '*': Object.fromEntries(
        Object.entries(entries).map(([name, module]) => [name.replace('./', ''), [`./${module}.d.ts`]]),
      ),
    },
    files: ['bin', 'cli', 'lambda', 'lib', 'local', 'prebuilt'],
    imports: Object.fromEntries(Object.entries(imports).map(([name, target]) => [name, asJavaScript(target)])),
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => !(name in peers) && !bundled.includes(name)),
    ),
    peerDependencies: { ...peers, ...optionalPeers },
    peerDependenciesMeta: Object.fromEntries(Object.keys(optionalPeers).map((name) => [name, { optional: true }])),
  };
}

/** Without the condition of the tests. */
function asJavaScript(target: string | Record<string, string>): string | Record<string, string> {
  if (typeof target === 'string') return target.replace(/\.ts$/, '.js');
  const conditions = Object.entries(target).filter(([condition]) => condition !== 'fixture');
  return Object.fromEntries(conditions.map(([condition, path]) => [condition, path.replace(/\.ts$/, '.js')]));
}
