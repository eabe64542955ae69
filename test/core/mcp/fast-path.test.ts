import * as sdk from '@modelcontextprotocol/server';
import fc from 'fast-check';
import * as z from 'zod/v4';
import { memoryPipeline } from '../../../lambda/adapters/memory/memory-pipeline.ts';
import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { signedInCaller } from '../../../lambda/adapters/memory/signed-in-caller.ts';
import type { ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import { changeSourceOf, setChangeSource } from '../../../lambda/core/mcp/change-notifications.ts';
import { openServerStep } from '../../../lambda/core/mcp/fast-path/fast-server-step.ts';
import { LightServer } from '../../../lambda/core/mcp/fast-path/light-server.ts';
import { light, provideSdkPath } from '../../../lambda/core/mcp/fast-path/sdk-facade.ts';
import * as sdkPath from '../../../lambda/core/mcp/fast-path/sdk-path.ts';
import { McpRequest } from '../../../lambda/core/mcp/mcp-http.ts';
import { handleMcpRequest } from '../../../lambda/core/mcp/pipeline.ts';
import type { ServerStepDependencies } from '../../../lambda/core/mcp/server-step.ts';
import type { ToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { fakeClock } from '../../support/fake-clock.ts';

/** Each message by the fast path and by the SDK: status, headers, body, audit log and log are the same. */

let answersOfSdk = 0;
class CountingServerStep extends sdkPath.ServerStep {
  override legacy(exchange: Parameters<sdkPath.ServerStep['legacy']>[0]) {
    answersOfSdk++;
    return super.legacy(exchange);
  }
  override modern(exchange: Parameters<sdkPath.ServerStep['modern']>[0]) {
    answersOfSdk++;
    return super.modern(exchange);
  }
}
provideSdkPath(() => ({ ...sdkPath, ServerStep: CountingServerStep, sdk }));

/** The exports of the SDK that the servers use, or of its stand-in. */
type Exports = Pick<typeof sdk, 'McpServer' | 'ResourceTemplate' | 'completable'>;
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

/** Results of tools, well-formed or not. */
const results: Record<string, unknown> = {
  nothing: undefined,
  null: null,
  text: 'text',
  empty: {},
  noContent: { content: [] },
  contentOfText: { content: 'x' },
  textWithoutText: { content: [{ type: 'text' }] },
  annotated: { content: [{ type: 'text', text: 'x', annotations: { audience: ['user'], priority: 1 } }] },
  reordered: { isError: false, content: [{ text: 'x', type: 'text' }] },
  failed: { content: [{ type: 'text', text: 'It failed' }], isError: true },
  unavailable: { content: [{ type: 'text', text: 'Client does not support elicitation' }], isError: true },
  isErrorOfText: { content: [], isError: 'yes' },
  image: { content: [{ type: 'image', data: 'aGk=', mimeType: 'image/png' }] },
  invalidImage: { content: [{ type: 'image', data: '?', mimeType: 7 }] },
  link: { content: [{ type: 'resource_link', uri: 'a:b', name: 'x' }] },
  unknownContent: { content: [{ type: 'video', data: 'x' }] },
  withMeta: { _meta: { a: 1 }, content: [] },
  withMore: { content: [], more: 1 },
  completed: { content: [], resultType: 'complete' },
  otherType: { content: [], resultType: 'other' },
  task: { content: [], task: { taskId: 'x' } },
  structured: { content: [], structuredContent: { a: [1, { b: null }] } },
  structuredAlone: { structuredContent: { a: 1 } },
  structuredArray: { content: [], structuredContent: [1] },
  structuredNumber: { content: [], structuredContent: 7 },
  structuredNull: { content: [], structuredContent: null },
  structuredUndefined: { content: [], structuredContent: undefined },
  structuredDate: { content: [], structuredContent: { at: new Date(0) } },
  structuredClass: { content: [], structuredContent: new Map([[1, 2]]) },
  bigInt: { content: [], structuredContent: { n: 1n } },
  cyclic: { content: [], structuredContent: cyclic },
  surrogate: { content: [{ type: 'text', text: '\ud800 \u2028 "\\' }] },
  array: [],
};

const kinds = Object.keys(results) as [string, ...string[]];
const schemas = {
  echo: z.object({ text: z.string().max(5).describe('Text'), times: z.int().min(1).default(1) }),
  kind: z.object({ kind: z.enum(kinds) }),
  trimmed: z.object({ text: z.string().transform((value) => value.trim()) }),
  union: z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })]),
  header: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
  output: z.object({ a: z.number() }),
  list: z.array(z.number()),
};

/** Results of prompts and of resources, well-formed or not. The SDK sends no response to `undefined`. */
const parts: Record<string, unknown> = {
  empty: {},
  messages: { messages: [{ role: 'user', content: { type: 'text', text: 'x' } }], description: 'Described' },
  contents: {
    contents: [
      { uri: 'a:b', text: 'x', mimeType: 'text/plain' },
      { uri: 'a:c', blob: 'aGk=' },
    ],
  },
  invalid: { messages: [7], contents: [{ at: new Date(0) }] },
  withMeta: { _meta: { a: 1 }, messages: [], contents: [] },
  cached: { contents: [], ttlMs: 60_000, cacheScope: 'public' },
  withMore: { contents: [], messages: [], more: 1 },
  completed: { contents: [], resultType: 'complete' },
  otherType: { messages: [], resultType: 'other' },
  bigInt: { contents: [{ n: 1n }], description: 1n },
  array: [],
};
const partKinds = Object.keys(parts) as [string, ...string[]];

function registerPrompts(server: sdk.McpServer, { completable }: Exports, seen: unknown[]) {
  const named = z.object({
    name: completable(z.string().max(5).describe('The name'), (value) => [`${value}!`]),
    tone: z.enum(['kind', 'stern']).optional(),
  });
  server.registerPrompt('greet', { title: 'Greet', description: 'Greets', argsSchema: named }, async (given) => {
    seen.push(['greet', given]);
    return { messages: [{ role: 'user' as const, content: { type: 'text' as const, text: given.name } }] };
  });
  server.registerPrompt('plain', { icons: [{ src: 'https://a.example/i.png' }], _meta: { a: 1 } }, async (ctx) => {
    seen.push(['prompt', ctx.mcpReq.method, ctx.sessionId]);
    return parts.messages as never;
  });
  server.registerPrompt(
    'part',
    { argsSchema: z.object({ kind: z.enum(partKinds) }) },
    ({ kind }) => parts[kind] as never,
  );
  server.registerPrompt('throws', {}, async () => {
    throw new Error('It broke');
  });
  server.registerPrompt('notifies', {}, async ({ mcpReq }) => {
    seen.push('notifies');
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
    return { messages: [] };
  });
  server.registerPrompt('requires-input', {}, async () =>
    sdk.inputRequired({
      inputRequests: {
        a: sdk.inputRequired.elicit({ message: 'Yes?', requestedSchema: { type: 'object', properties: {} } }),
      },
    }),
  );
}

function registerResources(server: sdk.McpServer, { ResourceTemplate }: Exports, seen: unknown[]) {
  const metadata = { title: 'Note', mimeType: 'text/plain', annotations: { priority: 1 }, _meta: { a: 1 } };
  server.registerResource('note', 'test://note', metadata, async (uri, ctx) => {
    seen.push(['note', uri.href, ctx.mcpReq.method]);
    return { contents: [{ uri: uri.href, text: 'note' }] };
  });
  server.registerResource('host', 'https://a.example', {}, async () => ({ contents: [] }));
  server.registerResource('throws', 'test://throws', {}, async () => {
    throw new sdk.ProtocolError(-32602, 'No such thing', { why: 1 });
  });
  for (const kind of partKinds) server.registerResource(kind, `test://part/${kind}`, {}, () => parts[kind] as never);
  const complete = { id: (value: string) => [`${value}1`] };
  const item = new ResourceTemplate('test://item/{id}{?more}', { list: undefined, complete });
  server.registerResource('item', item, { description: 'An item' }, async (uri, { id }) => {
    return { contents: [{ uri: uri.href, text: String(id) }] };
  });
  if (mode === 'listed') return;
  const list = async () => ({ resources: [{ uri: 'test://listed/1', name: '1' }] });
  const listing = new ResourceTemplate('test://listed/{id}', { list });
  server.registerResource('listing', listing, { mimeType: 'text/plain' }, async () => ({ contents: [] }));
}

/** A getter in the context of each call keeps the objects of that call until the next full garbage collection. */
const gettersOf = (object: object = {}) =>
  Object.entries(Object.getOwnPropertyDescriptors(object)).flatMap(([name, { get }]) => (get ? [name] : []));

function createServer(exports: Exports, seen: unknown[], context: ToolContext) {
  const { McpServer } = exports;
  const server = new McpServer(
    { name: 'test', version: '1', title: 'Test' },
    { instructions: 'Use the tools', capabilities: { logging: {}, tools: { listChanged: false } } },
  );
  const sees = (name: string, ...more: unknown[]) => void seen.push([name, ...more]);
  registerPrompts(server, exports, seen);
  registerResources(server, exports, seen);
  server.registerTool('plain', { description: 'Plain' }, async (ctx) => {
    const { signal: _, ...request } = ctx.mcpReq;
    sees(
      'plain',
      JSON.stringify([request, ctx.sessionId, ctx.http?.authInfo?.clientId, ctx.http?.closeSSE !== undefined]),
      [ctx, ctx.mcpReq, ctx.http].map(gettersOf),
    );
    return text('plain');
  });
  server.registerTool(
    'echo',
    {
      title: 'Echo',
      description: 'Repeats',
      inputSchema: schemas.echo,
      annotations: { readOnlyHint: true },
      icons: [{ src: 'https://a.example/i.png' }],
      _meta: { ui: { a: 1 } },
    },
    async (given) => {
      sees('echo', given);
      return text(given.text.repeat(given.times));
    },
  );
  server.registerTool('trimmed', { inputSchema: schemas.trimmed }, async (given) => text(given.text));
  server.registerTool('union', { inputSchema: schemas.union }, async (given) => text(given.kind));
  if (mode !== 'listed')
    server.registerTool('header', { inputSchema: schemas.header }, async ({ region }) => text(region));
  server.registerTool('result', { inputSchema: schemas.kind }, async ({ kind }) => {
    sees('result', kind);
    return results[kind] as never;
  });
  server.registerTool(
    'output',
    { inputSchema: schemas.kind, outputSchema: schemas.output },
    async ({ kind }) => results[kind] as never,
  );
  if (mode !== 'listed')
    server.registerTool(
      'list',
      { inputSchema: schemas.kind, outputSchema: schemas.list },
      async ({ kind }) => results[kind] as never,
    );
  server.registerTool('throws', {}, async () => {
    sees('throws');
    throw new Error('It broke');
  });
  server.registerTool('throws-at-once', {}, () => {
    throw new TypeError('At once');
  });
  server.registerTool('throws-text', {}, async () => Promise.reject('text'));
  server.registerTool('throws-protocol', {}, async () => {
    throw new sdk.ProtocolError(-32602, 'No such thing', { why: 1 });
  });
  server.registerTool('throws-url', {}, async () => {
    throw new sdk.UrlElicitationRequiredError([
      { mode: 'url', message: 'm', url: 'https://a.example', elicitationId: 'e' },
    ]);
  });
  server.registerTool('notifies', {}, async ({ mcpReq }) => {
    sees('notifies');
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
    return text('notified');
  });
  server.registerTool('notifies-late', {}, async ({ mcpReq }) => {
    void mcpReq.notify({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
    return text('not awaited');
  });
  server.registerTool('logs', {}, async ({ mcpReq }) => {
    await mcpReq.log('info', 'logged');
    await server.sendLoggingMessage({ level: 'info', data: 'by the server' });
    return text('logged');
  });
  server.registerTool('announces', {}, async () => {
    server.sendToolListChanged();
    return text(String(server.isConnected()));
  });
  server.registerTool('elicits', {}, async ({ mcpReq }) => {
    const { action } = await mcpReq.elicitInput({
      message: 'Yes?',
      requestedSchema: { type: 'object', properties: {} },
    });
    return text(action);
  });
  server.registerTool('requires-input', {}, async () =>
    sdk.inputRequired({
      inputRequests: {
        a: sdk.inputRequired.elicit({ message: 'Yes?', requestedSchema: { type: 'object', properties: {} } }),
      },
    }),
  );
  server.registerTool('client', {}, async ({ mcpReq }) => {
    const { server: inner } = server;
    const known = [inner.getClientCapabilities(), inner.getClientVersion(), inner.getNegotiatedProtocolVersion()];
    return text(JSON.stringify([known, inner.getCapabilities(), mcpReq.signal.aborted]));
  });
  server.registerTool('registers', {}, async () => {
    const handle = server.registerTool('another', {}, async () => text('another'));
    handle.update({ description: 'Another' });
    return text(String(handle.enabled));
  });
  server.registerTool('reachable', {}, async (context) => {
    const texts = new Set(reachableTexts([context, context.http?.req?.headers]));
    return text(JSON.stringify([...texts].filter((each) => /hunter2|x-kept/.test(each))));
  });
  server.registerTool('slow', {}, async () => {
    await clock.sleep(12_000);
    return text('slow');
  });
  server.registerTool(
    'long',
    {},
    context.longRunning(async () => text('long')),
  );
  return server as sdk.McpServer;
}

/** The texts in a value and in everything that it leads to, by members and by iteration. */
function reachableTexts(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  const members = Object.values(Object.getOwnPropertyDescriptors(value)).map(({ value: member }) => member as unknown);
  const entries = Symbol.iterator in value ? [...(value as Iterable<unknown>)] : [];
  return [...members, ...entries].flatMap((each) => reachableTexts(each, seen));
}

const clock = fakeClock(1_800_000_000_000);
const stores = memoryStores();

type Path = { seen: unknown[]; calls: ToolCall[]; log: unknown[]; pipeline: ReturnType<typeof memoryPipeline> };

function pathOf(exports: Exports, openServer?: (dependencies: ServerStepDependencies) => never): Path {
  const seen: unknown[] = [];
  const calls: ToolCall[] = [];
  const log: unknown[] = [];
  let reused: sdk.McpServer | undefined;
  const pipeline = memoryPipeline({
    createServer: (context) => {
      seen.push('createServer');
      if (mode === 'fails') throw new Error('No server');
      if (mode === 'extended') return createExtended(exports);
      if (mode !== 'reused') return createServer(exports, seen, context);
      reused ??= createServer(exports, seen, context);
      return reused;
    },
    ...(openServer && { openServer }),
    stores,
    key: crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt', 'decrypt']),
    starter: { start: async () => undefined },
    scopes: { scopes: { mcp: { description: 'Use it' } }, tools: { 'throws-text': { groups: ['staff'] } } },
    publicUrl: 'https://mcp.example',
    clock,
    calls: { recordCall: async (call) => void calls.push(call) },
    branding: { name: 'Branded', icon: 'data:image/svg+xml;base64,PHN2Zy8+' },
    log: (event, details) => void log.push([event, details]),
    secrets: { get: async () => '' },
  });
  return { seen, calls, log, pipeline };
}

/** A server of a class of the owner's, which overrides what the SDK calls. */
function createExtended({ McpServer, ResourceTemplate }: Exports) {
  class Extended extends McpServer {
    override async connect(transport: sdk.Transport) {
      this.registerTool('at-connect', {}, async () => text('at connect'));
      await super.connect(transport);
    }
  }
  const server = new Extended({ name: 'extended', version: '1' }, { capabilities: { tools: {} } });
  if (!(server instanceof McpServer)) throw new Error('not an instance');
  class Completing extends ResourceTemplate {
    override completeCallback() {
      return async () => ['completed'];
    }
  }
  const template = new Completing('test://{id}', { list: undefined });
  server.registerResource('template', template, {}, async () => ({ contents: [] }));
  return server;
}

/** `listed`: without the tools whose schemas the SDK changes in a list. */
let mode: 'tools' | 'listed' | 'extended' | 'fails' | 'reused' = 'tools';
const bySdk = pathOf(sdk);
const byFastPath = pathOf(light as never, openServerStep as never);

/** Without what is random in each response. */
const masked = (value: unknown) => JSON.stringify(value)?.replaceAll(/[A-Za-z0-9_-]{22}/g, 'id');

async function answer({ pipeline, seen, calls, log }: Path, headers: Record<string, string>, body: string) {
  for (const each of [seen, calls, log]) each.length = 0;
  const caller = await signedInCaller(stores.grants, 'ada', clock.now() / 1000);
  const request = new McpRequest('https://mcp.example/mcp', { method: 'POST', headers, body });
  const answered = (async () => {
    const { response, done, afterwards } = await handleMcpRequest(pipeline, request, caller);
    const content = await response.text();
    await Promise.all([done, afterwards?.()]);
    return { status: response.status, headers: Object.fromEntries(response.headers), content };
  })();
  const response = await clock.until(answered);
  const logged = log.map((each) => masked(each)?.replaceAll(/\\n +at (?:[^"\\]|\\[^n])*/g, ''));
  const facts = calls.map(({ id: _, at: __, milliseconds: ___, ...call }) => call);
  return { response: masked(response), seen: seen.map(masked), logged, facts: masked(facts) };
}

async function expectSame(headers: Record<string, string>, body: unknown): Promise<Awaited<ReturnType<typeof answer>>> {
  const message = typeof body === 'string' ? body : JSON.stringify(body);
  const expected = await answer(bySdk, headers, message);
  expect(await answer(byFastPath, headers, message)).toEqual(expected);
  return expected;
}

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const clientInfo = { name: 'client', version: '1' };
const capabilities = [
  {},
  { elicitation: {} },
  { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: { listChanged: true } },
  { extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html'] } } },
  { extensions: { 'io.modelcontextprotocol/tasks': {} } },
  { experimental: { x: {} }, unknown: { y: 1 } },
  { roots: 7 },
];
const initialize = (protocolVersion: unknown, client: unknown = {}, more: object = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion, capabilities: client, clientInfo, ...more },
});

const sessions = new Map<string, string>();

/** The headers of a session that began with these parameters. */
async function sessionOf(version: string, client: object): Promise<Record<string, string>> {
  const key = JSON.stringify([version, client]);
  if (!sessions.has(key)) {
    const caller = await signedInCaller(stores.grants, 'ada', clock.now() / 1000);
    const body = JSON.stringify(initialize(version, client));
    const request = new McpRequest('https://mcp.example/mcp', { method: 'POST', headers: json, body });
    const { response } = await handleMcpRequest(bySdk.pipeline, request, caller);
    sessions.set(key, response.headers.get('mcp-session-id')!);
  }
  return { ...json, 'Mcp-Session-Id': sessions.get(key)!, 'MCP-Protocol-Version': version };
}

const tools = [
  ...[
    'plain',
    'echo',
    'trimmed',
    'union',
    'header',
    'result',
    'output',
    'list',
    'throws',
    'throws-at-once',
    'throws-text',
  ],
  ...['throws-protocol', 'throws-url', 'notifies', 'notifies-late', 'logs', 'announces', 'requires-input', 'client'],
  ...['registers', 'slow', 'long', 'absent', 'constructor', '__proto__', ''],
];
const given = fc.oneof(
  fc.constantFrom({}, undefined, null, 7, [], { text: 7 }, { kind: 'a' }, { region: 'eu' }, { text: 'too long' }),
  fc.record({ text: fc.string({ maxLength: 6 }), times: fc.integer({ min: 0, max: 2 }) }, { requiredKeys: ['text'] }),
  fc.record({ kind: fc.constantFrom(...kinds) }),
);
const meta = fc.constantFrom<unknown>(
  undefined,
  undefined,
  {},
  { progressToken: 1 },
  { progressToken: 'a', more: [1] },
  { progressToken: 1.5 },
  { 'io.modelcontextprotocol/related-task': 7 },
  { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  'x',
);
const call = fc
  .record({
    name: fc.constantFrom<unknown>(...tools, 7, undefined),
    arguments: given,
    more: fc.constantFrom<unknown>(undefined, undefined, undefined, { ttl: 1 }),
  })
  .map(({ more, ...params }) => ({ method: 'tools/call', params: { ...params, ...(more ? { task: more } : {}) } }));
const promptCall = fc
  .record({
    name: fc.constantFrom<unknown>(
      ...['greet', 'plain', 'part', 'throws', 'notifies', 'requires-input', 'absent', 'constructor', '', 7, undefined],
    ),
    arguments: fc.oneof(
      fc.constantFrom<unknown>(undefined, {}, null, [], { name: 7 }, { name: 'too long' }, { name: 'a', more: '1' }),
      fc.record({ kind: fc.constantFrom(...partKinds) }),
      fc.record(
        { name: fc.string({ maxLength: 5 }), tone: fc.constantFrom('kind', 'other') },
        { requiredKeys: ['name'] },
      ),
    ),
  })
  .map((params) => ({ method: 'prompts/get', params }));
const resourceCall = fc
  .constantFrom<unknown>(
    ...['test://note', 'TEST://note', 'test://note#a', 'https://a.example', 'https://a.example/', 'test://throws'],
    ...['test://item/1', 'test://item/1?more=2', 'test://listed/1', 'test://absent', 'not a URI', '', 7, undefined],
    ...partKinds.map((kind) => `test://part/${kind}`),
  )
  .map((uri) => ({ method: 'resources/read', params: { uri } }));
const completion = fc
  .constantFrom(
    { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'name', value: 'a' } },
    { ref: { type: 'ref/resource', uri: 'test://item/{id}{?more}' }, argument: { name: 'id', value: 'a' } },
  )
  .map((params) => ({ method: 'completion/complete', params }));
const other = fc.record({
  method: fc.constantFrom(
    ...[
      'tools/list',
      'tools/list',
      'ping',
      'server/discover',
      'prompts/list',
      'resources/list',
      'resources/templates/list',
      'prompts/get',
      'no/such',
    ],
    ...[
      'logging/setLevel',
      'completion/complete',
      'notifications/initialized',
      'notifications/cancelled',
      'initialize',
    ],
  ),
  params: fc.constantFrom<unknown>(undefined, {}, { cursor: 'x' }, { cursor: 7 }, { more: 1 }, { level: 'debug' }, []),
});
const id = fc.oneof(fc.nat(), fc.string({ maxLength: 4 }), fc.constantFrom(-1, 'x"\u2028'));
const message = fc
  .record({
    of: fc.oneof(
      { weight: 6, arbitrary: call },
      { weight: 2, arbitrary: promptCall },
      { weight: 2, arbitrary: resourceCall },
      { weight: 2, arbitrary: other },
      { weight: 1, arbitrary: completion },
    ),
    id,
    meta,
    hasId: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ of: { method, params }, id, meta, hasId }) => ({
    jsonrpc: '2.0',
    ...(hasId > 0 && { id }),
    method,
    ...(params !== undefined && {
      params: Array.isArray(params) || meta === undefined ? params : { ...(params as object), _meta: meta },
    }),
  }));
const accept = fc.constantFrom(
  undefined,
  undefined,
  undefined,
  'application/json',
  'text/event-stream',
  '*/*',
  'text/html',
);

jest.setTimeout(120_000);

test('a request of the 2025 era has the same response, effects and log by both paths', async () => {
  answersOfSdk = 0;
  let requests = 0;
  await fc.assert(
    fc.asyncProperty(
      message,
      fc.constantFrom('2025-11-25', '2025-06-18', '2025-03-26'),
      fc.constantFrom(...capabilities.slice(0, 5)),
      accept,
      async (body, version, client, form) => {
        const headers = { ...(await sessionOf(version, client)), ...(form && { Accept: form }) };
        requests++;
        await expectSame(headers, body);
      },
    ),
    { numRuns: 600 },
  );
  // The SDK answers for each path that has to hand over.
  expect(answersOfSdk).toBeGreaterThan(requests / 10);
  expect(answersOfSdk).toBeLessThan((requests * 9) / 10);
});

test('a request of 2026-07-28 has the same response, effects and log by both paths', async () => {
  answersOfSdk = 0;
  let requests = 0;
  const envelope = fc.record({
    version: fc.oneof(
      { weight: 9, arbitrary: fc.constant('2026-07-28') },
      fc.constantFrom<unknown>('2025-11-25', '2027-01-01', 7),
    ),
    client: fc.constantFrom<unknown>(
      ...Array.from({ length: 9 }, () => clientInfo),
      undefined,
      { name: 'a' },
      { ...clientInfo, icons: [] },
      7,
    ),
    capabilities: fc.constantFrom<unknown>(...capabilities, undefined),
    level: fc.constantFrom(...Array.from({ length: 9 }, () => undefined), 'debug', 'x'),
  });
  const hostile = fc.constantFrom<Record<string, string | undefined>>(
    ...Array.from({ length: 30 }, () => ({})),
    ...[{ 'Mcp-Name': undefined }, { 'Mcp-Name': 'other' }, { 'Mcp-Method': undefined }],
    ...[{ 'Mcp-Method': 'ping' }, { 'MCP-Protocol-Version': undefined }, { 'MCP-Protocol-Version': '2025-11-25' }],
    ...[
      { 'Mcp-Name': '=?base64?ZWNobw==?=' },
      { 'Mcp-Param-Region': 'eu' },
      { 'Content-Type': 'application/json; charset=utf-8' },
    ],
  );
  await fc.assert(
    fc.asyncProperty(
      message,
      envelope,
      hostile,
      accept,
      async (sent, { version, client, capabilities, level }, more, form) => {
        // The SDK sends no response to a result of this revision that JSON cannot express.
        fc.pre(!/"kind":"(?:bigInt|cyclic)"|part\/bigInt/.test(JSON.stringify(sent)));
        type Params = { _meta?: object; name?: unknown; uri?: unknown };
        const { _meta, ...params } = ((sent as { params?: object }).params ?? {}) as Params;
        const { name = params.uri } = params;
        const body = {
          ...sent,
          params: {
            ...params,
            _meta: {
              ...(typeof _meta === 'object' && _meta),
              'io.modelcontextprotocol/protocolVersion': version,
              ...(client !== undefined && { 'io.modelcontextprotocol/clientInfo': client }),
              ...(capabilities !== undefined && { 'io.modelcontextprotocol/clientCapabilities': capabilities }),
              ...(level !== undefined && { 'io.modelcontextprotocol/logLevel': level }),
            },
          },
        };
        const all: Record<string, string | undefined> = {
          ...json,
          'MCP-Protocol-Version': '2026-07-28',
          'Mcp-Method': sent.method,
          ...(typeof name === 'string' && { 'Mcp-Name': name }),
          ...(form && { Accept: form }),
          ...more,
        };
        const headers = Object.fromEntries(
          Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
        );
        requests++;
        await expectSame(headers, body);
      },
    ),
    { numRuns: 600 },
  );
  expect(answersOfSdk).toBeGreaterThan(requests / 10);
  expect(answersOfSdk).toBeLessThan((requests * 9) / 10);
});

test.each(
  capabilities.flatMap((client) =>
    ['2025-11-25', '2024-11-05', '1999-01-01', 7].map((version) => [version, client] as const),
  ),
)('initialize with %j and %j has the same response by both paths', async (version, client) => {
  await expectSame(json, initialize(version, client));
  await expectSame(json, initialize(version, client, { _meta: { progressToken: 1 } }));
  await expectSame({ ...json, 'MCP-Protocol-Version': '2026-07-28' }, initialize(version, client));
});

test.each(['extended', 'fails', 'listed'] as const)(
  'a server of the mode %s has the same responses by both paths',
  async (unusual) => {
    const headers = await sessionOf('2025-11-25', {});
    mode = unusual;
    try {
      const lists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
      const messages = [...lists, 'ping', 'server/discover', ...lists].map((method) => ({ method }));
      for (const each of [...messages, { method: 'tools/call', params: { name: 'at-connect' } }]) {
        await expectSame(headers, { jsonrpc: '2.0', id: 1, ...each });
        const envelope = {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        };
        const modern = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': each.method, 'Mcp-Name': 'at-connect' };
        await expectSame(
          { ...json, ...modern },
          { jsonrpc: '2.0', id: 1, ...each, params: { ...('params' in each && each.params), _meta: envelope } },
        );
      }
    } finally {
      mode = 'tools';
    }
  },
);

test.each([
  { name: 'output', arguments: { kind: 'structured' } },
  { name: 'plain', _meta: { 'io.modelcontextprotocol/related-task': 7 } },
  { name: 'plain', _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'a', more: 1 } } },
])('a call with %j has the same response by both paths', async (params) => {
  const headers = await sessionOf('2025-11-25', {});
  await expectSame(headers, { jsonrpc: '2.0', id: 1, method: 'tools/call', params });
});

test('a tool reaches no credential of the client through its context', async () => {
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'reachable' } };
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const own = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'reachable' };
  const sent = { Authorization: 'Bearer hunter2', Cookie: 'hunter2', 'X-Kept': 'x-kept' };
  for (const [headers, message] of [
    [await sessionOf('2025-11-25', {}), call],
    [
      { ...json, ...own },
      { ...call, params: { ...call.params, _meta: envelope } },
    ],
  ] as const) {
    const { response } = await expectSame({ ...headers, ...sent }, message);
    expect(response).toContain('x-kept');
    expect(response).not.toContain('hunter2');
  }
});

test('a server that createServer returns again is rejected by both paths', async () => {
  const headers = await sessionOf('2025-11-25', {});
  mode = 'reused';
  try {
    for (const name of ['plain', 'notifies', 'plain']) {
      await expectSame(headers, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } });
    }
    expect(masked(byFastPath.log)).toContain('return a new one for each request');
  } finally {
    mode = 'tools';
  }
});

test('the common messages are answered without the SDK', async () => {
  const headers = await sessionOf('2025-11-25', {});
  mode = 'listed';
  const send = (method: string, params?: object) =>
    answer(byFastPath, headers, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  answersOfSdk = 0;
  await answer(byFastPath, json, JSON.stringify(initialize('2025-11-25')));
  await answer(byFastPath, headers, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
  await send('ping');
  await send('tools/list');
  await send('tools/call', { name: 'plain' });
  await send('tools/call', { name: 'echo', arguments: { text: 'a' }, _meta: { progressToken: 1 } });
  await send('tools/call', { name: 'result', arguments: { kind: 'structured' } });
  await send('prompts/list');
  await send('prompts/get', { name: 'greet', arguments: { name: 'Ada' } });
  await send('resources/list');
  await send('resources/templates/list');
  await send('resources/read', { uri: 'test://note' });
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': clientInfo,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const modern: [method: string, params?: { name?: string; uri?: string; arguments?: object }][] = [
    ['server/discover'],
    ['tools/list'],
    ['prompts/list'],
    ['resources/list'],
    ['resources/templates/list'],
    ['tools/call', { name: 'plain' }],
    ['prompts/get', { name: 'plain' }],
    ['resources/read', { uri: 'test://note' }],
  ];
  for (const [method, params] of modern) {
    const name = params?.name ?? params?.uri ?? '';
    const fields = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, 'Mcp-Name': name };
    const body = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: envelope } };
    await answer(byFastPath, { ...json, ...fields }, JSON.stringify(body));
  }
  mode = 'tools';
  expect(answersOfSdk).toBe(0);
});

test('tools are accepted and rejected as by the SDK, whatever earlier servers have registered', () => {
  const names = ['a', 'b', 'c', '7', 'constructor'];
  const inputSchemas = [undefined, z.object({}), z.object({ a: z.string() }), z.object({}), { a: z.string() }, null, 7];
  const tool = fc.record({
    name: fc.constantFrom(...names),
    config: fc.oneof(
      { weight: 9, arbitrary: fc.record({ inputSchema: fc.constantFrom<unknown>(...inputSchemas) }) },
      { weight: 1, arbitrary: fc.constantFrom<unknown>(undefined, null, Object.create({ inputSchema: 7 })) },
    ),
    callback: fc.constantFrom<unknown>(...Array.from({ length: 9 }, () => () => text('x')), undefined),
  });
  const registered = ({ McpServer }: Exports, tools: (typeof tool extends fc.Arbitrary<infer T> ? T : never)[]) => {
    const server = new McpServer({ name: 'test', version: '1' });
    const register = server.registerTool.bind(server) as (...input: unknown[]) => unknown;
    const errors = tools.map(({ name, config, callback }) => {
      try {
        register(name, config, callback);
        return undefined;
      } catch (error) {
        return String(error);
      }
    });
    const notes = LightServer.notesOf(LightServer.claim(server));
    const listed = notes
      ? notes.tools.map(({ name, config: { inputSchema } }) => [name, inputSchema])
      : Object.entries((server as unknown as { _registeredTools: object })._registeredTools).map(
          ([name, { inputSchema }]) => [name, inputSchema],
        );
    return { errors, listed };
  };
  const usual = ['a', 'b', 'c'].map((name) => ({
    name,
    config: { inputSchema: undefined },
    callback: () => text('x'),
  }));
  // The last one is in the place of its namesake.
  const repeated = [usual[0]!, usual[2]!, usual[2]!];
  fc.assert(
    fc.property(fc.array(fc.array(tool, { maxLength: 5 }), { minLength: 1, maxLength: 3 }), (servers) => {
      for (const tools of [usual, ...servers, usual, repeated, usual, [...usual, ...usual]]) {
        expect(registered(light as unknown as Exports, tools)).toEqual(registered(sdk, tools));
      }
    }),
    { numRuns: 300 },
  );
});

test('a source of changes that a stand-in has been given is that of the SDK’s server', () => {
  const server = new light.McpServer({ name: 'test', version: '1' });
  const source = async () => undefined;
  setChangeSource(server as never, source);
  expect(changeSourceOf(LightServer.resolve(server) as sdk.McpServer)).toBe(source);
});
