import type { Caller } from '../access/caller.ts';
import type { Session } from '../sessions/session.ts';
import type { Exchange } from './mcp-exchange.ts';
import { Request } from './mcp-http.ts';

/** What another process needs to make a request once more. No token and no cookie is among it. */
type KeptRequest = { url: string; headers: [string, string][]; body: unknown; caller: Caller; session: Session };

const keptHeaders = /^(accept|content-type|mcp-.*|traceparent|tracestate|user-agent)$/;

/** @param body the part of a batch that is kept. @default all of it */
export function keep({ request, body, caller, session }: Exchange, part: unknown = body): string {
  const headers = [...request.headers].filter(([name]) => keptHeaders.test(name));
  // Subscriptions concern only those who listen, and a set would not come back as one.
  const { subscriptions: _, ...rest } = session;
  const kept: KeptRequest = { url: request.url, headers, body: part, caller, session: rest };
  return JSON.stringify(kept);
}

export function restore(text: string): { request: Request; body: unknown; caller: Caller; session: Session } {
  const { url, headers, ...rest }: KeptRequest = JSON.parse(text);
  return { request: new Request(url, { method: 'POST', headers }), ...rest };
}
