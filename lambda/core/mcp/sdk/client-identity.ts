import { CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, type Server } from '@modelcontextprotocol/server';
import type { McpExchange } from '../mcp-exchange.ts';
import { setClientIdentity } from './sdk-internals.ts';
import { parsedRequest } from './sdk-shortcuts.ts';

/** Tells a server that is not connected yet what it will know of its client when it is. */
export function identifyClient(server: Server, { session, body }: McpExchange): void {
  if (session.era === 'legacy') {
    const params = session.initialize && parsedRequest(session.initialize)?.params;
    setClientIdentity(server, params?.capabilities, params?.clientInfo, params?.protocolVersion);
    return;
  }
  const meta = (body as { params?: { _meta?: Record<string, unknown> } }).params?._meta ?? {};
  setClientIdentity(server, meta[CLIENT_CAPABILITIES_META_KEY], meta[CLIENT_INFO_META_KEY], '2026-07-28');
}
