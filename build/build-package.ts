/**
 * Builds the package `holdfast` in `dist/`: JavaScript and types of the modules that an owner's project uses, and what
 * does not depend on the owner's code. `npm run build`, then `npm pack ./dist`.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFiles } from '../lib/bundle/esbuild-run.ts';
import { buildPage } from '../lib/bundle/function-bundle.ts';
import { buildHalf } from '../lib/bundle/server-bundle.ts';
import { packageFolder } from '../lib/package-files.ts';

/** Packages of which an owner's project has its own copy, which Holdfast shares. */
const peers: Record<string, string> = {
  '@modelcontextprotocol/server': '^2.4.0',
  'aws-cdk-lib': '^2.276.0',
  constructs: '^10.8.1',
};

/** Dependencies of the page, which is built in advance. */
const bundled = ['chart.js', 'preact'];

type PackageJson = {
  [name: string]: unknown;
  imports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
};

const dist = join(packageFolder, 'dist');

rmSync(dist, { recursive: true, force: true });
compile();
removeInternalTypes();
writeFiles(join(dist, 'prebuilt/server'), buildHalf(true));
const { files, errors } = buildPage(join(packageFolder, 'lambda/web/main.tsx'));
if (errors.length > 0) throw new Error(errors.join('\n'));
writeFiles(join(dist, 'prebuilt/page'), files);
for (const name of ['LICENSE', 'README.md', 'CHANGELOG.md']) cpSync(join(packageFolder, name), join(dist, name));
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(describe(), undefined, 2)}\n`);

function compile(): void {
  const { status } = spawnSync('tsc', ['-p', join(packageFolder, 'build/tsconfig.package.json')], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`tsc exited with status ${status}`);
}

/** Removes the declarations that those of the entry points do not refer to. */
function removeInternalTypes(): void {
  const kept = new Set<string>();
  const keep = (file: string): void => {
    if (kept.has(file)) return;
    kept.add(file);
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/['"](\.{1,2}\/[^'"]+)\.ts['"]/g)) {
      keep(join(dirname(file), `${specifier}.d.ts`));
    }
  };
  for (const entry of ['lib/cdk-api.d.ts', 'lambda/server-api.d.ts']) keep(join(dist, entry));
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const file = join(dist, name);
    if (name.endsWith('.d.ts') && !kept.has(file)) rmSync(file);
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
    main: './lib/cdk-api.js',
    types: './lib/cdk-api.d.ts',
    exports: { '.': './lib/cdk-api.js', './server': './lambda/server-api.js', './package.json': './package.json' },
    imports: Object.fromEntries(Object.entries(imports).map(([name, target]) => [name, asJavaScript(target)])),
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => !(name in peers) && !bundled.includes(name)),
    ),
    peerDependencies: peers,
  };
}

/** Without the condition of the tests. */
function asJavaScript(target: string | Record<string, string>): string | Record<string, string> {
  if (typeof target === 'string') return target.replace(/\.ts$/, '.js');
  const conditions = Object.entries(target).filter(([condition]) => condition !== 'fixture');
  return Object.fromEntries(conditions.map(([condition, path]) => [condition, path.replace(/\.ts$/, '.js')]));
}
