import { acceptedForms } from '../accepted-forms.ts';
import type { McpExchange } from '../mcp-exchange.ts';
import {
  areTexts,
  CAPABILITIES_KEY,
  CLIENT_KEY,
  hasOnly,
  isArguments,
  isPlainCapabilities,
  isPlainImplementation,
  isPlainNotification,
  isRecord,
  isReserved,
  isText,
  MODERN_REVISION,
  SUPPORTED_PROTOCOL_VERSIONS,
  VERSION_KEY,
} from './plain-values.ts';

/**
 * The messages that the fast path answers: of known methods, with the members that their schemas have, and with values that
 * the SDK passes on as they are. The SDK receives every other message, valid or not, so it alone decides what is invalid.
 */

export type PlainRequest = {
  id: string | number;
  method: string;
  params: { name?: string; uri?: string; arguments?: Record<string, unknown>; protocolVersion?: string };
  /** `_meta` without the members of the envelope; undefined when nothing is left. */
  meta: Record<string, unknown> | undefined;
  /** The members of 2026-07-28 that describe the client. */
  envelope: Record<string, unknown> | undefined;
};

type Check = (value: unknown) => boolean;

/** The parameters of each method, beside `_meta`. All but `arguments` are required. */
const both: Record<string, Record<string, Check>> = {
  'tools/list': {},
  'tools/call': { name: isText, arguments: isArguments },
  'prompts/list': {},
  'prompts/get': { name: isText, arguments: areTexts },
  'resources/list': {},
  'resources/templates/list': {},
  'resources/read': { uri: isText },
};

const methods = {
  legacy: {
    initialize: { protocolVersion: isText, capabilities: isPlainCapabilities, clientInfo: isPlainImplementation },
    ping: {},
    ...both,
  },
  modern: { 'server/discover': {}, ...both },
};

/** A request of the 2025 era. */
export function plainLegacyRequest({ headers, body, session }: McpExchange): PlainRequest | undefined {
  const read = readRequest(body, methods.legacy);
  if (!read || !acceptedForms(headers).json) return undefined;
  const version = headers.get('mcp-protocol-version');
  const isInitialize = read.method === 'initialize';
  if (!isInitialize && version !== null && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return undefined;
  if (!isInitialize && !session.initialize) return undefined;
  const { _meta: meta } = read.params;
  return { ...read, meta, envelope: undefined };
}

/** The notification that ends the handshake of the 2025 era, and has no effect unless the server waits for it. */
export const isPlainInitialized = ({ headers, body, session }: McpExchange): boolean => {
  if (!isRecord(body) || body.method !== 'notifications/initialized' || 'id' in body) return false;
  const version = headers.get('mcp-protocol-version');
  if (version !== null && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return false;
  return session.initialize !== undefined && isPlainNotification(body);
};

/** A request of 2026-07-28 whose headers agree with its body. */
export function plainModernRequest({ headers, body }: McpExchange): PlainRequest | undefined {
  const read = readRequest(body, methods.modern);
  const meta = read?.params._meta;
  if (!read || !meta || !isPlainEnvelope(meta) || !areStandardHeaders(headers, read)) return undefined;
  const envelope: Record<string, unknown> = {};
  for (const name of envelopeMembers) if (name in meta) envelope[name] = meta[name];
  if (hasOnly(meta, envelopeMembers)) return { ...read, meta: undefined, envelope };
  const { [VERSION_KEY]: _, [CLIENT_KEY]: __, [CAPABILITIES_KEY]: ___, ...others } = meta;
  return Object.keys(others).some(isReserved) ? undefined : { ...read, meta: others, envelope };
}

const envelopeMembers = [VERSION_KEY, CLIENT_KEY, CAPABILITIES_KEY];

const isPlainEnvelope = (meta: Record<string, unknown>): boolean =>
  meta[VERSION_KEY] === MODERN_REVISION &&
  isPlainCapabilities(meta[CAPABILITIES_KEY]) &&
  (!(CLIENT_KEY in meta) || isPlainImplementation(meta[CLIENT_KEY]));

/** Whether the headers are those that the body requires, in their common form. */
const areStandardHeaders = (headers: McpExchange['headers'], { method, params: { uri, name = uri } }: Read): boolean =>
  acceptedForms(headers).json &&
  headers.get('mcp-protocol-version') === MODERN_REVISION &&
  headers.get('mcp-method') === method &&
  (name === undefined || (headers.get('mcp-name') === name && !name.startsWith('=?'))) &&
  /^application\/json(?:; ?charset=utf-8)?$/i.test(headers.get('content-type') ?? '');

type Read = Pick<PlainRequest, 'id' | 'method'> & {
  params: PlainRequest['params'] & { _meta?: Record<string, unknown> };
};

const requestMembers = ['jsonrpc', 'id', 'method', 'params'];

/** The id and the form of `_meta` have been checked when the message was read. */
function readRequest(body: unknown, forms: Record<string, Record<string, Check>>): Read | undefined {
  if (!isRecord(body) || !('id' in body)) return undefined;
  const { method, id, params = {}, jsonrpc } = body;
  const form = typeof method === 'string' && Object.hasOwn(forms, method) ? forms[method] : undefined;
  if (!form || !isRecord(params) || jsonrpc !== '2.0' || !hasOnly(body, requestMembers)) return undefined;
  return haveForm(params, form) ? { id: id as string | number, method: method as string, params } : undefined;
}

function haveForm(params: Record<string, unknown>, form: Record<string, Check>): boolean {
  for (const name in form) if (name !== 'arguments' && !(name in params)) return false;
  for (const name in params) {
    const isPlain = name === '_meta' ? isRecord : Object.hasOwn(form, name) ? form[name] : undefined;
    if (!isPlain?.(params[name])) return false;
  }
  return true;
}
