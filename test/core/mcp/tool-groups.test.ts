import { McpServer } from '@modelcontextprotocol/server';
import type { CreateServer } from '../../../lambda/core/mcp/sdk/owner-server.ts';
import { UpstreamAssertions } from '../../../lambda/core/mcp/upstream/upstream-assertions.ts';
import { UpstreamDescriptions } from '../../../lambda/core/mcp/upstream/upstream-client.ts';
import { forwardingServer } from '../../../lambda/core/mcp/upstream/upstream-forwarder.ts';
import { type Connect, ofSessions, ofToday, RawSession } from '../../support/era-clients.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { Processes } from '../../support/mcp-processes.ts';
import { modernSender } from '../../support/modern-sender.ts';
import { createSdkV1Server } from '../../support/sdk-v1-server.ts';
import { v2Upstream } from '../../support/upstream-fixtures.ts';

/** Tools that require a group, in servers of each kind. */

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** Its list states that caches may share it. */
function createV2Server(): McpServer {
  const server = new McpServer(
    { name: 'owner', version: '1' },
    { cacheHints: { 'tools/list': { ttlMs: 60_000, cacheScope: 'public' } } },
  );
  server.registerTool('close_books', {}, async () => text('closed'));
  server.registerTool('other', {}, async () => text('other'));
  return server;
}

function forwarding(): CreateServer {
  const clock = fakeClock();
  const dependencies = {
    assertions: new UpstreamAssertions(
      'https://us.example',
      { keyId: async () => '1', sign: async () => new Uint8Array(64) },
      clock,
    ),
    descriptions: new UpstreamDescriptions(clock),
    timeoutMilliseconds: 60_000,
    clock,
    log: () => undefined,
  };
  const server = v2Upstream();
  return (context) => forwardingServer([{ server, prefix: '' }], dependencies, context);
}

/** The server, the tool that needs a group, and another tool. */
const kinds: [string, () => CreateServer, string, string][] = [
  ['SDK v2', () => createV2Server, 'close_books', 'other'],
  ['SDK v1', () => (context) => createSdkV1Server(context), 'add', 'count'],
  ['an upstream server', forwarding, 'fail', 'report'],
];

const clients = [...ofSessions, ...ofToday];
const cases = kinds.flatMap((kind) => clients.map((client) => [...kind, ...client] as const));

async function connectTo(createServer: CreateServer, connect: Connect, tool: string, groups: string[]) {
  const processes = new Processes({ createServer, toolScopes: { [tool]: { groups: ['finance', 'audit'] } } });
  const client = await connect(processes.endpointOf(await processes.callerOf('ada', { groups })));
  const listed = ((await client.listTools()) as { tools: { name: string }[] }).tools.map(({ name }) => name);
  return { processes, client, listed };
}

test.each(cases)(
  'the server of %s hides the tool of a group from others',
  async (_, create, tool, other, __, connect) => {
    const { client, processes, listed } = await connectTo(create(), connect, tool, ['sales']);
    expect(listed).toContain(other);
    expect(listed).not.toContain(tool);
    await client.close();
    await processes.settle();
  },
);

test.each(cases)(
  'the server of %s lists the tool of a group to its members',
  async (_, create, tool, other, __, connect) => {
    const { client, processes, listed } = await connectTo(create(), connect, tool, ['audit']);
    expect(listed).toEqual(expect.arrayContaining([other, tool]));
    await client.close();
    await processes.settle();
  },
);

test.each(cases)('the server of %s rejects a call without the group', async (_, create, tool, __, ___, connect) => {
  const { client, processes } = await connectTo(create(), connect, tool, ['Finance', 'finance ']);
  await expect(client.call(tool)).rejects.toThrow(
    `Not permitted: ${tool} needs the group finance or audit. Ask your administrator`,
  );
  await client.close();
  await processes.settle();
  expect(await processes.loggedCalls()).toEqual([[tool, 'refused']]);
});

test('a list that depends on groups is private to the user, whatever the server states', async () => {
  const listOf = async (toolScopes: object) => {
    const processes = new Processes({ createServer: createV2Server, toolScopes: toolScopes as never });
    const send = modernSender(processes, await processes.callerOf('ada', { groups: ['finance'] }));
    return (await send('tools/list')).result;
  };
  expect(await listOf({ close_books: { groups: ['finance'] } })).toMatchObject({
    cacheScope: 'private',
    ttlMs: 60_000,
  });
  expect(await listOf({ close_books: ['mcp'] })).toMatchObject({ cacheScope: 'public' });
});

test('a batch with a call without the group is rejected as a whole', async () => {
  const toolScopes = { close_books: { groups: ['finance'] } };
  const processes = new Processes({ createServer: createV2Server, toolScopes });
  const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')), {
    version: '2025-03-26',
  });
  const response = await session.post([session.toolCall('other'), session.toolCall('close_books')]);
  expect(response.status).toBe(403);
  await processes.settle();
});

test('a member of the group who lacks the scope of the tool is asked for the scope', async () => {
  const toolScopes = { close_books: { scopes: ['admin'], groups: ['finance'] } };
  const processes = new Processes({ createServer: createV2Server, toolScopes });
  const send = modernSender(processes, await processes.callerOf('ada', { groups: ['finance'] }));
  expect(await send('tools/call', { name: 'close_books' })).toMatchObject({
    status: 403,
    error: { data: { error: 'insufficient_scope', scope: 'mcp admin' } },
  });
});
