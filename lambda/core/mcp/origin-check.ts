import { isLoopbackUri } from '../../shared/loopback.ts';
import { jsonRpcError } from './json-rpc-error.ts';
import type { McpRequest, McpResponse } from './mcp-http.ts';

/**
 * Checks the Origin header (MCP 2025-11-25 and 2026-07-28, Streamable HTTP: it MUST be validated). The access token decides
 * what a request may do, and no browser sends it by itself; this check rejects pages loaded without TLS, sandboxed pages,
 * and pages that rebind a name to a local address.
 *
 * @param allowed origins. @default any https origin, and pages on a loopback address
 * @returns the rejection; undefined for an allowed origin, and for programs, which send none
 */
export function checkOrigin({ headers }: McpRequest, allowed: readonly string[] | undefined): McpResponse | undefined {
  const origin = headers.get('origin');
  if (origin === null) return undefined;
  const isAllowed = allowed ? allowed.includes(origin) : origin.startsWith('https://') || isLoopbackUri(origin);
  return isAllowed ? undefined : jsonRpcError(403, -32000, 'Forbidden: Origin is not allowed');
}
