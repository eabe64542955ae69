/**
 * Builds the package `create-holdfast` in `create/dist/`, which `npm create holdfast` runs. It has no dependencies, and
 * the versions and feature flags of new projects are part of it. `npm run build` runs this after the build of `holdfast`.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../lib/package-files.ts';
import { compile } from './compiler.ts';
import { readProjectDefaults } from './tested-versions.ts';

const source = join(packageFolder, 'create');
const dist = join(source, 'dist');
const { version, license } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));

const packageJson = {
  name: 'create-holdfast',
  version,
  description: 'Creates the project of a remote MCP server in your own AWS account',
  license,
  type: 'module',
  // Older versions run it too, and print what is missing.
  engines: { node: '>=22.18' },
  bin: { 'create-holdfast': 'create-holdfast.js' },
  files: ['*.js', 'project-defaults.json', 'template'],
};

const writeJson = (file: string, value: unknown) =>
  writeFileSync(join(dist, file), `${JSON.stringify(value, undefined, 2)}\n`);

rmSync(dist, { recursive: true, force: true });
compile('tsconfig.create.json');
cpSync(join(source, 'template'), join(dist, 'template'), { recursive: true });
cpSync(join(source, 'README.md'), join(dist, 'README.md'));
cpSync(join(packageFolder, 'LICENSE'), join(dist, 'LICENSE'));
writeJson('project-defaults.json', readProjectDefaults());
writeJson('package.json', packageJson);
