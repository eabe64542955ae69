import type { Caller } from '../access/caller.ts';
import type { Session } from '../sessions/session.ts';
import type { McpExchange } from './mcp-exchange.ts';
import { McpHeaders, ToolRequest } from './mcp-http.ts';

/** A request that another process can repeat. It contains no token and no cookie. */
type StoredRequest = {
  url: string;
  headers: [string, string][];
  body: unknown;
  caller: Caller;
  session: Session;
  /** Start of its calls in the audit log, in epoch milliseconds. Earlier versions did not store it. */
  startedAt?: number;
};

const storedHeaders = /^(accept|content-type|mcp-.*|traceparent|tracestate|user-agent)$/;

/** @param part the stored part of a batch. @default the whole body */
export function serializeRequest(
  { request, body, caller, session, recorder }: McpExchange,
  part: unknown = body,
): string {
  const headers = [...request.headers].filter(([name]) => storedHeaders.test(name));
  // A repeated request does not listen, and JSON has no sets.
  const { subscriptions: _, ...rest } = session;
  const stored: StoredRequest = {
    url: request.url,
    headers,
    body: part,
    caller,
    session: rest,
    startedAt: recorder.startedAt,
  };
  return JSON.stringify(stored);
}

export function restoreRequest(
  text: string,
): Pick<McpExchange, 'request' | 'headers' | 'body' | 'caller' | 'session'> & Pick<StoredRequest, 'startedAt'> {
  const { url, headers: stored, ...rest }: StoredRequest = JSON.parse(text);
  const headers = new McpHeaders(stored);
  return { request: new ToolRequest(url, { method: 'POST', headers }), headers, ...rest };
}
