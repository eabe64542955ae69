import { randomUUID } from 'node:crypto';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { McpServer } from '@modelcontextprotocol/server';
import { StateConflict, type ToolContext } from 'holdfast/server';
import * as z from 'zod/v4';

/** The context of a request, which every tool returns. The clients compare it with their own identity. */
export type Observation = {
  user: { key: string; issuer: string; subject: string };
  client: { id: string; name: string };
  /** The name in the session's `initialize`, or in the request's envelope. */
  clientInfo: string | undefined;
  session: { id: string; era: string; startedAt: string };
  /** The client's id of this call. */
  call: string;
};

export type Appended = Observation & { calls: string[] };
export type Incremented = Observation & { counter: number; conflicts: number };

/** The memory of an execution environment. */
export type Memory = Observation & {
  /** An id of the environment, and the number of its requests. */
  environment: string;
  requests: number;
  /** The live heap of the environment. */
  heapBytes: number;
  /** The resident memory of the whole process, in which all environments and the emulated services run. */
  rssBytes: number;
};

const environment = randomUUID();
let requests = 0;

// The live heap, without garbage that is not collected yet. Worker threads do not take the flag when they start.
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** The server under load: its tools return what they observe of the request, and keep state per session and per user. */
export function createServer(context: ToolContext): McpServer {
  requests++;
  const server = new McpServer({ name: 'load', version: '1' }, { capabilities: { tools: { listChanged: false } } });
  const { user, client, session, state } = context;
  const inputSchema = z.object({ call: z.string() });

  const result = (call: string, rest: object) => {
    const observation: Observation = {
      user: { key: user.key, issuer: user.issuer, subject: user.subject },
      client: { id: client.id, name: client.name },
      clientInfo: server.server.getClientVersion()?.name,
      session: { id: session.id, era: session.era, startedAt: session.startedAt.toISOString() },
      call,
    };
    return { content: [{ type: 'text' as const, text: JSON.stringify({ ...observation, ...rest }) }] };
  };

  /** A versioned write, repeated until no other request has written in between. */
  async function update<T>(key: string, change: (value: T | undefined) => T): Promise<{ value: T; conflicts: number }> {
    for (let conflicts = 0; ; conflicts++) {
      const stored = await state.get<T>(key);
      try {
        const version = stored?.version ?? 0;
        const { value } = await state.put(key, change(stored?.value), { version });
        return { value, conflicts };
      } catch (error) {
        if (!(error instanceof StateConflict)) throw error;
      }
    }
  }

  // Appends unconditionally: a request that runs twice shows as a duplicate.
  server.registerTool('append', { description: 'Appends a call to its session.', inputSchema }, async ({ call }) => {
    const { value } = await update<string[]>(`calls/${session.id}`, (calls = []) => [...calls, call]);
    return result(call, { calls: value });
  });

  server.registerTool(
    'increment',
    { description: 'Increments the counter of the user.', inputSchema },
    async ({ call }) => {
      const { value, conflicts } = await update<number>('counter', (counter = 0) => counter + 1);
      return result(call, { counter: value, conflicts });
    },
  );

  server.registerTool('memory', { description: 'Measures this environment.', inputSchema }, async ({ call }) => {
    collectGarbage();
    const heapBytes = getHeapStatistics().used_heap_size;
    return result(call, { environment, requests, heapBytes, rssBytes: process.memoryUsage.rss() });
  });

  return server;
}
