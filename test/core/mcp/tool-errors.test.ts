import { McpServer as McpServerOfSdkV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer, ProtocolError } from '@modelcontextprotocol/server';
import { RawSession } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';

/** The log of errors that tools throw. The model reads the message alone. */

/** The number of aborted calls of the tool `cancelled`. */
let aborted = 0;

function fail(): never {
  throw new RangeError('The disk is full');
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
  return server;
}

async function setUp(createServer: typeof serverOfSdkV2 | typeof serverOfSdkV1) {
  const processes = new Processes({ createServer });
  const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')));
  const call = async (name: string) => (await session.post(session.toolCall(name))).text();
  return { call, session, processes, log: processes.log };
}

test.each([
  ['SDK v2', serverOfSdkV2],
  ['SDK v1', serverOfSdkV1],
])('an error that a tool of %s throws is logged with its name and stack', async (_, createServer) => {
  const { call, log } = await setUp(createServer);
  await call('failing');
  expect(log).toEqual([
    {
      event: 'tool_failed',
      details: {
        tool: 'failing',
        error: expect.stringMatching(/^RangeError: The disk is full\n +at fail .*tool-errors\.test\.ts/),
      },
    },
  ]);
});

test('the logged error is bounded', async () => {
  const { call, log } = await setUp(serverOfSdkV2);
  await call('talkative');
  expect(String(log[0]!.details!.error)).toHaveLength(2_000);
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
