import type { Caller } from '../../lambda/core/access/caller.ts';
import { type Message, messagesOf } from './era-clients.ts';
import type { Processes } from './mcp-processes.ts';

/** The extension by which clients of 2026-07-28 support tasks. */
const TASKS = 'io.modelcontextprotocol/tasks';

export type Send = (method: string, params?: Record<string, unknown>) => Promise<Message & { status: number }>;

/** Sends requests of 2026-07-28. @returns the last message of the response, with the HTTP status */
export function modernSender(
  processes: Processes,
  caller: Caller,
  extensions: Record<string, object> = { [TASKS]: {} },
): Send {
  let id = 0;
  const fetch = processes.fetchAs(caller);
  return async (method, params = {}) => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, extensions },
      progressToken: 'progress',
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
    const messages = await processes.clock.until(messagesOf(response));
    return { ...messages.at(-1)!, status: response.status };
  };
}
