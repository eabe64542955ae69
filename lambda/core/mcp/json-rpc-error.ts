import { McpResponse } from './mcp-http.ts';

const LONGEST_ID = 256;

/** Whether the id identifies a request (MCP, `RequestId`): a number that JSON readers round identifies none. */
export const isRequestId = (id: unknown): id is string | number =>
  typeof id === 'string' ? id.length <= LONGEST_ID : Number.isSafeInteger(id);

/** The id that an error response names: that of the request, or null without a valid one (JSON-RPC 2.0 §5). */
export function answeredId(message: unknown): string | number | null {
  const { id, method } = (message ?? {}) as { id?: unknown; method?: unknown };
  return method !== undefined && isRequestId(id) ? id : null;
}

/**
 * A JSON-RPC error as an HTTP response.
 *
 * @param body the message it answers
 */
export function jsonRpcError(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
  body?: unknown,
  data?: object,
): McpResponse {
  return McpResponse.json(
    { jsonrpc: '2.0', error: { code, message, ...(data && { data }) }, id: answeredId(body) },
    { status, headers },
  );
}
