import { bytes } from '../support/crypto.ts';
import { jsonRpcError } from './json-rpc-error.ts';
import type { McpRequest, McpResponse } from './mcp-http.ts';

/** Largest message, in bytes; as in the SDK. */
const LARGEST_MESSAGE = 4 * 1024 * 1024;
const MOST_BYTES_OF_CHARACTER = 3;

/** Parses the body of a POST. @returns the message or batch, or the rejection */
export function readMessage(request: McpRequest): { body: unknown } | McpResponse {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    return jsonRpcError(415, -32000, 'Unsupported Media Type: Content-Type must be application/json');
  }
  const raw = request.body ?? '';
  if (isTooLarge(raw)) {
    return jsonRpcError(413, -32000, `Payload Too Large: message exceeds ${LARGEST_MESSAGE} bytes`);
  }
  let body: unknown;
  try {
    // As a decoder does, without the byte order mark.
    const text =
      typeof raw === 'string' ? raw.replace(/^\ufeff/, '') : new TextDecoder('utf-8', { fatal: true }).decode(raw);
    body = JSON.parse(text);
  } catch {
    return jsonRpcError(400, -32700, 'Parse error: body is not JSON in UTF-8');
  }
  if (body === null || typeof body !== 'object' || (Array.isArray(body) && body.length === 0)) {
    return jsonRpcError(400, -32600, 'Invalid Request: body is not a JSON-RPC message');
  }
  return { body };
}

function isTooLarge(raw: string | Uint8Array): boolean {
  // Few strings have to be encoded to know.
  if (raw.length * MOST_BYTES_OF_CHARACTER <= LARGEST_MESSAGE) return false;
  return (typeof raw === 'string' ? bytes(raw) : raw).byteLength > LARGEST_MESSAGE;
}

/** Whether the message has this method. */
export const hasMethod = (method: string, message: unknown): boolean =>
  (message as { method?: unknown } | null)?.method === method;
