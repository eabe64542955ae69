import { McpResponse } from './mcp-http.ts';

/**
 * An answer in the protocol's own form.
 *
 * @param body the message it answers, if one could be read
 */
export function rpcError(
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
