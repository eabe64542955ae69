import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { consoleReport } from '../../cli/dev/emulator-console.ts';
import { type Diagnostic, parseDiagnostics } from '../../local/type-check/diagnostics.ts';
import { startTypeCheck } from '../../local/type-check/type-check.ts';

const compiler = join(__dirname, '../../node_modules/typescript');

let project: string;
let stop = () => {};
beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-types-')));
  mkdirSync(join(project, 'node_modules'));
});
afterEach(() => {
  stop();
  jest.restoreAllMocks();
  rmSync(project, { recursive: true });
});

function write(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), content);
  }
}

const tsconfig = JSON.stringify({ include: ['src'], compilerOptions: { lib: ['es5'], types: [], strict: true } });

/** Starts the check. @returns resolves to the next report: the errors, or a warning */
function start(): () => Promise<readonly Diagnostic[] | string> {
  const reports: (readonly Diagnostic[] | string)[] = [];
  let wake = () => {};
  const add = (report: readonly Diagnostic[] | string) => {
    reports.push(report);
    wake();
  };
  stop = startTypeCheck({ project, folder: project, report: { typeErrors: add, warning: add } });
  return async () => {
    if (reports.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return reports.shift()!;
  };
}

// The compiler is a process.
jest.setTimeout(60_000);

test('the compiler of the project reports each change with errors, and the first one without', async () => {
  write({
    'tsconfig.json': tsconfig,
    'src/a.ts': `export const a: number = 'one';\nexport const b: { c: 1 } = { c: 2 };`,
  });
  symlinkSync(compiler, join(project, 'node_modules/typescript'));
  const next = start();
  expect(await next()).toEqual([
    {
      file: 'src/a.ts',
      line: 1,
      column: 14,
      code: 'TS2322',
      message: `Type 'string' is not assignable to type 'number'.`,
    },
    { file: 'src/a.ts', line: 2, column: 30, code: 'TS2322', message: `Type '2' is not assignable to type '1'.` },
  ]);
  write({ 'src/a.ts': 'export const a: number = c;' });
  expect(await next()).toEqual([expect.objectContaining({ code: 'TS2304', message: `Cannot find name 'c'.` })]);
  write({ 'src/a.ts': 'export const a: number = 1;' });
  expect(await next()).toEqual([]);
  expect(readFileSync(join(project, 'types.tsbuildinfo'), 'utf8')).toContain('src/a.ts');
});

test('a wrong tsconfig.json is an error without a place', async () => {
  write({ 'tsconfig.json': '{ "include": ["absent"] }' });
  symlinkSync(compiler, join(project, 'node_modules/typescript'));
  expect(await start()()).toEqual([{ code: 'TS18003', message: expect.stringContaining('No inputs were found') }]);
});

test('a compiler that fails is reported with its exit status and its message', async () => {
  write({
    'tsconfig.json': tsconfig,
    'node_modules/typescript/package.json': '{ "bin": { "tsc": "tsc.js" } }',
    'node_modules/typescript/tsc.js': `console.error('out of memory'); process.exit(5);`,
  });
  expect(await start()()).toBe('The type check failed: the compiler ended with 5 out of memory');
});

test('a project without TypeScript is reported once, and a project without tsconfig.json not at all', async () => {
  const warning = jest.fn();
  const report = { typeErrors: jest.fn(), warning };
  write({ 'package.json': '{}' });
  startTypeCheck({ project, folder: project, report })();
  expect(warning).not.toHaveBeenCalled();
  write({ 'tsconfig.json': tsconfig });
  startTypeCheck({ project, folder: project, report })();
  expect(warning.mock.calls).toEqual([
    ['Type errors are not shown: npm install --save-dev typescript, or start with --no-type-check'],
  ]);
});

test('the end of the emulator ends the compiler', async () => {
  write({
    'tsconfig.json': tsconfig,
    'node_modules/typescript/package.json': '{ "bin": { "tsc": "tsc.js" } }',
    'node_modules/typescript/tsc.js': `
      process.on('SIGTERM', () => { require('fs').writeFileSync('ended', ''); process.exit(); });
      require('fs').writeFileSync('pid', String(process.pid));
      setInterval(() => {}, 1000);`,
  });
  start();
  await exists('pid');
  stop();
  await exists('ended');
});

/** Waits until another process has written the file. */
async function exists(name: string): Promise<void> {
  for (;;) {
    try {
      readFileSync(join(project, name));
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

test('a message of several lines is read as one', () => {
  const output = [
    `src/a.ts(3,7): error TS2322: Type 'A' is not assignable to type 'B'.`,
    `  Types of property 'c' are incompatible.`,
    `    Type 'string' is not assignable to type 'number'.`,
    `error TS5023: Unknown compiler option 'stict'.`,
    '',
  ].join('\r\n');
  const message = `Type 'A' is not assignable to type 'B'. Types of property 'c' are incompatible. Type 'string' is not assignable to type 'number'.`;
  expect(parseDiagnostics(output)).toEqual([
    { file: 'src/a.ts', line: 3, column: 7, code: 'TS2322', message },
    { code: 'TS5023', message: `Unknown compiler option 'stict'.` },
  ]);
});

test('a person reads one line for each type error, twenty at most', () => {
  const written = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  const { typeErrors } = consoleReport(false);
  const error = { file: 'src/a.ts', line: 3, column: 7, code: 'TS2304', message: `Cannot find name 'c'.` };
  typeErrors(Array.from({ length: 22 }, () => error));
  typeErrors([]);
  const lines = written.mock.calls.map(([line]) => line);
  expect(lines).toHaveLength(22);
  expect(lines[0]).toBe(`Type error: src/a.ts:3:7: Cannot find name 'c'. (TS2304)\n`);
  expect(lines.slice(20)).toEqual(['Type errors: 2 more; npx tsc --noEmit prints them\n', 'Type check passed\n']);
});
