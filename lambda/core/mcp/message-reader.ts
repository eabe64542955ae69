import { bytes } from '../support/crypto.ts';
import { JsonDepthError, parseJson } from '../support/json.ts';
import { isRequestId, jsonRpcError } from './json-rpc-error.ts';
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
    body = parseJson(text);
  } catch (error) {
    if (error instanceof JsonDepthError) return jsonRpcError(400, -32600, `Invalid Request: ${error.message}`);
    return jsonRpcError(400, -32700, 'Parse error: body is not JSON in UTF-8');
  }
  const invalid = Array.isArray(body) && body.length > 0 ? undefined : invalidityOf(body);
  return invalid ? jsonRpcError(400, invalid.code, invalid.message, {}, body) : { body };
}

const noMessage = { code: -32600, message: 'Invalid Request: not a JSON-RPC message' };
const invalidId = { code: -32600, message: 'Invalid Request: id must be an integer, or at most 256 characters' };
const noStructure = { code: -32600, message: 'Invalid Request: params must be an object' };

/**
 * Why a message is invalid (JSON-RPC 2.0 §4), or its parameters cannot be those of any method (MCP, `JSONRPCRequest`). The
 * SDK checks the rest.
 */
export function invalidityOf(message: unknown): { code: number; message: string } | undefined {
  if (!isObject(message)) return noMessage;
  const { jsonrpc, method, params } = message;
  if (method === undefined) return 'result' in message || 'error' in message ? undefined : noMessage;
  if (jsonrpc !== '2.0' || typeof method !== 'string') return noMessage;
  if ('id' in message && !isRequestId(message.id)) return invalidId;
  return params === undefined ? undefined : invalidityOfParams(params);
}

function invalidityOfParams(params: unknown): { code: number; message: string } | undefined {
  if (typeof params !== 'object' || params === null) return noStructure;
  if (!isObject(params)) return invalidParams('params must be an object');
  const { _meta = {} } = params;
  if (!isObject(_meta)) return invalidParams('_meta must be an object');
  const { progressToken = 0 } = _meta;
  const isToken = typeof progressToken === 'string' || Number.isInteger(progressToken);
  return isToken ? undefined : invalidParams('progressToken must be a string or an integer');
}

const invalidParams = (reason: string) => ({ code: -32602, message: `Invalid params: ${reason}` });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isTooLarge(raw: string | Uint8Array): boolean {
  // Few strings have to be encoded to know.
  if (raw.length * MOST_BYTES_OF_CHARACTER <= LARGEST_MESSAGE) return false;
  return (typeof raw === 'string' ? bytes(raw) : raw).byteLength > LARGEST_MESSAGE;
}

/** The messages of a body: those of a batch, or the one. */
export const messagesIn = (body: unknown): readonly unknown[] => (Array.isArray(body) ? body : [body]);

/** Whether the message has this method. */
export const hasMethod = (method: string, message: unknown): boolean =>
  (message as { method?: unknown } | null)?.method === method;
