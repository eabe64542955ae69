import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { declareScopes } from '../../lambda/shared/scope-set.ts';
import { bundleServer } from '../../lib/bundle/server-bundle.ts';
import type { FunctionDefinition } from '../../local/lambda/function-definition.ts';
import { checkServer } from '../../local/server-check/server-check.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** One bundle, whose server makes the mistake that a variable names. */

const folder = mkdtempSync(join(tmpdir(), 'holdfast-check-'));
const server = join(folder, 'server.ts');
const source = `import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';
const { MISTAKE } = process.env;
if (MISTAKE === 'load') throw new RangeError('not today');
if (MISTAKE === 'exit') process.exit(3);
if (MISTAKE === 'later') setImmediate(() => { throw new Error('too late'); });
const shared = new McpServer({ name: 'owner', version: '1' });
export async function createServer(context) {
  if (MISTAKE === 'create') throw new TypeError('no orders');
  if (MISTAKE === 'group' && !context.user.groups.includes('staff')) throw new Error('staff only');
  if (MISTAKE === 'nothing') return;
  if (MISTAKE === 'shared') return shared;
  if (MISTAKE === 'pending') return new Promise(() => {});
  if (MISTAKE === 'later') await new Promise((resolve) => setTimeout(resolve, 1000));
  await context.state.get('seen');
  const resources = { subscribe: MISTAKE === 'subscribe' };
  const server = new McpServer({ name: 'owner', version: '1' }, { capabilities: { resources } });
  server.registerTool('greet', {}, context.longRunning(async () => ({ content: [] })));
  if (MISTAKE === 'duplicate')
    server.registerTool('greet', {}, async () => ({ content: [] }));
  if (MISTAKE === 'schema')
    server.registerTool('when', { inputSchema: z.object({ at: z.date() }) }, async () => ({ content: [] }));
  if (MISTAKE === 'name')
    server.registerTool('send mail', {}, async () => ({ content: [] }));
  return server;
}
`;
const lineOf = (text: string) => source.slice(0, source.indexOf(text)).split('\n').length;

const scopes = declareScopes({ scopes: { mcp: { description: 'Use it' } }, tools: {} });
const build = { server, values: { scopes, branding: { name: 'Orders' } }, optimizations: true, external: [] };

let record: Parameters<typeof checkServer>[1];
beforeAll(() => {
  writeFileSync(server, source);
  const { errors, modules } = bundleServer(build, join(folder, 'index.cjs'));
  expect(errors).toEqual([]);
  record = { build, modules };
});
afterAll(() => rmSync(folder, { recursive: true }));

const definition = (mistake: string, taskRoot = folder) =>
  ({
    worker: { taskRoot, handler: 'index.handler', functionArn: '', isTraced: false },
    environment: {
      MISTAKE: mistake,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_SESSION_TOKEN: 'token',
      PUBLIC_URL: 'http://127.0.0.1:1',
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
    },
  }) as unknown as FunctionDefinition;

test('a server without a mistake passes, which awaits the state of its user and has a long-running tool', async () => {
  expect(await checkServer(definition('none'), record)).toEqual([]);
});

test.each([
  ['load', `throw new RangeError`, 'the server does not load: RangeError: not today'],
  ['create', 'throw new TypeError', 'createServer throws: TypeError: no orders'],
  [
    'duplicate',
    `server.registerTool('greet', {}, async`,
    'createServer throws: Error: Tool greet is already registered',
  ],
  ['schema', `server.registerTool('when'`, 'the tool "when" cannot be listed: Date cannot be represented'],
  ['later', `throw new Error('too late')`, 'an error ends the process: Error: too late'],
])('the mistake "%s" is found with its line', async (mistake, code, message) => {
  const [finding, ...others] = await checkServer(definition(mistake), record);
  expect(others).toEqual([]);
  expect(finding!.text).toContain(`server.ts:${lineOf(code)}:`);
  expect(finding).toEqual({ text: expect.stringContaining(message), isFatal: true });
});

test.each([
  ['nothing', 'createServer returns nothing; return an McpServer'],
  ['shared', 'createServer returns one server again and again; create one for each request'],
  ['exit', 'ends its process with status 3 when it is loaded'],
])('the mistake "%s" is found with its module', async (mistake, message) => {
  const expected = { text: expect.stringMatching(new RegExp(`server\\.ts:? ${message}`)), isFatal: true };
  expect(await checkServer(definition(mistake), record)).toEqual([expected]);
});

test.each([
  ['name', `server.registerTool('send mail'`, 'the tool "send mail" has a name that clients reject'],
  ['group', `throw new Error('staff only')`, 'createServer throws: Error: staff only'],
])('the mistake "%s" does not prevent the start', async (mistake, code, message) => {
  const [finding] = await checkServer(definition(mistake), record);
  expect(finding!.text).toContain(`server.ts:${lineOf(code)}:`);
  expect(finding).toEqual({ text: expect.stringContaining(message), isFatal: false });
});

test('subscriptions to resources without listenTimeout are named, and do not prevent the start', async () => {
  const text = expect.stringMatching(
    /server\.ts: no client can subscribe to the server's resources; set listenTimeout$/,
  );
  expect(await checkServer(definition('subscribe'), record)).toEqual([{ text, isFatal: false }]);
  const listening = definition('subscribe');
  Object.assign(listening.environment, { LISTEN_SECONDS: '60' });
  expect(await checkServer(listening, record)).toEqual([]);
});

/** A bundle with a server of SDK v1, whose mistake a variable names. */
const v1 = join(folder, 'v1');
const codeOfV1 = `import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
const { MISTAKE } = process.env;
export async function createServer() {
  const taskStore = MISTAKE === 'store' ? undefined : new InMemoryTaskStore();
  const server = new McpServer({ name: 'owner', version: '1' }, { taskStore });
  server.tool('greet', async () => ({ content: [] }));
  server.experimental.tasks.registerToolTask('research', {}, { createTask() {} });
  server.experimental.tasks.registerToolTask('search', { execution: { taskSupport: 'optional' } }, {});
  if (MISTAKE === 'connected')
    await server.connect({ start: async () => {}, send: async () => {}, close: async () => {} });
  return MISTAKE === 'low-level' ? server.server : server;
}
`;
let recordOfV1: typeof record;
beforeAll(() => {
  mkdirSync(v1);
  writeFileSync(join(v1, 'server.ts'), codeOfV1);
  const ofV1 = { ...build, server: join(v1, 'server.ts') };
  const { errors, modules } = bundleServer(ofV1, join(v1, 'index.cjs'));
  expect(errors).toEqual([]);
  recordOfV1 = { build: ofV1, modules };
});

test('a server of SDK v1 passes, whose tool creates a task', async () => {
  expect(await checkServer(definition('none', v1), recordOfV1)).toEqual([]);
});

test.each([
  ['store', /server\.ts:8:\d+: the tool "research" requires a task of SDK v1, .*; create the server with a taskStore$/],
  ['low-level', /server\.ts: the tool "research" requires a task of SDK v1, .*; use context\.longRunning$/],
  ['connected', /server\.ts: createServer returns a connected server; do not call connect$/],
])('the mistake "%s" of a server of SDK v1 prevents the start', async (mistake, message) => {
  const expected = { text: expect.stringMatching(message), isFatal: true };
  expect(await checkServer(definition(mistake, v1), recordOfV1)).toEqual([expected]);
});

test('a server of SDK v1 whose bundle lacks the bridge prevents the start', async () => {
  const text = expect.stringMatching(
    /server\.ts: the server is of SDK v1, .*; import @modelcontextprotocol\/sdk\/types/,
  );
  const withoutBridge = { ...recordOfV1, modules: [] };
  expect(await checkServer(definition('none', v1), withoutBridge)).toEqual([{ text, isFatal: true }]);
});

test('a server that does not answer is found when the time is over', async () => {
  const clock = fakeClock();
  const checked = checkServer(definition('pending'), record, clock);
  await clock.advance(20_000);
  const text = expect.stringContaining('has not listed its tools within 20 seconds');
  expect(await checked).toEqual([{ text, isFatal: true }]);
});
