/**
 * Bundles the packages that servers use most, each with a server that imports it, by the code that bundles an owner's server,
 * and loads the function as Lambda does. One line for each package.
 *
 * `npm run test:bundles`, or with a part of a package's name: `-- client-s3`. It installs `bundled-packages.json` from the
 * registry, and is therefore not part of `npm test`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runFresh } from '../../bench/function-process.ts';
import type { McpEnvironment } from '../../lambda/shared/environment.ts';

/** With native modules. */
const external = ['sharp'];
/** Peers, which these packages import, beside them. */
const peers = { graphql: '17.1.0', '@langchain/core': '1.4.0' };

/** Compiled when it is installed: it has no binary for another computer. */
const compiled = { 'unix-dgram': '2.0.7' };

const packages: Record<string, string> = JSON.parse(
  readFileSync(join(import.meta.dirname, 'bundled-packages.json'), 'utf8'),
);
const [part = ''] = process.argv.slice(2);
const names = Object.keys(packages).filter((name) => name.includes(part));

const environment = {
  PUBLIC_URL: 'https://mcp.example.com',
  TABLE_NAME: 'table',
  MCP_SESSION_TTL_HOURS: '24',
  STALE_SESSION: 'renew',
  TASK_TTL_HOURS: '24',
  HOLD_SECONDS: '60',
  AUDIT_METHODS: 'tools',
  AUDIT_ARGUMENTS: 'no',
  AUDIT_ERRORS: 'class',
  AUDIT_RETENTION_DAYS: '30',
  SEAL_KEY_ID: 'key',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'unused',
  AWS_SECRET_ACCESS_KEY: 'unused',
  AWS_SESSION_TOKEN: 'unused',
  AWS_LAMBDA_FUNCTION_NAME: 'bundles',
} satisfies McpEnvironment & Record<string, string>;

const project = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));
const failed: string[] = [];
try {
  const dependencies = { ...packages, ...peers, ...compiled };
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, dependencies }));
  const options = ['--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund'];
  const { status, stderr } = spawnSync('npm', ['install', ...options], { cwd: project, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  // The bundler takes the project from the working directory.
  process.chdir(project);
  const { bundleServer } = await import('../../lib/bundle/server-bundle.ts');
  const { installPackages } = await import('../../lib/bundle/external-packages.ts');
  mkdirSync(join(project, 'src'));

  for (const [index, name] of names.entries()) {
    const server = join(project, `src/server-${index}.ts`);
    // `Object.keys` keeps every export: a server that uses a part of a package contains less.
    writeFileSync(
      server,
      `import * as imported from ${JSON.stringify(name)};
       if (Object.keys(imported).length === 0) throw new Error('no exports');
       export const createServer = () => { throw new Error('not called'); };`,
    );
    const file = join(project, `bundle-${index}/index.cjs`);
    const start = performance.now();
    const values = { scopes: { scopes: { mcp: { description: 'Use it' } }, tools: {} }, branding: {} };
    const { errors, warnings } = bundleServer({ server, values, optimizations: true, external }, file);
    for (const line of warnings) console.log(`    ${line}`);
    try {
      assert.deepEqual(errors, []);
      const { loadMs } = await runFresh({ file, handler: 'handler', requests: [] }, environment);
      const size = `${Math.round(statSync(file).size / 1000)} kB`;
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      console.log(`ok  ${name}@${packages[name]}: ${size}, loads in ${Math.round(loadMs)} ms (${seconds} s)`);
    } catch (error) {
      failed.push(name);
      console.log(`FAILED  ${name}@${packages[name]}: ${(error as Error).message}`);
    }
  }

  const asset = join(project, 'asset');
  mkdirSync(asset);
  assert.deepEqual(installPackages(external, asset, false), []);
  assert.equal(globSync('node_modules/@img/sharp-linux-arm64/lib/*.node', { cwd: asset }).length, 1);
  assert.deepEqual(globSync('node_modules/@img/*x64*', { cwd: asset }), []);
  console.log('ok  sharp is installed beside the bundle for Linux on arm64');
  assert.deepEqual(
    installPackages(Object.keys(compiled), asset, false),
    Object.keys(compiled).map(
      (name) => `${name} has no binary for Linux on arm64: add it to a layer, and move it to devDependencies`,
    ),
  );
  console.log('ok  a package that is compiled when it is installed is refused');
} finally {
  rmSync(project, { recursive: true, force: true });
}
if (failed.length > 0) throw new Error(`${failed.length} packages failed: ${failed.join(', ')}`);
