import {
  isJSONRPCNotification,
  isJSONRPCResponse,
  type JSONRPCMessage,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { isRequest } from '../era.ts';
import { jsonRpcError } from '../json-rpc-error.ts';
import type { McpResponse, ToolRequest } from '../mcp-http.ts';

/** As in the SDK. */
const LARGEST_BATCH = 100;
const LONGEST_ID = 256;

/**
 * Checks a POST before any of it takes effect (MCP 2025-11-25, Streamable HTTP, sending messages).
 *
 * @returns the rejection; undefined when each message is a request, a notification or a response
 */
export function checkMessages({ headers }: ToolRequest, messages: JSONRPCMessage[]): McpResponse | undefined {
  const version = headers.get('mcp-protocol-version');
  if (version !== null && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) {
    const supported = SUPPORTED_PROTOCOL_VERSIONS.join(', ');
    return jsonRpcError(400, -32000, `Bad Request: Unsupported protocol version (supported versions: ${supported})`);
  }
  if (messages.length > LARGEST_BATCH) {
    return jsonRpcError(400, -32600, `Invalid Request: batch exceeds ${LARGEST_BATCH} messages`);
  }
  if (!messages.every((each) => isRequest(each) || isJSONRPCNotification(each) || isJSONRPCResponse(each))) {
    return jsonRpcError(400, -32600, 'Invalid Request: body is not a JSON-RPC message');
  }
  const ids = messages.flatMap((message) => ('method' in message && 'id' in message ? [message.id] : []));
  if (new Set(ids).size < ids.length || ids.some((id) => String(id).length > LONGEST_ID)) {
    return jsonRpcError(400, -32600, `Invalid Request: ids must differ and have at most ${LONGEST_ID} characters`);
  }
  return undefined;
}
