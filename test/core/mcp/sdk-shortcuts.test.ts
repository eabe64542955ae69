import {
  type JSONRPCMessage,
  type JSONRPCRequest,
  McpServer,
  type MessageExtraInfo,
  type Transport,
} from '@modelcontextprotocol/server';
import fc from 'fast-check';
import * as z from 'zod/v4';
import { deliverRequest, replayInitialize } from '../../../lambda/core/mcp/sdk/sdk-shortcuts.ts';
import type { Initialize } from '../../../lambda/core/sessions/session.ts';

/** The shortcuts of `lambda/core/mcp/sdk/sdk-shortcuts.ts` beside the messages that they replace. */

/** The transport of a server, which collects the messages that the server sends. */
class CollectingTransport implements Transport {
  onclose?: () => void;
  onmessage?: (message: JSONRPCMessage, extra?: MessageExtraInfo) => void;
  readonly messages: JSONRPCMessage[] = [];
  async start() {}
  async close() {}
  async send(message: JSONRPCMessage) {
    this.messages.push(message);
  }
}

/** Lets the SDK deliver its messages, in microtasks. */
const messagesDelivered = () => new Promise((resolve) => setImmediate(resolve));

function createServer() {
  const server = new McpServer(
    { name: 'test', version: '1' },
    { instructions: 'Use the tools', capabilities: { logging: {}, tools: { listChanged: false } } },
  );
  const inputSchema = z.object({ text: z.string().max(5), times: z.int().min(1).optional() });
  server.registerTool('echo', { inputSchema }, async ({ text, times = 1 }) => ({
    content: [{ type: 'text', text: text.repeat(times) }],
  }));
  server.registerTool('broken', {}, async () => {
    throw new Error('The tool failed');
  });
  server.registerTool('describe-request', {}, async (ctx) => ({
    content: [{ type: 'text', text: JSON.stringify([server.server.getClientCapabilities(), ctx.mcpReq._meta]) }],
  }));
  return server;
}

async function connect() {
  const server = createServer();
  const transport = new CollectingTransport();
  await server.connect(transport);
  return { server, transport };
}

const initialize = fc.record({
  protocolVersion: fc.constantFrom('2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '1999-01-01', 'x'),
  capabilities: fc.oneof(
    fc.constant({}),
    fc.record(
      {
        roots: fc.constantFrom({}, { listChanged: true }),
        sampling: fc.constantFrom({}, { tools: {} }),
        elicitation: fc.constantFrom({}, { form: {} }, { url: {} }, { form: { applyDefaults: true }, url: {} }),
        experimental: fc.constant({ x: { y: 1 } }),
        extensions: fc.constant({ 'io.modelcontextprotocol/ui': {} }),
        tasks: fc.constantFrom({}, { list: {} }),
        unknownCapability: fc.constant({ a: 1 }),
      },
      { requiredKeys: [] },
    ),
    fc.constantFrom({ roots: 7 }, { sampling: null }),
  ),
  clientInfo: fc.oneof(
    fc.record({ name: fc.string(), version: fc.string() }),
    fc.constant({ name: 'a', version: '1', title: 'A', websiteUrl: 'https://a.example', more: 1 }),
    fc.constant({ name: 'without a version' }),
  ),
}) as unknown as fc.Arbitrary<Initialize>;

const clientOf = ({ server }: McpServer) => [
  server.getClientCapabilities(),
  server.getClientVersion(),
  server.getNegotiatedProtocolVersion(),
];

test('a server to which initialize is replayed knows the same as one that received the message', async () => {
  const counts = { replayed: 0, rejected: 0 };
  await fc.assert(
    fc.asyncProperty(initialize, async (params) => {
      const [sent, replayed] = await Promise.all([connect(), connect()]);
      let initialized = 0;
      replayed.server.server.oninitialized = () => {
        initialized++;
      };
      sent.transport.onmessage?.({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
      sent.transport.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' });
      await messagesDelivered();
      const wasReplayed = await replayInitialize(replayed.server, params);
      counts[wasReplayed ? 'replayed' : 'rejected']++;
      expect(wasReplayed).toBe('result' in sent.transport.messages[0]!);
      expect(initialized).toBe(wasReplayed ? 1 : 0);
      expect(clientOf(replayed.server)).toEqual(clientOf(sent.server));
      expect(replayed.transport.messages).toEqual([]);
    }),
    { numRuns: 300 },
  );
  expect(counts.replayed).toBeGreaterThan(5);
  expect(counts.rejected).toBeGreaterThan(5);
});

test.each([
  [
    'throws',
    () => {
      throw new Error('Initialization failed');
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('Initialization failed');
    },
  ],
])('a failure of oninitialized that %s is passed to onerror and fails no request', async (_failure, oninitialized) => {
  const { server } = await connect();
  const errors: Error[] = [];
  const withoutOnError = await connect();
  withoutOnError.server.server.oninitialized = oninitialized as () => void;
  server.server.onerror = (error) => errors.push(error);
  server.server.oninitialized = oninitialized as () => void;
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  expect(await replayInitialize(server, params)).toBe(true);
  // Without onerror the failure is dropped: an unhandled rejection would end the process.
  expect(await replayInitialize(withoutOnError.server, params)).toBe(true);
  await messagesDelivered();
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('Initialization failed')]);
});

const request = fc.record({
  jsonrpc: fc.constant('2.0' as const),
  id: fc.oneof(fc.nat(), fc.string()),
  method: fc.constantFrom(
    'tools/call',
    'tools/call',
    'tools/call',
    'tools/list',
    'ping',
    'prompts/list',
    'no/such',
    'logging/setLevel',
  ),
  params: fc.oneof(
    fc.record({
      name: fc.constantFrom('echo', 'broken', 'describe-request', 'absent'),
      arguments: fc.oneof(
        fc.record({ text: fc.string({ maxLength: 8 }), times: fc.integer({ min: -1, max: 3 }) }, { requiredKeys: [] }),
        fc.constantFrom({}, { text: 7 }),
      ),
    }),
    fc.constantFrom(
      { name: 'describe-request', _meta: { progressToken: 1 } },
      { level: 'debug' },
      { level: 'x' },
      {},
      undefined,
    ),
  ),
}) as unknown as fc.Arbitrary<JSONRPCRequest>;

test('a server to which a request is delivered answers like one that received the message', async () => {
  const outcomes = { result: 0, error: 0, failed: 0 };
  await fc.assert(
    fc.asyncProperty(request, fc.boolean(), async (message, isInitialized) => {
      const params = {
        protocolVersion: '2025-11-25',
        capabilities: { roots: {} },
        clientInfo: { name: 'a', version: '1' },
      };
      const [sent, delivered] = await Promise.all([connect(), connect()]);
      if (isInitialized) await Promise.all([sent, delivered].map(({ server }) => replayInitialize(server, params)));
      const extra = { authInfo: { token: '', clientId: 'a', scopes: [] } };
      sent.transport.onmessage?.(message, extra);
      expect(deliverRequest(delivered.server, message, extra)).toBe(true);
      await messagesDelivered();
      expect(delivered.transport.messages).toEqual(sent.transport.messages);
      const [response] = delivered.transport.messages as { error?: object; result?: { isError?: boolean } }[];
      outcomes[response?.error ? 'error' : response?.result?.isError ? 'failed' : 'result']++;
    }),
    { numRuns: 500 },
  );
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(5);
});

test('the shortcuts decline a message that is not a request and a server without the internals', async () => {
  const { server } = await connect();
  expect(deliverRequest(server, { jsonrpc: '2.0', id: 1, result: {} }, {})).toBe(false);
  Object.assign(server.server, { _onrequest: undefined, _oninitialize: undefined });
  expect(deliverRequest(server, { jsonrpc: '2.0', id: 1, method: 'ping' }, {})).toBe(false);
  expect(
    await replayInitialize(server, {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'a', version: '1' },
    }),
  ).toBe(false);
});
