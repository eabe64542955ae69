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

/** The shortcuts of `lambda/core/mcp/sdk/sdk-shortcuts.ts` beside what they are shortcuts of: the messages, sent to the SDK. */

/** The SDK's end of a connection, which takes down what its server says. */
class End implements Transport {
  onclose?: () => void;
  onmessage?: (message: JSONRPCMessage, extra?: MessageExtraInfo) => void;
  readonly said: JSONRPCMessage[] = [];
  async start() {}
  async close() {}
  async send(message: JSONRPCMessage) {
    this.said.push(message);
  }
}

const quiet = () => new Promise((resolve) => setTimeout(resolve));

function aServer() {
  const server = new McpServer(
    { name: 'test', version: '1' },
    { instructions: 'Be kind', capabilities: { logging: {}, tools: { listChanged: false } } },
  );
  const inputSchema = z.object({ text: z.string().max(5), times: z.int().min(1).optional() });
  server.registerTool('echo', { inputSchema }, async ({ text, times = 1 }) => ({
    content: [{ type: 'text', text: text.repeat(times) }],
  }));
  server.registerTool('broken', {}, async () => {
    throw new Error('It is broken');
  });
  server.registerTool('asks', {}, async (ctx) => ({
    content: [{ type: 'text', text: JSON.stringify([server.server.getClientCapabilities(), ctx.mcpReq._meta]) }],
  }));
  return server;
}

async function connected() {
  const server = aServer();
  const end = new End();
  await server.connect(end);
  return { server, end };
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
        unheardOf: fc.constant({ a: 1 }),
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

const known = ({ server }: McpServer) => [
  server.getClientCapabilities(),
  server.getClientVersion(),
  server.getNegotiatedProtocolVersion(),
];

test('a server that is reminded of initialize knows what one knows that was sent it', async () => {
  const reminded = { yes: 0, no: 0 };
  await fc.assert(
    fc.asyncProperty(initialize, async (params) => {
      const [sent, told] = await Promise.all([connected(), connected()]);
      let initialized = 0;
      told.server.server.oninitialized = () => {
        initialized++;
      };
      sent.end.onmessage?.({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
      sent.end.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' });
      await quiet();
      const wasTold = await replayInitialize(told.server, params);
      reminded[wasTold ? 'yes' : 'no']++;
      expect(wasTold).toBe('result' in sent.end.said[0]!);
      expect(initialized).toBe(wasTold ? 1 : 0);
      expect(known(told.server)).toEqual(known(sent.server));
      expect(told.end.said).toEqual([]);
    }),
    { numRuns: 300 },
  );
  expect(reminded.yes).toBeGreaterThan(5);
  expect(reminded.no).toBeGreaterThan(5);
});

test.each([
  [
    'throws',
    () => {
      throw new Error('Not today');
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('Not today');
    },
  ],
])('an oninitialized of the owner that %s is reported to onerror and harms no request', async (_how, oninitialized) => {
  const { server } = await connected();
  const told: Error[] = [];
  const alone = await connected();
  alone.server.server.oninitialized = oninitialized as () => void;
  server.server.onerror = (error) => told.push(error);
  server.server.oninitialized = oninitialized as () => void;
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  expect(await replayInitialize(server, params)).toBe(true);
  // Without `onerror` the error is dropped: an unhandled rejection would end the process.
  expect(await replayInitialize(alone.server, params)).toBe(true);
  await quiet();
  expect(told.map(({ message }) => message)).toEqual([expect.stringContaining('Not today')]);
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
      name: fc.constantFrom('echo', 'broken', 'asks', 'absent'),
      arguments: fc.oneof(
        fc.record({ text: fc.string({ maxLength: 8 }), times: fc.integer({ min: -1, max: 3 }) }, { requiredKeys: [] }),
        fc.constantFrom({}, { text: 7 }),
      ),
    }),
    fc.constantFrom({ name: 'asks', _meta: { progressToken: 1 } }, { level: 'debug' }, { level: 'x' }, {}, undefined),
  ),
}) as unknown as fc.Arbitrary<JSONRPCRequest>;

test('a server that is handed a request answers as one that was sent it', async () => {
  const outcomes = { result: 0, error: 0, failed: 0 };
  await fc.assert(
    fc.asyncProperty(request, fc.boolean(), async (message, isInitialized) => {
      const params = {
        protocolVersion: '2025-11-25',
        capabilities: { roots: {} },
        clientInfo: { name: 'a', version: '1' },
      };
      const [sent, handed] = await Promise.all([connected(), connected()]);
      if (isInitialized) await Promise.all([sent, handed].map(({ server }) => replayInitialize(server, params)));
      const extra = { authInfo: { token: '', clientId: 'a', scopes: [] } };
      sent.end.onmessage?.(message, extra);
      expect(deliverRequest(handed.server, message, extra)).toBe(true);
      await quiet();
      expect(handed.end.said).toEqual(sent.end.said);
      const [answer] = handed.end.said as { error?: object; result?: { isError?: boolean } }[];
      outcomes[answer?.error ? 'error' : answer?.result?.isError ? 'failed' : 'result']++;
    }),
    { numRuns: 500 },
  );
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(5);
});

test('what is no request, and a server that has not the parts, is sent the messages', async () => {
  const { server } = await connected();
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
