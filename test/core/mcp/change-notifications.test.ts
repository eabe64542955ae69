import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { McpServer } from '@modelcontextprotocol/server';
import type { Caller } from '../../../lambda/core/access/caller.ts';
import { Processes } from '../../support/mcp-processes.ts';

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

/** Waits until something has happened. */
async function until(happened: () => boolean): Promise<void> {
  for (let tries = 0; !happened(); tries++) {
    if (tries > 200) throw new Error('It did not happen');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function oldClient(processes: Processes, caller: Caller) {
  const client = new OldClient({ name: 'test', version: '1' });
  const heard: string[] = [];
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'));
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri));
  const transport = new OldTransport(processes.url, { fetch: processes.fetchAs(caller) });
  await client.connect(transport);
  return { client, heard, transport };
}

async function newClient(processes: Processes, caller: Caller) {
  const heard: string[] = [];
  const client = new Client(
    { name: 'test', version: '1' },
    {
      versionNegotiation: { mode: { pin: '2026-07-28' } },
      listChanged: { tools: { autoRefresh: false, onChanged: () => void heard.push('tools') } },
    },
  );
  await client.connect(new StreamableHTTPClientTransport(processes.url, { fetch: processes.fetchAs(caller) }));
  return { client, heard };
}

const listening = (processes: Processes) =>
  processes.requests.filter(({ type }) => type === 'text/event-stream').length;

describe('where clients may listen', () => {
  const start = () => new Processes({ createServer, listenSeconds: 60 });

  test('a client of the 2025 era hears of what another process has changed, if it has subscribed', async () => {
    const processes = start();
    const ada = await processes.callerOf('ada');
    const { client, heard } = await oldClient(processes, ada);
    await until(() => listening(processes) === 1);
    await client.subscribeResource({ uri: 'note://1' });
    await client.callTool({ name: 'change' });
    await until(() => heard.length > 0);
    expect(heard).toEqual(['tools']);
    processes.clock.now += 61;
    await until(() => listening(processes) === 2);
    await client.callTool({ name: 'change' });
    await until(() => heard.length > 2);
    expect(heard.slice(1).sort()).toEqual(['note://1', 'tools']);
    await client.close();
    processes.clock.now += 61;
  });

  test('a client of 2026-07-28 hears of it on the stream that it has asked for', async () => {
    const processes = start();
    const { client, heard } = await newClient(processes, await processes.callerOf('ada'));
    await until(() => listening(processes) === 1);
    await client.callTool({ name: 'change' });
    await until(() => heard.length > 0);
    expect(heard).toEqual(['tools']);
    await client.close();
    processes.clock.now += 61;
  });

  test('another user hears nothing', async () => {
    const processes = start();
    const [ada, alan] = [await processes.callerOf('ada'), await processes.callerOf('alan')];
    const adas = await oldClient(processes, ada);
    const alans = await oldClient(processes, alan);
    await until(() => listening(processes) === 2);
    await adas.client.callTool({ name: 'change' });
    await until(() => adas.heard.length > 0);
    expect(alans.heard).toEqual([]);
    await Promise.all([adas.client.close(), alans.client.close()]);
    processes.clock.now += 61;
  });

  test('a session that listens again is held once: the stream before ends', async () => {
    const processes = start();
    const ada = await processes.callerOf('ada');
    const { client, transport } = await oldClient(processes, ada);
    await client.close();
    const fetch = processes.fetchAs(ada);
    const listen = async () =>
      (
        await fetch(processes.url, {
          headers: { accept: 'text/event-stream', 'mcp-session-id': transport.sessionId! },
        })
      ).text();
    const first = listen();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = listen();
    await first;
    processes.clock.now += 61;
    await second;
  });
});

describe('where they may not', () => {
  test('no server says that it tells of changes, in either era', async () => {
    const processes = new Processes({ createServer });
    const ada = await processes.callerOf('ada');
    const old = (await oldClient(processes, ada)).client;
    const modern = (await newClient(processes, ada)).client;
    for (const client of [old, modern]) {
      const { tools, resources } = client.getServerCapabilities()!;
      expect(tools?.listChanged).toBe(false);
      expect(resources?.subscribe).toBeUndefined();
      expect((await client.callTool({ name: 'change' })).content).toEqual([{ type: 'text', text: 'changed' }]);
    }
    const { status } = await processes.fetchAs(ada)(processes.url, { headers: { accept: 'text/event-stream' } });
    expect(status).toBe(405);
    expect(listening(processes)).toBe(0);
  });
});
