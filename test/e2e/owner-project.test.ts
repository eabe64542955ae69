import { OwnerProject } from '../support/owner-project.ts';

/** An owner's project in the local emulator: secrets and variables of `.env`, errors of tools, files and packages. */

jest.setTimeout(60_000);

const arn = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret';

const project = new OwnerProject(
  `{
    server: 'src/server.ts',
    assets: 'templates',
    external: ['native'],
    layers: ['layers/first', 'layers/second'].map(
      (folder) => new lambda.LayerVersion(stack, folder, { code: lambda.Code.fromAsset(folder) }),
    ),
    secrets: { STRIPE_KEY: '${arn}:stripe-AbCdEf', UNSET_KEY: '${arn}:unset-AbCdEf' },
  }`,
  {
    '.env': 'STRIPE_KEY=sk_test_1\nREGION_OF_DATA=eu\nTABLE_NAME=mine\n',
    'templates/mail.html': 'Hello',
    // Few types, so that the checks are short.
    'tsconfig.json':
      '{ "include": ["src/typed.ts"], "compilerOptions": { "lib": ["es5"], "types": [], "strict": true } }',
    'src/typed.ts': `export const seconds: number = 'one';`,
    'layers/first/nodejs/node_modules/in-layer/index.js': `module.exports = 'first';`,
    'layers/second/nodejs/node_modules/in-layer/index.js': `module.exports = 'second';`,
    'node_modules/native/index.js': `module.exports = __filename;`,
    'src/server.ts': `
      import { readFileSync } from 'node:fs';
      import { createRequire } from 'node:module';
      import { assetPath } from 'holdfast/server';
      import native from 'native';
      import { McpServer } from '@modelcontextprotocol/server';
      import type { ToolContext } from 'holdfast/server';
      const text = (path: string | URL) => readFileSync(path, 'utf8');
      export function createServer(context: ToolContext) {
        const server = new McpServer({ name: 'owner', version: '1.0.0' });
        const tool = (name: string, work: () => unknown) =>
          server.registerTool(name, {}, async () => ({
            content: [{ type: 'text', text: JSON.stringify(await work()) }],
          }));
        tool('secrets', async () => [await context.secret('STRIPE_KEY'), process.env.STRIPE_KEY]);
        tool('unset', () => context.secret('UNSET_KEY'));
        tool('variables', () => [process.env.REGION_OF_DATA, process.env.TABLE_NAME]);
        tool('assets', () => [text(new URL('../templates/mail.html', import.meta.url)), text(assetPath('templates/mail.html'))]);
        tool('packages', () => [native, createRequire(import.meta.url)('in-layer')]);
        tool('failing', () => {
          throw new RangeError('The disk is full');
        });
        tool('hasty', () => void setTimeout(() => {}, 60_000));
        tool('deep', () => [...places.map(text), typeof resolvePackage]);
        return server;
      }
      import { places, resolvePackage } from './mail/texts/greeting.ts';`,
    'src/mail/texts/greeting.ts': `
      import { createRequire } from 'node:module';
      import { join } from 'node:path';
      import resolveOwn from 'asks-for-its-place';
      const path = '../../../templates/mail.html';
      export const places = [
        new URL(path, import.meta.url),
        join(import.meta.dirname, path),
        join(import.meta.filename, '..', path),
        createRequire(import.meta.url).resolve(path),
        resolveOwn('../templates/mail.html'),
      ];
      export const resolvePackage = createRequire(import.meta.url)('native');`,
    'node_modules/asks-for-its-place/package.json': '{ "type": "module", "exports": "./index.js" }',
    'node_modules/asks-for-its-place/index.js': `
      export default (path) => new URL(path, import.meta.url);`,
  },
);
beforeAll(() => project.start());
afterAll(() => project.remove());

test('a tool has the value of a secret from .env, and its environment does not', async () => {
  expect(await project.call('secrets')).toBe('["sk_test_1",null]');
});

test('the start names the line of .env that a secret lacks, and its tool fails', async () => {
  expect(project.output).toContain(
    `The secret UNSET_KEY has no value: add UNSET_KEY=<value> to ${project.folder}/.env\n`,
  );
  expect(project.output).not.toContain('The secret STRIPE_KEY');
  expect(project.output).not.toContain('Not emulated');
  expect(await project.call('unset')).toContain('Internal server error');
});

test('the functions of the server have the variables of .env, without those of Holdfast', async () => {
  expect(await project.call('variables')).toMatch(/^\["eu","Holdfast-Table/);
  expect(project.output).toContain(`TABLE_NAME in ${project.folder}/.env has no effect: Holdfast sets this variable`);
});

test('a change of .env takes effect without a restart', async () => {
  project.write({ '.env': 'STRIPE_KEY=sk_test_2\nUNSET_KEY=set\nREGION_OF_DATA=us\n' });
  await project.until((output) => output.includes('.env is read again'));
  expect(await project.call('secrets')).toBe('["sk_test_2",null]');
  expect(await project.call('unset')).toBe('"set"');
  expect(await project.call('variables')).toMatch(/^\["us",/);
});

test('work that outlives the response of a tool is named with its line', async () => {
  await project.call('hasty');
  await project.until((output) => output.includes('Tool "hasty" of '));
  expect(project.output).toMatch(/^Tool "hasty" of \S+ leaves a timer of src\/server\.ts:\d+:\d+ after its response/m);
  expect(project.output.match(/ after its response/g)).toHaveLength(1);
});

test('the stack of a tool that throws is printed with the lines of its source', async () => {
  expect(await project.call('failing')).toBe('The disk is full');
  const line = /^ *(\{"event":"tool_failed",.*"tool":"failing",.+)$/m;
  await project.until((output) => line.test(output));
  const event = JSON.parse(line.exec(project.output)![1]!);
  expect(event).toMatchObject({ errorClass: 'RangeError', message: 'The disk is full' });
  expect(event.stack).toMatch(/^ +at src\/server\.ts:21:17\n/);
});

test('the files of a folder in assets are found by import.meta.url and by assetPath', async () => {
  expect(await project.call('assets')).toBe('["Hello","Hello"]');
});

test('import.meta names the place of each module among the assets, and that of the bundle in packages', async () => {
  expect(await project.call('deep')).toBe(JSON.stringify([...Array(5).fill('Hello'), 'string']));
});

test('a changed asset runs the CDK app, during which the previous version responds; another file does not', async () => {
  const before = project.output.length;
  project.write({ 'orders.db': '1', 'data/cache.json': '{}', 'templates/mail.html': 'Good morning' });
  await project.until((output) => output.slice(before).includes('Running the CDK app …'));
  expect(await project.call('assets')).toBe('["Hello","Hello"]');
  expect(project.output.slice(before)).not.toContain('Sources changed');
  await project.until((output) => output.slice(before).includes('Sources changed: the change is live'));
  expect(await project.call('assets')).toBe('["Good morning","Good morning"]');
  const printed = project.output.length;
  project.write({ 'orders.db': '2', 'data/cache.json': '[]' });
  project.write({ 'src/server.ts': `${project.read('src/server.ts')}\n` });
  await project.until((output) => output.slice(printed).includes('Sources changed: '));
  expect(project.output.slice(printed)).not.toContain('Running the CDK app');
});

test('type errors are shown once the emulator is ready, and that they are mended', async () => {
  const error = { line: 1, column: 14, code: 'TS2322', message: `Type 'string' is not assignable to type 'number'.` };
  const event = (errors: object[]) => `${JSON.stringify({ event: 'type_check', errors })}\n`;
  await project.until((output) => output.includes(event([{ file: 'src/typed.ts', ...error }])));
  project.write({ 'src/typed.ts': 'export const seconds: number = 1;' });
  await project.until((output) => output.includes(event([])));
});

test('an external package is that of the project, and a package of two layers that of the later one', async () => {
  const native = `${project.folder}/node_modules/native/index.js`;
  expect(await project.call('packages')).toBe(JSON.stringify([native, 'second']));
});
