import type { Caller } from '../access/caller.ts';
import type { Session } from '../sessions/session.ts';
import type { McpExchange } from './mcp-exchange.ts';
import { McpRequest } from './mcp-http.ts';

/** What another process needs to make a request once more. No token and no cookie is among it. */
type StoredRequest = { url: string; headers: [string, string][]; body: unknown; caller: Caller; session: Session };

const keptHeaders = /^(accept|content-type|mcp-.*|traceparent|tracestate|user-agent)$/;

/** @param body the part of a batch that is kept. @default all of it */
export function serializeRequest({ request, body, caller, session }: McpExchange, part: unknown = body): string {
  const headers = [...request.headers].filter(([name]) => keptHeaders.test(name));
  // Subscriptions concern only those who listen, and a set would not come back as one.
  const { subscriptions: _, ...rest } = session;
  const kept: StoredRequest = { url: request.url, headers, body: part, caller, session: rest };
  return JSON.stringify(kept);
}

export function restoreRequest(text: string): { request: McpRequest; body: unknown; caller: Caller; session: Session } {
  const { url, headers, ...rest }: StoredRequest = JSON.parse(text);
  return { request: new McpRequest(url, { method: 'POST', headers }), ...rest };
}
