import { McpServer as McpServerOfSdkV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer, ProtocolError, Server } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { RawSession } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';

/** The log of errors that tools throw. The model reads the message alone. */

/** The number of aborted calls of the tool `cancelled`. */
let aborted = 0;

class DiskError extends Error {}

function fail(): never {
  throw new DiskError('The disk\u001b[2J\nis full', { cause: new Error('ENOSPC') });
}

function serverOfSdkV2(): McpServer {
  const server = new McpServer({ name: 'failing', version: '1' });
  server.registerTool('failing', {}, async () => fail());
  server.registerTool('talkative', {}, async () => {
    throw new Error('x'.repeat(10_000));
  });
  server.registerTool('protocol', {}, async () => {
    throw new ProtocolError(-32602, 'Invalid params');
  });
  server.registerTool('cancelled', {}, async (context) => {
    await new Promise((_, reject) => {
      context.mcpReq.signal.addEventListener('abort', () => {
        aborted++;
        reject(new Error('aborted'));
      });
    });
    return { content: [] };
  });
  server.registerTool('working', {}, async () => ({ content: [] }));
  return server;
}

function serverOfSdkV1() {
  const server = new McpServerOfSdkV1({ name: 'failing', version: '1' });
  server.registerTool('failing', {}, async () => fail());
  server.registerTool('typed', { inputSchema: { text: z.string() } }, async () => ({ content: [] }));
  return server;
}

function lowLevelServer(): Server {
  const server = new Server({ name: 'failing', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/call', async ({ params }) => {
    if (params.name === 'protocol') throw new ProtocolError(-32602, 'Invalid params');
    return fail();
  });
  return server;
}

async function setUp(createServer: typeof serverOfSdkV2 | typeof serverOfSdkV1 | typeof lowLevelServer) {
  const processes = new Processes({ createServer });
  const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')));
  const call = async (name: string) => (await session.post(session.toolCall(name))).text();
  return { call, session, processes, log: processes.log };
}

test.each([
  ['SDK v2', serverOfSdkV2],
  ['SDK v1', serverOfSdkV1],
  ['a low-level server', lowLevelServer],
])('an error that a tool of %s throws is logged once, with its place and its call', async (_, createServer) => {
  const { call, log, processes, session } = await setUp(createServer);
  await call('failing');
  await processes.settle();
  const { calls } = await processes.stores.calls.callsOf(session.id, { limit: 2, now: 0 });
  expect(calls).toMatchObject([{ outcome: 'tool-error', errorClass: 'DiskError' }]);
  expect(log).toEqual([
    {
      event: 'tool_failed',
      details: {
        tool: 'failing',
        errorClass: 'DiskError',
        message: 'The disk\ufffd[2J\ufffdis full',
        cause: 'Error: ENOSPC',
        stack: expect.stringMatching(/^ +at fail .*tool-errors\.test\.ts/),
        user: 'ada',
        client: 'dcr_1',
        session: session.id,
        call: calls[0]!.id,
      },
    },
  ]);
});

test('the logged error is bounded', async () => {
  const { call, log } = await setUp(serverOfSdkV2);
  await call('talkative');
  expect(String(log[0]!.details!.message)).toHaveLength(500);
  expect(String(log[0]!.details!.stack).length).toBeLessThanOrEqual(2_000);
});

test.each([
  ['SDK v1', serverOfSdkV1, 'unknown', 'unknown-tool'],
  ['SDK v1', serverOfSdkV1, 'typed', 'invalid-arguments'],
  ['a low-level server', lowLevelServer, 'protocol', 'protocol-error'],
])('the rejection of %s is in the audit log: %s', async (_, createServer, tool, outcome) => {
  const { call, processes, session } = await setUp(createServer);
  await call(tool);
  await processes.settle();
  const { calls } = await processes.stores.calls.callsOf(session.id, { limit: 2, now: 0 });
  expect(calls).toMatchObject([{ tool, outcome }]);
});

test('an error response that a low-level server throws is not logged', async () => {
  const { call, log } = await setUp(lowLevelServer);
  await call('protocol');
  expect(log).toEqual([]);
});

test.each(['protocol', 'working'])('a %s response is not logged', async (tool) => {
  const { call, log } = await setUp(serverOfSdkV2);
  await call(tool);
  expect(log).toEqual([]);
});

test('an error of a call that its client has cancelled is not logged', async () => {
  const { processes, session } = await setUp(serverOfSdkV2);
  aborted = 0;
  const answered = session.post(session.toolCall('cancelled', {}, 'call')).then((response) => response.text());
  await processes.clock.advance(2_000);
  await session.cancel('call');
  await processes.clock.advance(8_000);
  expect(aborted).toBe(1);
  await answered;
  await processes.settle();
  expect(processes.log).toEqual([]);
});
