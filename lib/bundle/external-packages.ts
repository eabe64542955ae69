import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { project } from './esbuild-run.ts';

type PackageJson = {
  version?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
};

/**
 * Installs the packages that are not bundled into the function's asset, for Lambda's Linux on arm64: those in `dependencies`
 * of the project, in the installed versions. Install scripts do not run, because they would build for this computer.
 *
 * @param hasLayers whether a layer may contain packages that are not in `dependencies`
 * @returns an error for each package that the function would not find
 */
export function installPackages(names: readonly string[], asset: string, hasLayers: boolean): string[] {
  const { dependencies, optionalDependencies } = readPackage(join(project, 'package.json'));
  const declared = { ...dependencies, ...optionalDependencies };
  const versions: Record<string, string> = {};
  const errors: string[] = [];
  for (const name of names) {
    const version = installedVersion(name);
    if (name in declared) {
      if (version === undefined) errors.push(`external has ${name}, which is not installed: run npm install`);
      else versions[name] = version;
    } else if (version !== undefined && !hasLayers) {
      errors.push(`external has ${name}: add it to dependencies in package.json, or to a layer in layers`);
    }
  }
  if (errors.length > 0 || Object.keys(versions).length === 0) return errors;
  return install(versions, asset);
}

function install(versions: Record<string, string>, asset: string): string[] {
  writeFileSync(join(asset, 'package.json'), JSON.stringify({ private: true, dependencies: versions }));
  const registries = join(project, '.npmrc');
  if (existsSync(registries)) cpSync(registries, join(asset, '.npmrc'));
  const options = ['--cpu=arm64', '--os=linux', '--libc=glibc', '--omit=dev', '--ignore-scripts', '--no-bin-links'];
  const { status, stderr } = spawnSync('npm', ['install', '--no-audit', '--no-fund', ...options], {
    cwd: asset,
    encoding: 'utf8',
    // npm is a script on Windows.
    shell: process.platform === 'win32',
  });
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) rmSync(join(asset, name), { force: true });
  if (status !== 0) return [`npm install of ${Object.keys(versions).join(', ')} failed:\n${stderr}`];
  return globSync('node_modules/{*,@*/*}/binding.gyp', { cwd: asset })
    .map((file) => dirname(relative('node_modules', file)))
    .filter((name) => !hasBinary(join(asset, 'node_modules', name)))
    .map((name) => `${name} has no binary for Linux on arm64: add it to a layer, and move it to devDependencies`);
}

/** In the package, as `node-gyp-build` and `node-pre-gyp` expect it. */
const hasBinary = (folder: string): boolean => globSync('{,prebuilds/linux-arm64/}*.node', { cwd: folder }).length > 0;

function installedVersion(name: string): string | undefined {
  const folders = createRequire(join(project, 'package.json')).resolve.paths(name) ?? [];
  const file = folders.map((folder) => join(folder, name, 'package.json')).find((path) => existsSync(path));
  return file === undefined ? undefined : readPackage(file).version;
}

const readPackage = (file: string): PackageJson => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});
