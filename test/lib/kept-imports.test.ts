import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runBuild } from '../../lib/bundle/esbuild-run.ts';
import { buildWithImports } from '../../lib/bundle/kept-imports.ts';
import type { SdkImports } from '../../lib/bundle/sdk-imports.ts';

/** A bundle is built with the imports of the last build, as long as they cannot have changed. */

let folder: string;
/** The names that the server imports of the SDK. */
let imported: string[];
/** The names of each build, in order. */
let builds: (readonly string[])[];
let finds: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-kept-imports-'));
  imported = ['McpServer'];
  [builds, finds] = [[], 0];
  write('server.ts', "import { tool } from './tool';\nimport { z } from 'zod';\nconsole.log(tool, z);\n");
  write('tool/index.ts', 'export const tool = 1;\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): void {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const sources = (name: string) => pathToFileURL(join(__dirname, '../../lib/bundle', name)).href;

const inAMinute = () => Date.now() + 60_000;

/** Builds the server. @returns the text of its bundle */
function bundle(startedAt = inAMinute()): string {
  const build = ({ names }: SdkImports) => {
    builds.push(names);
    const entryPoints = [join(folder, 'server.ts')];
    return runBuild({ entryPoints, outdir: folder, format: 'esm', external: ['zod'], write: false });
  };
  const find = () => {
    finds++;
    return { names: imported, hasOneZod: true };
  };
  const report = buildWithImports('server', build, find, join(folder, 'cache'), startedAt);
  return Buffer.from(report.files[0]?.contents ?? []).toString();
}

test('the imports of a server that has not changed are found once', () => {
  const first = bundle();
  expect(bundle()).toBe(first);
  expect([finds, builds]).toEqual([1, [['McpServer'], ['McpServer']]]);
});

test('the imports of a changed module are found again, and the bundle is built again if they differ', () => {
  bundle();
  write('tool/index.ts', 'export const tool = 2;\n');
  expect(bundle()).toContain('2');
  expect([finds, builds.length]).toEqual([2, 2]);
  write('tool/index.ts', 'export const tool = 3;\n');
  imported = ['McpServer', 'SdkError'];
  expect(bundle()).toContain('3');
  expect([finds, builds.length, builds.at(-1)]).toEqual([3, 4, imported]);
  bundle();
  expect([finds, builds.length, builds.at(-1)]).toEqual([3, 5, imported]);
});

test('the imports are found again when an import leads to another module', () => {
  bundle();
  write('tool.ts', 'export const tool = 4;\n');
  expect(bundle()).toContain('4');
  expect(finds).toBe(2);
});

test('the imports are found again when a module would import another copy of Zod', () => {
  // In another process, since jest keeps what a name leads to.
  const script = `
    import { mkdirSync, writeFileSync } from 'node:fs';
    import { runBuild } from ${JSON.stringify(sources('esbuild-run.ts'))};
    import { buildWithImports } from ${JSON.stringify(sources('kept-imports.ts'))};
    let finds = 0;
    const find = () => ({ names: [String(++finds)], hasOneZod: true });
    const build = () => runBuild({ entryPoints: ['server.ts'], outdir: '.', external: ['zod'], write: false });
    const bundle = () => buildWithImports('server', build, find, 'cache', Date.now() + 60_000);
    bundle();
    bundle();
    mkdirSync('node_modules/zod', { recursive: true });
    writeFileSync('node_modules/zod/index.js', '');
    bundle();
    bundle();
    console.log(finds);
  `;
  const given = ['--input-type=module', '--eval', script];
  expect(execFileSync(process.execPath, given, { cwd: folder, encoding: 'utf8' })).toBe('2\n');
});

test('the imports of a module that may have changed during the build are not kept', () => {
  bundle(Date.now());
  bundle();
  expect(finds).toBe(2);
  bundle();
  expect(finds).toBe(2);
});

test('imports that are kept in an unreadable form are found again', () => {
  bundle();
  const [kept = ''] = readdirSync(join(folder, 'cache'));
  write(join('cache', kept), '{"imports":');
  bundle();
  bundle();
  expect(finds).toBe(2);
});

test('the imports of a build with errors are not kept', () => {
  write('server.ts', "import './absent.ts';\n");
  expect(bundle()).toBe('');
  expect(existsSync(join(folder, 'cache'))).toBe(false);
});
