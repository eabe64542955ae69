import { type CallToolResult, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { Caller } from '../../lambda/core/caller.ts';
import type { Context } from '../../lambda/core/context.ts';
import { Processes } from './processes.ts';

const TASKS = 'io.modelcontextprotocol/tasks';

function createServer(context: Context): McpServer {
  const server = new McpServer({ name: 'long', version: '1' });
  server.registerTool(
    'add',
    { inputSchema: z.object({ a: z.number(), b: z.number() }), outputSchema: z.object({ sum: z.number() }) },
    context.long(async ({ a, b }): Promise<CallToolResult> => ({ content: [], structuredContent: { sum: a + b } })),
  );
  return server;
}

/** Sends requests of 2026-07-28 as they stand. */
function modern(processes: Processes, caller: Caller, extensions: Record<string, object> = { [TASKS]: {} }) {
  let id = 0;
  const fetch = processes.fetchAs(caller);
  return async (method: string, params: Record<string, unknown> = {}) => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, extensions },
    };
    const name = params.name ?? params.taskId;
    const response = await fetch(processes.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        ...(name !== undefined && { 'mcp-name': String(name) }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params: { ...params, _meta } }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: JSON-RPC answers of many kinds
    return (await response.json()) as any;
  };
}

test('a client that knows tasks gets a handle, and the result when it is there', async () => {
  const processes = new Processes({ createServer });
  const send = modern(processes, await processes.callerOf('ada'));
  const { result: task, error } = await send('tools/call', { name: 'add', arguments: { a: 1, b: 2 } });
  console.log(task, error, processes.log);
  await processes.settle();
  console.log(await send('tasks/get', { taskId: task.taskId }), processes.log);
});
