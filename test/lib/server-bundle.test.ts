import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { deployed } from '../../bench/built-assembly.ts';
import { callTool, initialize, modern, proxyEvent } from '../../bench/gateway-events.ts';
import { startLocalServices } from '../../bench/local-services.ts';
import { declareScopes } from '../../lambda/shared/scope-set.ts';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { runFresh } from '../support/fresh-process.ts';

/** The owner's server is bundled as on any Node.js server. Its tools run in the deployed function. */

jest.setTimeout(60_000);

const root = join(__dirname, '../..');
const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'holdfast-owner-'));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(project, { recursive: true });
});

function write(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = join(project, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

/** Installs a package of the clone in the owner's project. */
function link(name: string): void {
  const target = join(project, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), target);
}

/** A server with one tool, `probe`, that returns the value of the expression. */
const serverOf = (imports: string, probe: string) => `
  import { McpServer } from '@modelcontextprotocol/server';
  ${imports}
  export function createServer() {
    const server = new McpServer({ name: 'owner', version: '1.0.0' });
    server.registerTool('probe', {}, async () => ({
      content: [{ type: 'text', text: 'probe ' + JSON.stringify(${probe}) }],
    }));
    return server;
  }
`;

/** Deploys the project's server. @returns calls the tool in both eras, and fails unless the response has the text */
async function deploy(settings: { fastPath?: boolean } = {}) {
  const folder = join(project, 'cdk.out');
  const app = new App({
    outdir: folder,
    context: { ...context, 'aws:cdk:enable-asset-metadata': true },
    builtinCloudFormationValidation: false,
  });
  new HoldfastStack(app, 'Owner', { server: join(project, 'src/server.ts'), ...settings });
  app.synth();
  const services = await startLocalServices(folder);
  return {
    bundle: deployed(services.template, folder, 'Mcp').file,
    /** @returns the names of the modules that the function has required */
    async expectProbe(value: unknown): Promise<string[]> {
      const { file, handler, environment } = deployed(services.template, folder, 'Mcp');
      // The text is a JSON string within the JSON of the response.
      const expected = JSON.stringify(`probe ${JSON.stringify(value)}`).slice(1, -1);
      const requests = [initialize, callTool('probe'), modern(callTool('probe'))].map((message) => ({
        event: proxyEvent(message, services.caller, services.token),
        segments: [1],
        expect: message === initialize ? '"result"' : expected,
      }));
      const { required } = await runFresh({ file, handler, requests }, { ...services.environment, ...environment });
      return required;
    },
    close: () => services.close(),
  };
}

async function expectProbe(imports: string, probe: string, value: unknown): Promise<void> {
  write({ 'src/server.ts': serverOf(imports, probe) });
  const deployment = await deploy();
  try {
    await deployment.expectProbe(value);
  } finally {
    await deployment.close();
  }
}

test('a CommonJS package finds the CommonJS form of a package that also has an ES module', async () => {
  write({
    'node_modules/two-forms/package.json': JSON.stringify({ name: 'two-forms', main: 'main.js', module: 'module.mjs' }),
    'node_modules/two-forms/main.js': `module.exports = () => 'called';`,
    'node_modules/two-forms/module.mjs': `export default () => 'called';`,
    'node_modules/user-of-it/package.json': JSON.stringify({ name: 'user-of-it', main: 'main.js' }),
    'node_modules/user-of-it/main.js': `module.exports = require('two-forms')();`,
  });
  await expectProbe(`import used from 'user-of-it';`, 'used', 'called');
});

test('a package of the AWS SDK with event streams is bundled without Holdfast’s substitute', async () => {
  link('@smithy/core');
  await expectProbe(
    `import * as streams from '@smithy/core/event-streams';`,
    `typeof streams.EventStreamSerde + typeof streams.EventStreamCodec`,
    'functionfunction',
  );
});

test('import.meta names the file of the bundle', async () => {
  await expectProbe(
    `import { readFileSync } from 'node:fs';`,
    `[import.meta.url.slice(0, 8), import.meta.dirname === __dirname, readFileSync(new URL(import.meta.url)).length > 0]`,
    ['file:///', true, true],
  );
});

test('the stack of an error names the owner’s file and line', async () => {
  write({
    'src/server.ts': serverOf(
      `const fail = () => new Error('mapped'); // line 3`,
      `[fail().stack.split('\\n')[0], /src\\/server\\.ts:3:\\d+\\)?$/.test(fail().stack.split('\\n')[1])]`,
    ),
  });
  const deployment = await deploy();
  try {
    await deployment.expectProbe(['Error: mapped', true]);
  } finally {
    await deployment.close();
  }
});

test('a bundle with the fast path answers without the SDK, and names the owner’s lines in each of its files', async () => {
  write({
    'src/later.ts': `// line 1\nexport const fail = () => new Error('later');`,
    'src/server.ts': serverOf(
      `const fail = () => new Error('mapped'); // line 3
       const at = (error: Error) => error.stack.split('\\n')[1].match(/src\\/\\w+\\.ts:\\d+/)?.[0];`,
      `[at(fail()), at((await import('./later.ts')).fail())]`,
    ),
  });
  const deployment = await deploy({ fastPath: true });
  try {
    expect(await deployment.expectProbe(['src/server.ts:3', 'src/later.ts:2'])).not.toContain('./sdk-path.cjs');
  } finally {
    await deployment.close();
  }
});

test('a bundle with the fast path loads the SDK for an export that needs it', async () => {
  write({
    'src/server.ts': serverOf(
      `import { isJSONRPCRequest } from '@modelcontextprotocol/server';`,
      'typeof isJSONRPCRequest',
    ),
  });
  const deployment = await deploy({ fastPath: true });
  try {
    expect(await deployment.expectProbe('function')).toContain('./sdk-path.cjs');
  } finally {
    await deployment.close();
  }
});

test('a bundle with the fast path has the class of the SDK that parses the owner’s templates', async () => {
  write({
    'src/server.ts': serverOf(
      `import { ResourceTemplate } from '@modelcontextprotocol/server';
       const notes = new ResourceTemplate('note://{id}', { list: undefined });`,
      `notes.uriTemplate.match('note://1')`,
    ),
  });
  const deployment = await deploy();
  try {
    expect(await deployment.expectProbe({ id: '1' })).toContain('./sdk-path.cjs');
  } finally {
    await deployment.close();
  }
});

test.each([
  ['{ z }', `import { z } from 'zod';`, 290_000],
  ['* as z', `import * as z from 'zod/v4';`, 280_000],
])('a server that imports %s loads languages, messages and the conversion of Zod on demand', async (_, zod, most) => {
  link('zod');
  write({
    'src/server.ts': serverOf(
      `${zod} const schema = z.object({ count: z.int().min(2) }).describe('things');`,
      `[
        schema.safeParse({ count: 2 }).success,
        z.locales.de().localeError({ code: 'invalid_type', expected: 'string', input: 1 }),
        schema.safeParse({}).error.issues[0].message,
        [schema.toJSONSchema(), z.toJSONSchema(schema), schema['~standard'].jsonSchema.input({ target: 'draft-07' })]
          .map(({ description, properties }) => description + properties.count.minimum),
        new z.core.JSONSchemaGenerator().process(z.union([z.email(), z.null()])).anyOf.map(({ type }) => type),
        schema.shape.count.minValue,
      ]`,
    ),
  });
  const deployment = await deploy();
  try {
    const value = [
      true,
      'Ungültige Eingabe: erwartet string, erhalten Zahl',
      'Invalid input: expected number, received undefined',
      ['things2', 'things2', 'things2'],
      ['string', 'null'],
      2,
    ];
    const required = await deployment.expectProbe(value);
    expect(required.filter((name) => name.startsWith('./zod-')).sort()).toEqual(
      ['english', 'json-schema', 'locales'].map((part) => `./zod-${part}.cjs`),
    );
    expect(statSync(deployment.bundle).size).toBeLessThan(most);
  } finally {
    await deployment.close();
  }
});

test('a server whose project has another copy of Zod than the MCP SDK uses its own', async () => {
  cpSync(join(root, 'node_modules/zod'), join(project, 'node_modules/zod'), { recursive: true });
  write({
    'node_modules/zod/v4/core/versions.js': `export const version = { major: 4, minor: 6, patch: 'own' };`,
    'src/server.ts': serverOf(
      `import { z } from 'zod';`,
      `[z.string()._zod.version.patch, z.string().toJSONSchema().type]`,
    ),
  });
  const deployment = await deploy();
  try {
    expect(await deployment.expectProbe(['own', 'string'])).not.toContain('./zod-json-schema.cjs');
  } finally {
    await deployment.close();
  }
});

test('an error at load names the owner’s file and line', async () => {
  write({ 'src/limit.ts': `export const limit = 1;\n\nthrow new RangeError('not today');` });
  write({ 'src/server.ts': serverOf(`import { limit } from './limit.ts';`, 'limit') });
  const deployment = await deploy();
  try {
    await expect(deployment.expectProbe(1)).rejects.toThrow(/RangeError: not today\n +at .*src\/limit\.ts:3:7/);
  } finally {
    await deployment.close();
  }
});

test('the map beside the bundle has the owner’s sources alone, by their names and without their text', async () => {
  write({
    'src/server.ts': serverOf(`import { limit } from './limit.ts'; import used from 'package';`, '[limit, used]'),
    'src/limit.ts': `export const limit = 1;`,
    'node_modules/package/package.json': JSON.stringify({ name: 'package', main: 'main.js' }),
    'node_modules/package/main.js': `module.exports = 2;`,
  });
  const deployment = await deploy();
  await deployment.close();
  const map = JSON.parse(readFileSync(`${deployment.bundle}.map`, 'utf8'));
  expect(map.sources.map((source: string) => basename(source)).sort()).toEqual(['limit.ts', 'server.ts']);
  expect(map).not.toHaveProperty('sourcesContent');
});

test('JSON, text and bytes can be imported', async () => {
  write({ 'src/some.json': '{"a":1}', 'src/some.txt': 'text', 'src/some.bin': 'ab' });
  await expectProbe(
    `import json from './some.json' with { type: 'json' };
     import text from './some.txt' with { type: 'text' };
     import bytes from './some.bin' with { type: 'bytes' };`,
    '[json.a, text, [...bytes]]',
    [1, 'text', [97, 98]],
  );
});

test('an import of .env is an error that names its module, so that no bundle contains the file', async () => {
  write({
    '.env': 'STRIPE_KEY=sk_live',
    'src/server.ts': serverOf(`import e from '../.env' with { type: 'text' };`, 'e'),
  });
  await expect(deploy()).rejects.toThrow(
    /src\/server\.ts imports \S*\.env, which may contain secrets: read process\.env/,
  );
});

test('a warning about the owner’s code is printed with its place', async () => {
  const warn = jest.spyOn(console, 'warn').mockReturnValue();
  await expectProbe(`const value = 1; const same = value === -0;`, 'same', false);
  const lines = warn.mock.calls.map(([line]) => String(line));
  expect(lines).toContainEqual(expect.stringMatching(/^Warning: \S*src\/server\.ts:3:\d+: Comparison with -0 /));
});

test.each(['holdfast/server', join(root, 'lambda/core/mcp/tool-state.ts')])(
  'a conflict that Holdfast throws is an instance of StateConflict of %s',
  async (source) => {
    write({
      'src/server.ts': `
      import { McpServer } from '@modelcontextprotocol/server';
      import { StateConflict } from '${source}';
      export function createServer(context) {
        const server = new McpServer({ name: 'owner', version: '1.0.0' });
        server.registerTool('probe', {}, async () => {
          const error = await context.state.put('owner', { a: 1 }, { version: 7 }).catch((thrown) => thrown);
          const others = [new Error('StateConflict'), undefined].map((other) => other instanceof StateConflict);
          const found = [error instanceof StateConflict, ...others];
          return { content: [{ type: 'text', text: 'probe ' + JSON.stringify(found) }] };
        });
        return server;
      }`,
    });
    const deployment = await deploy();
    try {
      await deployment.expectProbe([true, false, false]);
    } finally {
      await deployment.close();
    }
  },
);

test('a server of SDK v1 answers requests of both eras in its function', async () => {
  link('@modelcontextprotocol/sdk');
  link('zod');
  write({
    'src/server.ts': `
      import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
      export function createServer() {
        const server = new McpServer({ name: 'owner', version: '1.0.0' });
        server.registerTool('probe', {}, async () => ({ content: [{ type: 'text', text: 'probe "v1"' }] }));
        return server;
      }`,
  });
  const deployment = await deploy();
  try {
    await deployment.expectProbe('v1');
  } finally {
    await deployment.close();
  }
});

test('a server that does not exist is rejected with its full path', () => {
  const server = join(project, 'src/servr.ts');
  expect(() => new HoldfastStack(new App(), 'Owner', { server })).toThrow(
    `server is "${server}", and ${server} does not exist: name a file`,
  );
});

test.each([
  ['export const createSever = () => {};', 'exports createSever, and not createServer: export function createServer'],
  ['export {};', 'does not export createServer: export function createServer'],
])('the server %j is rejected, because createServer is not among its exports', (code, message) => {
  write({ 'src/server.ts': code });
  const server = join(project, 'src/server.ts');
  expect(() => new HoldfastStack(new App(), 'Owner', { server })).toThrow(`src/server.ts ${message}`);
});

test('the scopes of the stack are those of its functions and of its challenge', () => {
  const scopes = declareScopes({ scopes: { 'orders:read': { description: 'Read your orders' } }, tools: {} });
  const folder = join(project, 'cdk.out');
  const app = new App({
    outdir: folder,
    context: { ...context, 'aws:cdk:enable-asset-metadata': true },
    builtinCloudFormationValidation: false,
  });
  const stack = new HoldfastStack(app, 'Owner', { scopes });
  app.synth();
  const [challenge] = Object.values(
    Template.fromStack(stack).findResources('AWS::ApiGateway::GatewayResponse', {
      Properties: { ResponseType: 'UNAUTHORIZED' },
    }),
  );
  expect(JSON.stringify(challenge)).toContain('orders:read');
  const assets = JSON.parse(readFileSync(join(folder, 'Owner.assets.json'), 'utf8')).files as Record<string, Asset>;
  const bundles = Object.values(assets)
    .map(({ source }) => join(folder, source.path, 'index.cjs'))
    .filter((file) => existsSync(file));
  const declaring = bundles.filter((file) => readFileSync(file, 'utf8').includes('Read your orders'));
  // The authorizer, the OAuth function, and the MCP function with its worker.
  expect([bundles.length, declaring.length]).toEqual([6, 3]);
});

type Asset = { source: { path: string } };

test('a package imports an optional one that is not installed, and fails only if it is used', async () => {
  write({
    'node_modules/query/package.json': JSON.stringify({ name: 'query', main: 'main.js' }),
    'node_modules/query/main.js': `exports.drivers = ['one']; exports.load = () => require('driver-two/promise');`,
  });
  await expectProbe(
    `import { drivers, load } from 'query';
     const failure = () => { try { return load(); } catch ({ code }) { return code; } };`,
    '[drivers, failure()]',
    [['one'], 'MODULE_NOT_FOUND'],
  );
});

test('an import of the owner’s code that does not exist is an error with its place', async () => {
  write({ 'src/server.ts': serverOf(`import 'no-such-package';`, '1') });
  await expect(deploy()).rejects.toThrow(/src\/server\.ts:3:\d+: Could not resolve "no-such-package"/);
});
