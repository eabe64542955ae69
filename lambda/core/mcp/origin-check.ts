import { isLoopbackUri } from '../../shared/loopback.ts';
import { jsonRpcError } from './json-rpc-error.ts';
import type { McpRequest, McpResponse } from './mcp-http.ts';

/** Names under `localhost` are loopback names (RFC 6761 §6.3). Webviews of applications use them. */
const loopbackNameSyntax = /^http:\/\/([a-z0-9-]+\.)+localhost(:\d{1,5})?$/;

/** Schemes of installed applications and browser extensions, such as `vscode-webview://…`: any that loads no page of a site. */
const applicationSyntax =
  /^(?!(https?|wss?|ftp|file|filesystem|data|blob|about|javascript):)[a-z][a-z0-9+.-]*:\/\/[^\s/?#]*$/;

/**
 * Checks the Origin header (MCP 2025-11-25 and 2026-07-28, Streamable HTTP: it MUST be validated). The access token decides
 * what a request may do, and no browser sends it by itself; this check rejects pages loaded without TLS, sandboxed pages,
 * and pages that rebind a name to a local address. The code of an application or extension runs on the user's machine by
 * the user's choice, as that of a program that sends no origin.
 *
 * @param allowed further origins
 * @returns the rejection; undefined for an allowed origin, and for programs, which send none
 */
export function checkOrigin({ headers }: McpRequest, allowed: readonly string[] = []): McpResponse | undefined {
  const origin = headers.get('origin');
  if (origin === null || origin.startsWith('https://') || allowed.includes(origin)) return undefined;
  if (isLoopbackUri(origin) || loopbackNameSyntax.test(origin) || applicationSyntax.test(origin)) return undefined;
  return jsonRpcError(403, -32000, 'Forbidden: Origin is not allowed');
}
