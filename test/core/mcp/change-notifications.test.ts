import { Client } from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { McpServer } from '@modelcontextprotocol/server';
import type { Caller } from '../../../lambda/core/access/caller.ts';
import { arrivalsOf, RawSession, v1Transport, v2Transport } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';

const LISTEN_SECONDS = 60;

function createServer(): McpServer {
  const server = new McpServer(
    { name: 'changing', version: '1' },
    { capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } },
  );
  server.server.setRequestHandler('resources/subscribe', async () => ({}));
  server.server.setRequestHandler('resources/unsubscribe', async () => ({}));
  server.registerResource('note', 'note://1', {}, async () => ({ contents: [] }));
  server.registerTool('change', {}, async () => {
    server.sendToolListChanged();
    await server.server.sendResourceUpdated({ uri: 'note://1' });
    return { content: [{ type: 'text', text: 'changed' }] };
  });
  return server;
}

async function connectLegacy(processes: Processes, caller: Caller) {
  const client = new V1Client({ name: 'test', version: '1' });
  const received: string[] = [];
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void received.push('tools'));
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void received.push(params.uri));
  const transport = v1Transport(processes.endpointOf(caller));
  await client.connect(transport);
  return { client, received, transport };
}

async function connectModern(processes: Processes, caller: Caller) {
  const received: string[] = [];
  const onChanged = () => void received.push('tools');
  const client = new Client(
    { name: 'test', version: '1' },
    {
      versionNegotiation: { mode: { pin: '2026-07-28' } },
      listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged } },
    },
  );
  await client.connect(v2Transport(processes.endpointOf(caller)));
  return { client, received };
}

const streamsOf = ({ requests }: Processes) => requests.filter(({ type }) => type === 'text/event-stream').length;

describe('a deployment with change notifications', () => {
  const setUp = () => new Processes({ createServer, listenSeconds: LISTEN_SECONDS });

  test('sends a client of the 2025 era the changes of other processes that it subscribed to', async () => {
    const processes = setUp();
    const { clock } = processes;
    const { client, received } = await connectLegacy(processes, await processes.callerOf('ada'));
    await clock.until(() => streamsOf(processes) === 1);
    await client.subscribeResource({ uri: 'note://1' });
    await client.callTool({ name: 'change' });
    await clock.until(() => received.length > 0);
    expect(received).toEqual(['tools']);
    // The next listener knows the subscription.
    await clock.until(() => streamsOf(processes) === 2);
    await client.callTool({ name: 'change' });
    await clock.until(() => received.length > 2);
    expect(received.slice(1).sort()).toEqual(['note://1', 'tools']);
    await client.close();
    await processes.settle();
  });

  test('sends a client of 2026-07-28 the changes on the stream that it requested', async () => {
    const processes = setUp();
    const { clock } = processes;
    const { client, received } = await connectModern(processes, await processes.callerOf('ada'));
    await clock.until(() => streamsOf(processes) === 1);
    await client.callTool({ name: 'change' });
    await clock.until(() => received.length > 0);
    expect(received).toEqual(['tools']);
    await client.close();
    await processes.settle();
  });

  test('sends no change to another user', async () => {
    const processes = setUp();
    const { clock } = processes;
    const ada = await connectLegacy(processes, await processes.callerOf('ada'));
    const alan = await connectLegacy(processes, await processes.callerOf('alan'));
    await clock.until(() => streamsOf(processes) === 2);
    await ada.client.callTool({ name: 'change' });
    await clock.until(() => ada.received.length > 0);
    await clock.advance(LISTEN_SECONDS * 500);
    expect(alan.received).toEqual([]);
    await Promise.all([ada.client.close(), alan.client.close()]);
    await processes.settle();
  });

  test('holds one listener of a session: the stream of an earlier one ends', async () => {
    const processes = setUp();
    const { clock } = processes;
    const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')));
    const listen = async () => (await session.listen()).text();
    const began = clock.now();
    const first = listen();
    await clock.advance(50);
    const second = listen();
    await clock.until(first);
    expect(clock.now() - began).toBeLessThan(2_000);
    await clock.until(second);
    expect(clock.now() - began).toBeGreaterThanOrEqual(LISTEN_SECONDS * 1000);
  });

  test('sends a heartbeat by elapsed time, however long the store takes', async () => {
    const processes = setUp();
    const { clock } = processes;
    const session = await RawSession.begin(processes.endpointOf(await processes.callerOf('ada')));
    processes.around = async (method, call) => {
      if (method.startsWith('changes.')) await clock.sleep(200);
      return call();
    };
    const began = clock.now();
    const arrivals = await clock.until(arrivalsOf(await session.listen(), clock));
    const times = [began, ...arrivals.map(({ at }) => at)];
    expect(arrivals.map(({ text }) => text)).toEqual(Array(arrivals.length).fill(': keep-alive\n\n'));
    expect(times.at(-1)! - began).toBeGreaterThan((LISTEN_SECONDS - 16) * 1000);
    for (const [index, time] of times.slice(1).entries()) expect(time - times[index]!).toBeLessThanOrEqual(16_000);
  });
});

describe('a deployment without change notifications', () => {
  test('has no server that announces them, in either era, and rejects listeners', async () => {
    const processes = new Processes({ createServer });
    const ada = await processes.callerOf('ada');
    const legacy = (await connectLegacy(processes, ada)).client;
    const modern = (await connectModern(processes, ada)).client;
    for (const client of [legacy, modern]) {
      const { tools, resources } = client.getServerCapabilities()!;
      expect(tools?.listChanged).toBe(false);
      expect(resources?.subscribe).toBeUndefined();
      expect((await client.callTool({ name: 'change' })).content).toEqual([{ type: 'text', text: 'changed' }]);
    }
    const { status } = await processes.fetchAs(ada)(processes.url, { headers: { accept: 'text/event-stream' } });
    expect(status).toBe(405);
    expect(streamsOf(processes)).toBe(0);
  });
});
