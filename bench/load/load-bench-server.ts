import { randomUUID } from 'node:crypto';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { McpServer } from '@modelcontextprotocol/server';
import type { ToolContext } from '../../lambda/core/mcp/tool-context.ts';
import { createServer as createLoadServer } from '../../test/support/load/load-server.ts';

/** What an execution environment has in memory. */
export type Memory = {
  /** Which one this is, and how many requests it has had. */
  environment: string;
  requests: number;
  /** Live heap of the environment alone. */
  heapBytes: number;
  /** Of the whole process, in which all environments and the other services run too. */
  rssBytes: number;
};

const environment = randomUUID();
let requests = 0;

// Heap that is live, without the garbage that happens to lie there.
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** The server of the load test, and a tool that measures where it runs. */
export function createServer(context: ToolContext): McpServer {
  requests++;
  const server = createLoadServer(context);
  server.registerTool('memory', { description: 'Measures this environment.' }, async () => {
    collectGarbage();
    const memory: Memory = {
      environment,
      requests,
      heapBytes: getHeapStatistics().used_heap_size,
      rssBytes: process.memoryUsage.rss(),
    };
    return { content: [{ type: 'text', text: JSON.stringify(memory) }] };
  });
  return server;
}
