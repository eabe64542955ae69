import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readProjectDefaults } from '../../build/tested-versions.ts';
import { runCreate } from '../../create/create-command.ts';
import { CreateError } from '../../create/create-error.ts';

const defaults = readProjectDefaults();
let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'holdfast-existing-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

const write = (files: Record<string, string>) => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true });
    writeFileSync(join(cwd, path), content);
  }
};
const read = (file: string) => readFileSync(join(cwd, file), 'utf8');
const addTo = () => runCreate(['--existing'], { cwd, userAgent: undefined, defaults });

/** As `cdk init app --language typescript` writes it. */
const typescriptApp = {
  'cdk.json': '{ "app": "npx tsc && npx tsx bin/shop.ts" }',
  'package.json': JSON.stringify({
    name: 'shop',
    dependencies: { 'aws-cdk-lib': '^2.276.0', constructs: '^10.8.1' },
    devDependencies: { typescript: '~7.0.2' },
  }),
  'tsconfig.json': '{}',
  'bin/shop.ts': '',
  '.gitignore': 'node_modules\ncdk.out\n',
};

test('--existing adds a server to a CDK app in TypeScript, and says what remains to be done', () => {
  write(typescriptApp);
  const printed = addTo();
  expect(read('src/server.ts')).toContain("new McpServer({ name: 'shop'");
  expect(printed).toContain('Added      src/server.ts');
  expect(printed).toMatch(/npm install "@modelcontextprotocol\/server@\^[\d.]+" "holdfast@\^[\d.]+" "zod@\^[\d.]+"\n/);
  expect(printed).toContain("import { HoldfastStack } from 'holdfast';");
  expect(printed).toContain("new HoldfastStack(app, 'ShopMcpServer', { server: 'src/server.ts' });");
  expect(printed).toContain('In .gitignore: .env and .holdfast');
  expect(printed).toContain('npx holdfast dev');
});

test('--existing changes no file', () => {
  write({ ...typescriptApp, 'src/server.ts': '// mine', '.env': 'A=1' });
  const printed = addTo();
  for (const [path, content] of Object.entries(typescriptApp)) expect(read(path)).toBe(content);
  expect([read('src/server.ts'), read('.env')]).toEqual(['// mine', 'A=1']);
  expect(printed).toContain('Unchanged  src/server.ts');
});

test('--existing adds an ES module to a CDK app in CommonJS, and requires Holdfast there', () => {
  write({ 'cdk.json': '{ "app": "node bin/shop.js" }', 'package.json': '{ "name": "@acme/shop" }' });
  const printed = addTo();
  expect(read('src/server.mjs')).toContain('export function createServer(context)');
  expect(printed).toContain("const { HoldfastStack } = require('holdfast');");
  expect(printed).toContain("'ShopMcpServer', { server: 'src/server.mjs' }");
});

test('--existing adds a module to a CDK app of ES modules in JavaScript', () => {
  write({ 'cdk.json': '{ "app": "node bin/shop.js" }', 'package.json': '{ "name": "shop", "type": "module" }' });
  expect(addTo()).toContain("import { HoldfastStack } from 'holdfast';");
  expect(globSync('src/*', { cwd })).toEqual([join('src', 'server.js')]);
});

test.each([
  ['package-lock.json', 'npm install "', 'npx cdk deploy'],
  ['pnpm-lock.yaml', 'pnpm add "', 'pnpm exec cdk deploy'],
  ['yarn.lock', 'yarn add "', 'yarn cdk deploy'],
])('--existing prints the commands of the package manager of %s', (lock, add, deploy) => {
  write({ ...typescriptApp, [lock]: '' });
  const printed = addTo();
  expect(printed).toContain(add);
  expect(printed).toContain(deploy);
});

test('--existing asks for TypeScript 5.8 in a CommonJS app with an older one', () => {
  write({ ...typescriptApp, 'package.json': '{ "name": "shop", "devDependencies": { "typescript": "~5.6.3" } }' });
  expect(addTo()).toContain('typescript to 5.8');
});

test('--existing rejects a folder that has no CDK app in TypeScript or JavaScript', () => {
  expect(addTo).toThrow(CreateError);
  expect(addTo).toThrow(join(cwd, 'cdk.json'));
  write({ 'cdk.json': '{ "app": "python app.py" }' });
  expect(addTo).toThrow(join(cwd, 'package.json'));
  write({ 'package.json': '{' });
  expect(addTo).toThrow(`${join(cwd, 'package.json')} is not JSON`);
  expect(globSync('src/*', { cwd })).toEqual([]);
});
