import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PrebuiltFunction, readFunction } from '../../lib/bundle/prebuilt-functions.ts';
import { packageFolder } from '../../lib/package-files.ts';
import type { InstalledProject } from './installed-project.ts';

/** The functions of a project without further settings that contain no code of the owner, by their constructs. */
const functions: Record<string, PrebuiltFunction> = {
  Authorizer: 'authorizer',
  Dashboard: 'dashboard',
  OAuth: 'oauth',
  Rollup: 'aggregation',
};

/**
 * Those of the owner's server: its parts, the file of a cold start, and the files that are loaded on demand. The project's test
 * has built the SDK, which is built again when its inputs change, and found the server's imports of it.
 */
const BUILDS = 3;

type Template = { Resources: Record<string, { Metadata?: { 'aws:asset:path'?: string } }> };

/**
 * Synthesizes the project. Its functions have to be those that the clone builds, although esbuild builds the owner's server
 * alone.
 *
 * @param stack the template's file in `cdk.out`
 */
export async function checkFunctions(project: InstalledProject, stack: string): Promise<void> {
  // esbuild's module runs the program of this variable, and sends it the options of each build.
  const program = join(project.parent, 'logging-esbuild.sh');
  const log = join(project.parent, 'builds');
  const esbuild = join(packageFolder, 'node_modules/esbuild/bin/esbuild');
  writeFileSync(program, `#!/bin/sh\ntee -a '${log}' | '${esbuild}' "$@"\n`, { mode: 0o755 });
  const env = { ...process.env, ESBUILD_BINARY_PATH: program };
  await project.runWith({ env }, 'npx', 'cdk', 'synth', '--quiet');
  assert.equal(readFileSync(log, 'utf8').match(/--bundle/g)?.length, BUILDS, 'builds by esbuild');

  const { Resources } = JSON.parse(project.read(`cdk.out/${stack}`)) as Template;
  for (const [construct, name] of Object.entries(functions)) {
    const [, { Metadata }] = Object.entries(Resources).find(([id]) => id.startsWith(`${construct}Function`))!;
    const asset = join('cdk.out', Metadata!['aws:asset:path']!);
    const built = readFunction(name).files;
    assert.deepEqual(readdirSync(join(project.folder, asset)).sort(), built.map(([path]) => path).sort());
    for (const [path, contents] of built) {
      const packed = project.read(join(asset, path));
      assert.ok(differsInValues(packed, Buffer.from(contents).toString()), `${name}/${path} is not that of the clone`);
    }
  }
}

/** The largest text of a value, in characters. */
const LARGEST_VALUE = 2_000;

/** Whether the file has the text of the clone, with values of the deployment in the places of imports alone. */
function differsInValues(packed: string, text: string): boolean {
  let rest = packed;
  for (const part of text.split(/require\("#(?:scopes|branding)"\)/)) {
    const start = rest.indexOf(part);
    if (start < 0 || start > LARGEST_VALUE) return false;
    rest = rest.slice(start + part.length);
  }
  return rest === '';
}
