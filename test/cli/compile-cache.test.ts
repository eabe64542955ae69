import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const json = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const { scripts } = json('package.json');

/** Prints the modules of Node.js itself that the process has loaded. */
const listModules = `data:text/javascript,process.on('exit',()=>process.stderr.write(process.moduleLoadList.join('\\n')))`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-compile-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Whether Node.js loads its TypeScript compiler for a program after the imports of a command. */
function loadsCompiler(command: string): boolean {
  const imports = [...command.matchAll(/--import (\S+)/g)].map(([, name]) => `--import=${name}`);
  const script = `"$@" 2>&1 >/dev/null`;
  const program = [process.execPath, `--import=${listModules}`, ...imports, 'bin/cli.ts', '--help'];
  const modules = execFileSync('sh', ['-c', script, 'sh', ...program], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TMPDIR: folder },
  });
  expect(modules).toContain('NativeModule internal/modules/typescript');
  return modules.includes('internal/deps/amaro');
}

test.each([
  ['the app', json('cdk.json').app],
  ['npm start', scripts.start],
  ['npm run doctor', scripts.doctor],
  ['npm run import-sessions', scripts['import-sessions']],
])('%s loads no TypeScript compiler when its modules are in the cache', (_name, command: string) => {
  expect(loadsCompiler(command)).toBe(true);
  expect(loadsCompiler(command)).toBe(false);
});
