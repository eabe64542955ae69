import { Client } from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import {
  acceptedContent,
  type CallToolResult,
  inputRequired,
  McpServer,
  ProtocolError,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { dynamoAuditLogWriter } from '../../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
import type { Caller } from '../../../lambda/core/access/caller.ts';
import { summarizeSession } from '../../../lambda/core/admin/session-summary.ts';
import type { AuditRules } from '../../../lambda/core/audit/audit-recorder.ts';
import { clientOf, type ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import type { ToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import { v1Transport, v2Transport } from '../../support/era-clients.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { Processes, start } from '../../support/mcp-processes.ts';

/** Must not occur in the audit log. */
const SECRET = 'nobody-is-to-read-this';
const LONGEST_NAME = 'f'.repeat(128);
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
const requestedSchema = {
  type: 'object' as const,
  properties: { name: { type: 'string' as const } },
  required: ['name'],
};

type Options = { record?: Partial<AuditRules>; write?: () => Promise<void>; create?: () => void };

/** Processes with an audit log in memory that contains every write. */
function recorded({ record, write = async () => undefined, create = () => undefined }: Options = {}) {
  const calls: ToolCall[] = [];
  const expiries: number[] = [];
  const processes: Processes = new Processes({
    createServer: (context) => {
      create();
      return createServer(context, processes);
    },
    record,
    toolScopes: { manage: ['admin'] },
    calls: {
      async recordCall(call, expiresAt) {
        calls.push(call);
        expiries.push(expiresAt);
        await write();
      },
    },
  });
  return { processes, calls, expiries };
}

function createServer(context: ToolContext, processes: Processes): McpServer {
  const server = new McpServer({ name: 'recorded', version: '1' });
  const said = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] });
  server.registerTool('say', { inputSchema: z.object({ text: z.string() }) }, async ({ text }) => said(text));
  server.registerTool('take', { inputSchema: z.object({ seconds: z.number() }) }, async ({ seconds }) => {
    processes.clock.skip(seconds * 1000);
    return said('done');
  });
  server.registerTool('fail', {}, async () => {
    throw new RangeError(SECRET);
  });
  server.registerTool(LONGEST_NAME, {}, async () => {
    throw Object.assign(new Error('名'.repeat(300)), { name: '类'.repeat(100) });
  });
  server.registerTool('reject', {}, async () => ({ isError: true, ...said('No such diary') }));
  server.registerTool('off', {}, async () => said('')).disable();
  server.registerTool('remember', {}, async () => {
    await context.state.put('key', 1);
    return said('remembered');
  });
  server.registerTool('manage', {}, async () => said('managed'));
  server.registerTool('trace', {}, async () => said(JSON.stringify(context.trace ?? null)));
  server.registerPrompt('daily', {}, async () => ({
    messages: [{ role: 'user', content: { type: 'text', text: SECRET } }],
  }));
  const diary = new ResourceTemplate('notes://diary{?key}', { list: undefined });
  server.registerResource('diary', diary, {}, async (uri) => ({ contents: [{ uri: uri.href, text: SECRET }] }));
  server.registerTool('hang', {}, () => new Promise<never>(() => undefined));
  server.registerTool('greet', {}, async ({ mcpReq }) => {
    const answer = acceptedContent(mcpReq.inputResponses, 'who', z.object({ name: z.string() }));
    if (answer) return said(`Hello, ${answer.name}`);
    return inputRequired({ inputRequests: { who: inputRequired.elicit({ message: 'Who?', requestedSchema }) } });
  });
  const long = context.longRunning(async ({ seconds }: { seconds: number }) => {
    processes.clock.skip(seconds * 1000);
    if (seconds === 13) throw new ProtocolError(-32602, SECRET);
    return said('at last');
  });
  server.registerTool('long', { inputSchema: z.object({ seconds: z.number() }) }, long);
  return server;
}

type SdkClient = {
  callTool(call: { name: string; arguments?: Record<string, unknown> }): Promise<unknown>;
  listTools(): Promise<unknown>;
  getPrompt(prompt: { name: string }): Promise<unknown>;
  readResource(resource: { uri: string }): Promise<unknown>;
  close(): Promise<void>;
};

/** A client, and the clock on which its calls take time. */
type TestClient = { client: SdkClient; clock: FakeClock };

async function connectLegacy(processes: Processes, caller: Caller): Promise<TestClient> {
  const client = new V1Client({ name: 'old', version: '1.2' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async () => {
    processes.clock.skip(60_000);
    return { action: 'accept' as const, content: { name: SECRET } };
  });
  await client.connect(v1Transport(processes.endpointOf(caller)));
  return { client: client as SdkClient, clock: processes.clock };
}

async function connectModern(processes: Processes, caller: Caller): Promise<TestClient> {
  const client = new Client(
    { name: 'new', version: '3.4' },
    { capabilities: { elicitation: {} }, versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  client.setRequestHandler('elicitation/create', async () => ({
    action: 'accept' as const,
    content: { name: SECRET },
  }));
  await client.connect(v2Transport(processes.endpointOf(caller)));
  return { client, clock: processes.clock };
}

const eras = [
  ['2025-11-25', connectLegacy, { era: 'legacy', clientName: 'old', clientVersion: '1.2' }],
  ['2026-07-28', connectModern, { era: 'modern', clientName: 'new', clientVersion: '3.4' }],
] as const;

/** Size of an item in DynamoDB: names and strings in UTF-8, a number as half its digits and one byte. */
const itemSize = (item: Record<string, unknown>) =>
  Object.entries(item)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [
      name.length,
      typeof value === 'number' ? String(value).length / 2 + 2 : Buffer.byteLength(String(value)),
    ])
    .reduce((sum, size) => sum + size);

/** The result or error of a call. */
const call = ({ client, clock }: TestClient, name: string, given?: Record<string, unknown>) =>
  clock.until(client.callTool({ name, ...(given && { arguments: given }) }).catch((error) => error));

/** A raw request, as no client sends it. */
async function post(processes: Processes, caller: Caller, body: unknown, headers: Record<string, string> = {}) {
  return processes.fetchAs(caller)(processes.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify(body),
  });
}

/** A call of 2026-07-28. */
function modernCall(
  processes: Processes,
  caller: Caller,
  name: string,
  more: { meta?: object; headers?: Record<string, string>; params?: object } = {},
) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '0' },
    'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
    ...more.meta,
  };
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': name,
    ...more.headers,
  };
  const params = { name, arguments: { seconds: 60 }, ...more.params, _meta };
  return post(processes, caller, { jsonrpc: '2.0', id: 7, method: 'tools/call', params }, headers);
}

describe.each(eras)('a client of %s', (version, connect, who) => {
  async function connected(options?: Options) {
    const { processes, calls, ...more } = recorded(options);
    const ada = await processes.callerOf('ada');
    return { processes, calls, client: await connect(processes, ada), clock: processes.clock, ...more };
  }

  test('has each call logged once with user, tool, time, size and expiry', async () => {
    const { processes, calls, expiries, client } = await connected();
    processes.clock.skip(5_000);
    await call(client, 'take', { seconds: 3 });
    await processes.settle();
    expect(calls).toEqual([
      {
        id: expect.stringMatching(/^[\w-]{22}$/),
        at: (start + 5) * 1000,
        user: 'ada',
        client: 'dcr_1',
        registeredName: 'Test',
        ...who,
        grant: 'grant-of-ada',
        session: expect.stringMatching(/^[\w-]{22}$/),
        protocolVersion: version,
        messageId: expect.stringMatching(/^\d$/),
        method: 'tools/call',
        tool: 'take',
        outcome: 'success',
        milliseconds: 3000,
        bytesIn: expect.any(Number),
        bytesOut: expect.any(Number),
      },
    ]);
    expect(expiries).toEqual([start + 8 + 30 * 24 * 3600]);
  });

  test('has the bytes of requests and responses logged', async () => {
    const { processes, calls, client } = await connected();
    for (const text of ['', 'é'.repeat(100)]) await call(client, 'say', { text });
    await processes.settle();
    expect(calls.map(({ bytesIn }) => bytesIn - calls[0]!.bytesIn)).toEqual([0, 200]);
    expect(calls.map(({ bytesOut }) => bytesOut - calls[0]!.bytesOut)).toEqual([0, 200]);
    expect(calls[0]!.bytesIn).toBeGreaterThan(80);
    // The tool returns its argument, so that the differences alone do not distinguish both.
    expect(calls.map(({ bytesIn, bytesOut }) => bytesIn === bytesOut)).toEqual([false, false]);
  });

  test('has the outcome of each call logged', async () => {
    const { processes, calls, client } = await connected();
    for (const name of ['trace', 'fail', 'reject', 'no_such_tool', 'off', 'manage']) await call(client, name);
    await call(client, 'say', { text: 5 });
    await processes.settle();
    const message = 'Insufficient scope: manage needs mcp admin. Ask the user to connect again with it';
    expect(calls.map(({ tool, outcome, errorCode, message }) => [tool, outcome, errorCode, message])).toEqual([
      ['trace', 'success', undefined, undefined],
      ['fail', 'tool-error', undefined, undefined],
      ['reject', 'error-result', undefined, undefined],
      ['no_such_tool', 'unknown-tool', -32602, 'Invalid params'],
      ['off', 'unknown-tool', -32602, 'Invalid params'],
      ['manage', 'refused', -32000, message],
      ['say', 'invalid-arguments', undefined, undefined],
    ]);
  });

  test('has nothing, the class, or class and message of a thrown error logged, as set', async () => {
    const kept: unknown[][] = [];
    for (const errors of ['none', 'class', 'message'] as const) {
      const { processes, calls, client } = await connected({ record: { errors } });
      for (const name of ['fail', 'fail', 'reject']) await call(client, name);
      await processes.settle();
      expect(calls[0]!.errorFingerprint).toBe(calls[1]!.errorFingerprint);
      expect(calls[2]).not.toHaveProperty('errorClass');
      kept.push([calls[0]!.errorClass, calls[0]!.errorMessage, calls[0]!.errorFingerprint]);
    }
    const fingerprint = expect.stringMatching(/^[\w-]{12}$/);
    expect(kept).toEqual([
      [undefined, undefined, undefined],
      ['RangeError', undefined, fingerprint],
      ['RangeError', SECRET, fingerprint],
    ]);
  });

  test('has a call with an input request logged once, when it is answered', async () => {
    const { processes, calls, client } = await connected();
    expect(JSON.stringify(await call(client, 'greet'))).toContain('Hello');
    await processes.settle();
    expect(calls.map(({ tool, outcome }) => [tool, outcome])).toEqual([['greet', 'success']]);
    if (who.era === 'legacy') expect(calls[0]!.milliseconds).toBe(60_000);
  });

  test('has a long-running call logged once, at its end, with its whole duration', async () => {
    const { processes, calls, client } = await connected();
    await call(client, 'long', { seconds: 40 });
    await call(client, 'long', { seconds: 13 });
    await processes.settle();
    expect(calls.map(({ tool, outcome, milliseconds }) => [tool, outcome, milliseconds])).toEqual([
      ['long', 'success', 40_000],
      ['long', 'protocol-error', 13_000],
    ]);
  });

  test('gets its response when the write of the call fails, which is logged without the call', async () => {
    const { processes, calls, client } = await connected({
      write: () => Promise.reject(new ServiceUnavailableError('The session table', new Error('unreachable'))),
    });
    expect(await call(client, 'say', { text: SECRET })).toMatchObject({ content: [{ text: SECRET }] });
    await processes.settle();
    expect(processes.log).toEqual([
      { event: 'audit_write_failed', details: { call: calls[0]!.id, cause: 'Error: unreachable' } },
    ]);
  });

  test('is logged although the store fails for three seconds', async () => {
    const until = start * 1000 + 3_000;
    const clocks: FakeClock[] = [];
    const { processes, client } = await connected({
      write: async () => {
        if ((clocks[0]?.now() ?? 0) < until) throw new ServiceUnavailableError('The session table', new Error('busy'));
      },
    });
    clocks.push(processes.clock);
    await call(client, 'say', { text: '' });
    await processes.settle();
    expect(processes.log).toEqual([]);
    expect(processes.clock.now()).toBeGreaterThanOrEqual(until);
  });

  test('is logged as unavailable when its tool fails because a service did not answer', async () => {
    const { processes, calls, client } = await connected();
    processes.around = async (method, request) => {
      if (method.startsWith('state.')) throw new ServiceUnavailableError('The session table', new Error('unreachable'));
      return request();
    };
    expect(await call(client, 'remember')).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('call the tool again shortly') }],
    });
    await processes.settle();
    expect(calls.map(({ tool, outcome }) => [tool, outcome])).toEqual([['remember', 'unavailable']]);
    expect(processes.log.map(({ event }) => event)).toEqual(['service_unavailable']);
    expect(await call(client, 'fail')).toMatchObject({ isError: true });
    await processes.settle();
    expect(calls.at(-1)).toMatchObject({ tool: 'fail', outcome: 'tool-error' });
  });

  test('does not wait for a store that does not answer', async () => {
    const { processes, clock, client } = await connected({ write: () => new Promise(() => undefined) });
    const began = clock.now();
    await call(client, 'say', { text: '' });
    expect(clock.now()).toBe(began);
    await processes.settle();
    expect(clock.now() - began).toBe(5_000);
    expect(processes.log).toMatchObject([{ event: 'audit_write_failed' }]);
  });

  test('has other requests logged with the setting all', async () => {
    const methods: string[][] = [];
    for (const record of [{}, { methods: 'all' as const }]) {
      const { processes, calls, client } = await connected({ record });
      await client.client.listTools();
      await processes.settle();
      methods.push(calls.map(({ method }) => method));
    }
    expect(methods).toEqual([[], [who.era === 'legacy' ? 'initialize' : 'server/discover', 'tools/list']]);
  });

  test('has the prompt and the resource of a request logged with the setting all, without the query', async () => {
    const { processes, calls, client } = await connected({ record: { methods: 'all' } });
    await client.client.getPrompt({ name: 'daily' });
    await client.client.readResource({ uri: `notes://diary?key=${SECRET}` });
    await processes.settle();
    expect(calls.slice(1).map(({ method, target }) => [method, target])).toEqual([
      ['prompts/get', 'daily'],
      ['resources/read', 'notes://diary'],
    ]);
    expect(JSON.stringify(calls)).not.toContain(SECRET);
  });

  test.each(['no', 'digest', 'redacted'] as const)(
    'has no value of its requests and responses logged (arguments: %s)',
    async (given) => {
      const { processes, calls, client } = await connected({ record: { arguments: given, methods: 'all' } });
      await call(client, 'say', { text: SECRET });
      await call(client, 'say', { [`${SECRET}!`]: 1, 'a@b.example': { c: SECRET } });
      await call(client, 'say', { text: 5 });
      for (const name of ['fail', 'greet']) await call(client, name);
      await call(client, 'long', { seconds: 13 });
      await processes.settle();
      expect(calls.filter(({ method }) => method === 'tools/call').length).toBe(6);
      const text = JSON.stringify(calls);
      for (const secret of [SECRET, 'b.example']) expect(text).not.toContain(secret);
    },
  );

  test('has no arguments, a digest or their shape logged, as set', async () => {
    const described: (string | undefined)[][] = [];
    for (const given of ['no', 'digest', 'redacted'] as const) {
      const { processes, calls, client } = await connected({ record: { arguments: given } });
      for (const text of ['one', 'one', 'two']) await call(client, 'say', { text });
      await processes.settle();
      described.push(calls.map((each) => each.arguments));
    }
    const [no, digests, shapes] = described;
    expect(no).toEqual([undefined, undefined, undefined]);
    expect(digests![0]).toMatch(/^[\w-]{43}$/);
    expect(digests![1]).toBe(digests![0]);
    expect(digests![2]).not.toBe(digests![0]);
    expect(shapes).toEqual(Array(3).fill('{"text":"string(3)"}'));
  });

  test('has requests without a response in time logged as timed out', async () => {
    const { processes, clock, calls, client } = await connected();
    processes.milliseconds = 60_000;
    const began = clock.now();
    const hanging = client.client.callTool({ name: 'hang' }).catch((error) => error);
    await clock.until(() => calls.length > 0);
    expect(clock.now() - began).toBe(58_500);
    expect(calls.map(({ tool, outcome, errorCode }) => [tool, outcome, errorCode])).toEqual([
      ['hang', 'timed-out', -32603],
    ]);
    await client.client.close();
    expect(await hanging).toBeInstanceOf(Error);
  });
});

test('digests of two users with the same arguments differ', async () => {
  const { processes, calls } = recorded({ record: { arguments: 'digest' } });
  for (const user of ['ada', 'alan']) {
    await call(await connectModern(processes, await processes.callerOf(user)), 'say', { text: 'the same' });
  }
  await processes.settle();
  expect(new Set(calls.map((each) => each.arguments)).size).toBe(2);
});

test('a task is logged at its end, and its handle is not', async () => {
  const { processes, calls } = recorded();
  const ada = await processes.callerOf('ada');
  const { result } = await (await modernCall(processes, ada, 'long')).json();
  expect(result.resultType).toBe('task');
  await processes.settle();
  expect(calls).toMatchObject([
    { id: result.taskId, tool: 'long', at: start * 1000, milliseconds: 60_000, outcome: 'success' },
  ]);
});

test('each call of a batch is logged, and of a rejected batch too', async () => {
  const { processes, calls } = recorded();
  const ada = await processes.callerOf('ada');
  const batch = ['one', 'two'].map((text, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'say', arguments: { text } },
  }));
  for (const protocolVersion of ['2025-03-26', '2025-11-25']) {
    const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'raw', version: '0' } };
    const begun = await post(processes, ada, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
    await (await post(processes, ada, batch, { 'mcp-session-id': begun.headers.get('mcp-session-id')! })).text();
  }
  await processes.settle();
  expect(calls.map(({ tool, outcome }) => [tool, outcome])).toEqual([
    ['say', 'success'],
    ['say', 'success'],
    ['say', 'protocol-error'],
    ['say', 'protocol-error'],
  ]);
});

test('a header mismatch is logged without the values of the header', async () => {
  const { processes, calls } = recorded();
  const ada = await processes.callerOf('ada');
  const { error } = await (await modernCall(processes, ada, 'take', { headers: { 'mcp-name': SECRET } })).json();
  expect(error.code).toBe(-32020);
  await processes.settle();
  expect(calls).toMatchObject([
    { tool: 'take', outcome: 'protocol-error', errorCode: -32020, message: 'Header mismatch' },
  ]);
  expect(JSON.stringify(calls)).not.toContain(SECRET);
});

test.each([
  ['another name', 'Claude Code', { registeredName: 'Test', clientName: 'Claude Code' }],
  ['no name', 7, { registeredName: 'Test', clientName: undefined }],
  ['its registered name', 'Test', { registeredName: undefined, clientName: 'Test' }],
])('a call of a client that states %s is logged with its registered name', async (_what, name, expected) => {
  const { processes, calls } = recorded();
  const caller = await processes.callerOf('ada');
  const meta = { 'io.modelcontextprotocol/clientInfo': { name, version: '1' } };
  await (await modernCall(processes, caller, 'say', { meta })).text();
  await processes.settle();
  expect(calls.map(({ registeredName, clientName }) => ({ registeredName, clientName }))).toEqual([expected]);
  expect(calls.map(clientOf)).toEqual(['Test']);
});

test.each([
  ['a short name', 'Test', 300],
  ['the longest name', '字'.repeat(80), 230],
])(
  'a call with the longest values fits into one write unit, of a client registered under %s',
  async (_what, clientName, shape) => {
    const { processes, calls } = recorded({ record: { arguments: 'redacted', errors: 'message' } });
    const ada = await processes.callerOf('u'.repeat(43), {
      id: 'g'.repeat(22),
      client: `https://claude.ai/${'c'.repeat(40)}`,
      clientName,
    });
    const caller = { ...ada, grant: 'g'.repeat(22), client: `https://claude.ai/${'c'.repeat(40)}` };
    const clientInfo = { name: '名'.repeat(100), version: '版'.repeat(100) };
    const begun = await post(processes, caller, {
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
    });
    const given = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`a_long_name_${index}`, 'text']));
    for (const name of ['say', 'manage', 'n'.repeat(200), LONGEST_NAME]) {
      const request = { jsonrpc: '2.0', id: 'i'.repeat(50), method: 'tools/call', params: { name, arguments: given } };
      const headers = { 'mcp-session-id': begun.headers.get('mcp-session-id')!, traceparent };
      await (await post(processes, caller, request, headers)).text();
    }
    await processes.settle();
    expect(calls.length).toBe(4);
    expect(calls[3]!.errorMessage!.length).toBeGreaterThan(30);
    for (const each of calls) {
      const written: Record<string, unknown>[] = [];
      const client = { put: async ({ Item }: { Item: object }) => void written.push({ ...Item }) };
      await dynamoAuditLogWriter({ client: client as never, name: 'Table' }).recordCall(each, start);
      expect(itemSize(written[0]!)).toBeLessThanOrEqual(1024);
    }
    expect(clientName.startsWith(calls[0]!.registeredName!)).toBe(true);
    expect(calls[0]!.arguments!.length).toBeGreaterThan(shape);
  },
);

test('a request with a forged request state is logged', async () => {
  const { processes, calls } = recorded();
  const ada = await processes.callerOf('ada');
  const answer = await modernCall(processes, ada, 'greet', { params: { requestState: SECRET } });
  expect((await answer.json()).error.code).toBe(-32602);
  await processes.settle();
  expect(calls.map(({ tool, outcome, message }) => [tool, outcome, message])).toEqual([
    ['greet', 'protocol-error', 'Invalid params'],
  ]);
});

test('a call is logged when createServer throws, also in the worker', async () => {
  let built = 0;
  const { processes, calls } = recorded({
    create: () => {
      if (++built > 1) throw new Error(SECRET);
    },
  });
  const ada = await processes.callerOf('ada');
  const { result } = await (await modernCall(processes, ada, 'long')).json();
  await modernCall(processes, ada, 'say');
  await processes.settle();
  expect(result.resultType).toBe('task');
  expect(calls.map(({ tool, outcome }) => [tool, outcome]).sort()).toEqual([
    ['long', 'protocol-error'],
    ['say', 'protocol-error'],
  ]);
});

describe('a trace', () => {
  async function traced(more: Parameters<typeof modernCall>[3]) {
    const { processes, calls } = recorded({ write: () => Promise.reject(new Error('down')) });
    const { result } = await (await modernCall(processes, await processes.callerOf('ada'), 'trace', more)).json();
    await processes.settle();
    return [JSON.parse(result.content[0].text), calls[0]!.traceId, processes.log[0]!.details?.trace];
  }
  const other = traceparent.replace('0af', '1af');

  test('is available to tools, in the audit log and in the log', async () => {
    expect(await traced({ headers: { traceparent, tracestate: 'a=1' } })).toEqual([
      { traceparent, tracestate: 'a=1' },
      TRACE,
      TRACE,
    ]);
  });

  test('of the message takes precedence over that of the HTTP request', async () => {
    expect(await traced({ meta: { traceparent }, headers: { traceparent: other, tracestate: 'a=1' } })).toEqual([
      { traceparent },
      TRACE,
      TRACE,
    ]);
  });

  test.each([
    ['sampled', '01', 'b7ad6b7169203331'],
    ['not sampled', '00', undefined],
  ])('that its client has %s is logged with the span of the client, or without', async (_which, flags, parent) => {
    const { processes, calls } = recorded();
    const headers = { traceparent: traceparent.replace(/..$/, flags) };
    await (await modernCall(processes, await processes.callerOf('ada'), 'trace', { headers })).text();
    await processes.settle();
    expect(calls.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([[TRACE, parent]]);
  });

  test.each([
    'nonsense',
    traceparent.toUpperCase(),
    `${traceparent}-more`,
    `ff${traceparent.slice(2)}`,
    traceparent.replace(TRACE, '0'.repeat(32)),
    `01${traceparent.slice(2)}-${'x'.repeat(100)}`,
  ])('that is invalid is ignored: %s', async (bad) => {
    expect(await traced({ meta: { traceparent: bad } })).toEqual([null, undefined, undefined]);
    expect(await traced({ meta: { traceparent: bad }, headers: { traceparent } })).toEqual([
      { traceparent },
      TRACE,
      TRACE,
    ]);
  });
});

test('a pause longer than the TTL divides modern calls into two sessions, and both can be found', async () => {
  const { processes, calls } = recorded();
  const ada = await processes.callerOf('ada');
  const client = await connectModern(processes, ada);
  for (const hours of [1, 25]) {
    await call(client, 'say', { text: '' });
    await processes.clock.advance(hours * 3_600_000);
  }
  await call(client, 'say', { text: '' });
  await processes.settle();
  const [first, second, third] = calls.map(({ session }) => session);
  expect(first).toBe(second);
  expect(third).not.toBe(first);
  const { find } = processes.stores.sessions;
  expect((await find(ada.grant, ` ${first}`)).stored).toMatchObject({ id: first, lastSeenAt: start + 3600 });
  expect((await find(ada.grant, ' current')).stored).toMatchObject({ id: third });
});

describe('the summary of a session', () => {
  const one: ToolCall = {
    id: 'a',
    at: 1_000_000,
    user: 'ada',
    client: 'dcr_1',
    clientName: 'Old',
    grant: 'grant-of-ada',
    session: 'session-1',
    era: 'legacy',
    method: 'tools/call',
    tool: 'say',
    outcome: 'success',
    milliseconds: 500,
    bytesIn: 1,
    bytesOut: 1,
  };
  const calls = [
    one,
    { ...one, id: 'b', at: 1_060_000, outcome: 'tool-error' as const, clientName: 'New', milliseconds: 250 },
  ];
  const session = {
    id: 'session-1',
    grant: 'grant-of-ada',
    user: 'ada',
    era: 'legacy' as const,
    startedAt: 900,
    lastSeenAt: 1060,
    expiresAt: 5000,
  };
  test('starts with its first call', () => {
    expect(summarizeSession({ calls: [] }, session, undefined, 1100)).toBeUndefined();
    expect(summarizeSession({ calls, next: 'b' }, session, undefined, 1100)).toEqual({
      id: 'session-1',
      grant: 'grant-of-ada',
      user: 'ada',
      client: 'dcr_1',
      clientName: 'New',
      era: 'legacy',
      firstCallAt: 1_000_000,
      lastCallAt: 1_060_250,
      calls: 2,
      errors: 1,
      isPartial: true,
    });
  });

  const grant = {
    id: 'grant-of-ada',
    status: 'active' as const,
    user: 'ada',
    issuer: 'https://idp.example',
    subject: 'ada',
    client: 'dcr_1',
    clientName: 'Test',
    scopes: [],
    groups: [],
    createdAt: 0,
    absoluteExpiresAt: 9000,
    idleExpiresAt: 8000,
    refresh: { head: 1, predecessor: 0, superseded: {} },
  };
  const revoked = { ...grant, status: 'revoked' as const };

  test.each([
    ['goes on', session, grant, 1100, undefined],
    ['goes on in direct mode, where no grant is stored', session, undefined, 1100, undefined],
    ['was closed by its client', { ...session, endedAt: 1080 }, grant, 1100, 'closed by the client'],
    ['was closed before its grant was revoked', { ...session, endedAt: 1080 }, revoked, 1100, 'closed by the client'],
    ['has expired', session, grant, 5000, 'expired'],
    ['has expired with its grant', session, grant, 8000, 'expired'],
    ['has gone from the store', undefined, grant, 1100, 'expired'],
    ['has been followed by another under its grant', { ...session, id: 'session-2' }, grant, 1100, 'expired'],
    ['was revoked with its grant', session, revoked, 1100, 'revoked'],
  ])('says whether the session %s', (_what, standing, under, now, ended) => {
    expect(summarizeSession({ calls }, standing, under, now)?.ended).toBe(ended);
  });
});
