import { McpResponse } from './mcp-http.ts';

/**
 * A JSON-RPC error as an HTTP response.
 *
 * @param body the message it answers; its id is echoed
 */
export function jsonRpcError(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
  body?: unknown,
  data?: object,
): McpResponse {
  const { id } = (body ?? {}) as { id?: unknown };
  const echoed = typeof id === 'string' || typeof id === 'number' ? id : null;
  return McpResponse.json(
    { jsonrpc: '2.0', error: { code, message, ...(data && { data }) }, id: echoed },
    { status, headers },
  );
}
