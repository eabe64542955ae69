import { randomUUID } from 'node:crypto';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { ToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { StateConflict } from '../../../lambda/core/mcp/tool-state.ts';

/** What every tool tells of the request that it answers; the clients hold it against what they know of themselves. */
export type Seen = {
  user: { key: string; issuer: string; subject: string };
  client: { id: string; name: string };
  /** The name in the session's `initialize`, or in the request's envelope. */
  clientInfo: string | undefined;
  session: { id: string; era: string; startedAt: string };
  /** The client's own name for this call. */
  call: string;
};

export type Appended = Seen & { calls: string[] };
export type Incremented = Seen & { counter: number; conflicts: number };
export type Heap = Seen & { environment: string; requests: number; bytes: number };

/** Which execution environment this is, and how many requests it has had. */
const environment = randomUUID();
let requests = 0;

// Heap that is live, without the garbage that happens to lie there. Worker threads cannot be started with the flag.
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** The server under load: its tools tell what they see of the request, and keep something per session and per user. */
export function createServer(context: ToolContext): McpServer {
  requests++;
  const server = new McpServer({ name: 'load', version: '1' }, { capabilities: { tools: { listChanged: false } } });
  const { user, client, session, state } = context;
  const inputSchema = z.object({ call: z.string() });

  const answer = (call: string, rest: object) => {
    const seen: Seen = {
      user: { key: user.key, issuer: user.issuer, subject: user.subject },
      client: { id: client.id, name: client.name },
      clientInfo: server.server.getClientVersion()?.name,
      session: { id: session.id, era: session.era, startedAt: session.startedAt.toISOString() },
      call,
    };
    return { content: [{ type: 'text' as const, text: JSON.stringify({ ...seen, ...rest }) }] };
  };

  /** A versioned write, again and again until nobody else has written in between. */
  async function update<T>(key: string, change: (value: T | undefined) => T): Promise<{ value: T; conflicts: number }> {
    for (let conflicts = 0; ; conflicts++) {
      const standing = await state.get<T>(key);
      try {
        const version = standing?.version ?? 0;
        const { value } = await state.put(key, change(standing?.value), { version });
        return { value, conflicts };
      } catch (error) {
        if (!(error instanceof StateConflict)) throw error;
      }
    }
  }

  // Appends without looking whether the call is there already: a request that is run twice shows as a call twice.
  server.registerTool(
    'append',
    { description: 'Adds a call to those of its session.', inputSchema },
    async ({ call }) => {
      const { value } = await update<string[]>(`calls/${session.id}`, (calls = []) => [...calls, call]);
      return answer(call, { calls: value });
    },
  );

  server.registerTool('increment', { description: 'Counts one more for the user.', inputSchema }, async ({ call }) => {
    const { value, conflicts } = await update<number>('counter', (counter = 0) => counter + 1);
    return answer(call, { counter: value, conflicts });
  });

  server.registerTool('heap', { description: 'Measures this process.', inputSchema }, async ({ call }) => {
    collectGarbage();
    return answer(call, { environment, requests, bytes: getHeapStatistics().used_heap_size });
  });

  return server;
}
