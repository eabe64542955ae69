import {
  isJSONRPCNotification,
  isJSONRPCResponse,
  type JSONRPCMessage,
  type JSONRPCResponse,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { isRequest } from '../era.ts';
import { answeredId, jsonRpcError } from '../json-rpc-error.ts';
import type { McpExchange } from '../mcp-exchange.ts';
import type { McpRequest, McpResponse } from '../mcp-http.ts';
import { hasMethod, invalidityOf, messagesIn } from '../message-reader.ts';

/** As in the SDK. */
const LARGEST_BATCH = 100;

export type CheckedMessages = {
  messages: JSONRPCMessage[];
  /** Responses to the invalid elements of a batch (JSON-RPC 2.0 §6). */
  rejected: JSONRPCResponse[];
  /** Set when the POST is rejected as a whole. */
  rejection?: McpResponse;
};

/** Checks a POST before any of it takes effect (MCP 2025-11-25, Streamable HTTP, sending messages). */
export function checkMessages({ request, body }: Pick<McpExchange, 'request' | 'body'>): CheckedMessages {
  const messages: JSONRPCMessage[] = [];
  const rejected: JSONRPCResponse[] = [];
  for (const each of messagesIn(body)) {
    const error = invalidElement(each, Array.isArray(body));
    if (error) rejected.push({ jsonrpc: '2.0', id: answeredId(each), error } as JSONRPCResponse);
    else messages.push(each as JSONRPCMessage);
  }
  const rejection = rejectionOf(request, body, messages, rejected);
  return { messages, rejected, ...(rejection && { rejection }) };
}

function invalidElement(message: unknown, isInBatch: boolean): { code: number; message: string } | undefined {
  const invalid = invalidityOf(message);
  if (invalid) return invalid;
  if (!(isRequest(message) || isJSONRPCNotification(message) || isJSONRPCResponse(message))) {
    return { code: -32600, message: 'Invalid Request: not a JSON-RPC message' };
  }
  // MCP 2025-03-26, lifecycle: other messages depend on its outcome.
  return isInBatch && hasMethod('initialize', message)
    ? { code: -32600, message: 'Invalid Request: initialize is not part of a batch' }
    : undefined;
}

function rejectionOf(
  { headers }: Pick<McpRequest, 'headers'>,
  body: unknown,
  messages: JSONRPCMessage[],
  rejected: JSONRPCResponse[],
): McpResponse | undefined {
  const [invalid] = rejected;
  if (invalid && 'error' in invalid && !Array.isArray(body)) {
    return jsonRpcError(400, invalid.error.code, invalid.error.message, {}, body);
  }
  // The version of `initialize` is in its parameters.
  return (hasMethod('initialize', body) ? undefined : checkVersion(headers, body)) ?? checkBatch(messages, rejected);
}

/** Checks the protocol version of a request in a session (MCP 2025-11-25, Streamable HTTP, protocol version header). */
export function checkVersion(headers: McpRequest['headers'], body?: unknown): McpResponse | undefined {
  const version = headers.get('mcp-protocol-version');
  if (version === null || SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return undefined;
  const supported = SUPPORTED_PROTOCOL_VERSIONS.join(', ');
  const reason = `Bad Request: Unsupported protocol version (supported versions: ${supported})`;
  return jsonRpcError(400, -32000, reason, {}, body);
}

function checkBatch(messages: JSONRPCMessage[], rejected: JSONRPCResponse[]): McpResponse | undefined {
  if (messages.length + rejected.length > LARGEST_BATCH) {
    return jsonRpcError(400, -32600, `Invalid Request: batch exceeds ${LARGEST_BATCH} messages`);
  }
  const ids = messages.flatMap((message) => ('method' in message && 'id' in message ? [message.id] : []));
  return new Set(ids).size < ids.length
    ? jsonRpcError(400, -32600, 'Invalid Request: the ids of a batch must differ')
    : undefined;
}
