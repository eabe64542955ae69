import {
  isJSONRPCRequest,
  isLegacyRequest,
  type JSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server';
import { hasOnly, isPlainNotification, isReserved, MODERN_REVISION } from './fast-path/plain-values.ts';
import { type McpRequest, ToolRequest, toPlatformRequest } from './mcp-http.ts';
import { hasMethod } from './message-reader.ts';

/**
 * Whether the messages of a POST belong to the 2025 era, where the SDK leaves it open or rejects too much: `initialize`
 * negotiates the version, whatever its header says (the SDK rejects a dual-era client that names 2026-07-28 there by mistake),
 * and a batch with an invalid element is still a batch.
 */
export function isOfLegacyEra(request: McpRequest, body: unknown): boolean | Promise<boolean> {
  const version = request.headers.get('mcp-protocol-version') ?? '';
  if (Array.isArray(body)) return version < '2026' && !body.some(claimsVersion);
  if (hasMethod('initialize', body) && version !== MODERN_REVISION && !claimsVersion(body)) return true;
  return isLegacy(request, body);
}

/**
 * Whether a message belongs to the 2025 era (MCP 2026-07-28, rules for servers of both eras). The SDK's `isLegacyRequest`
 * decides by trying every form of a message; the two commonest forms are decided here: a request that claims no protocol
 * version, and any message that claims one.
 */
export function isLegacy(request: McpRequest, body: unknown): boolean | Promise<boolean> {
  const { method } = body as { method?: unknown };
  const claims = claimsVersion(body);
  if (claims && isRecord(body) && typeof method === 'string' && method !== 'initialize') return false;
  const version = request.headers.get('mcp-protocol-version') ?? '';
  if (!claims && version < '2026' && isRecord(body) && (isPlainNotification(body) || isRequest(body))) return true;
  return isLegacyRequest(toPlatformRequest(new ToolRequest(request.url, request)), body);
}

/** Whether the message names its protocol version, as those of 2026-07-28 do. */
function claimsVersion(message: unknown): boolean {
  const { params } = (message ?? {}) as { params?: unknown };
  return isRecord(params) && isRecord(params._meta) && PROTOCOL_VERSION_META_KEY in params._meta;
}

const requests = new WeakSet<object>();

/** As the SDK's `isJSONRPCRequest`, which is called for uncommon messages only, and once for each. */
export function isRequest(message: unknown): message is JSONRPCRequest {
  if (typeof message !== 'object' || message === null) return false;
  if (isPlainRequest(message) || requests.has(message)) return true;
  if (!isJSONRPCRequest(message)) return false;
  requests.add(message);
  return true;
}

const members = ['jsonrpc', 'id', 'method', 'params'];

/** Whether it is a request with a common `_meta`, or without. The SDK's schema decides on the others. */
function isPlainRequest(message: object): boolean {
  const { jsonrpc, id, method, params } = message as Partial<Record<string, unknown>>;
  return (
    jsonrpc === '2.0' &&
    typeof method === 'string' &&
    (typeof id === 'string' || Number.isSafeInteger(id)) &&
    (isRecord(params) ? isPlainMeta(params._meta) : params === undefined) &&
    hasOnly(message, members)
  );
}

function isPlainMeta(meta: unknown): boolean {
  if (!isRecord(meta)) return meta === undefined;
  const { progressToken = 0 } = meta;
  const isToken = typeof progressToken === 'string' || Number.isSafeInteger(progressToken);
  return isToken && !Object.keys(meta).some(isReserved);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
