import { CLIENT_INFO_META_KEY, type JSONRPCRequest } from '@modelcontextprotocol/server';
import type { Caller } from '../access/caller.ts';
import { messagesIn } from '../mcp/message-reader.ts';
import { parentSpanIdOf, traceIdOf } from '../mcp/trace.ts';
import type { Session } from '../sessions/session.ts';
import { byteLength } from '../support/crypto.ts';
import { boundedText } from './bounded-text.ts';
import type { ToolCall } from './tool-call.ts';

/** The parts of an HTTP request to `/mcp` that the audit log needs: message or batch, caller, session, client, trace. */
export type AuditedRequest = {
  headers: Pick<Headers, 'get'>;
  body: unknown;
  caller: Caller;
  session: Session;
  context: { client: { name: string }; trace?: { traceparent: string } | undefined };
};

/** Most bytes: a call has to fit into one write unit (1 KB). */
export const largest = {
  clientName: 48,
  clientVersion: 24,
  protocolVersion: 16,
  method: 40,
  tool: 128,
  message: 200,
  errorClass: 40,
  errorPlace: 64,
  messageId: 36,
};

/** Most bytes of the members below together. */
const LARGEST_DETAILS = 400;

/** The bytes that are left for a further member of the call. The first two have room for their names elsewhere. */
export function remainingBytes({ tool = '', target = '', message = '', ...call }: ToolCall): number {
  const names = ['registeredName', 'errorClass', 'errorMessage', 'errorFingerprint', 'errorPlace'] as const;
  const others = names.map((name) => (call[name] === undefined ? '' : name + call[name]));
  return LARGEST_DETAILS - byteLength([tool, target, message, ...others].join(''));
}

/** The messages that have a response. Whether they are valid requests is checked elsewhere. */
export const requestsIn = ({ body }: AuditedRequest): JSONRPCRequest[] =>
  (messagesIn(body) as Partial<JSONRPCRequest>[]).filter(
    (each): each is JSONRPCRequest => typeof each?.method === 'string' && each.id !== undefined,
  );

/** The part of a call that is known before its end. Names come from the client, so their types are not certain. */
export function callFactsOf({ headers, caller, session, context }: AuditedRequest, message: JSONRPCRequest) {
  const { id, method, params } = message;
  const { initialize } = session;
  const info = initialize?.clientInfo ?? params?._meta?.[CLIENT_INFO_META_KEY] ?? {};
  const { name, version } = info as Record<string, unknown>;
  const clientName = boundedText(name, largest.clientName);
  const registeredName = boundedText(context.client.name, largest.clientName);
  return {
    user: caller.user,
    client: caller.client,
    registeredName: registeredName === clientName ? undefined : registeredName,
    clientName,
    clientVersion: boundedText(version, largest.clientVersion),
    grant: caller.grant,
    session: session.id,
    era: session.era,
    protocolVersion: boundedText(
      headers.get('mcp-protocol-version') ?? initialize?.protocolVersion,
      largest.protocolVersion,
    ),
    method: boundedText(method, largest.method)!,
    tool: method === 'tools/call' ? boundedText(params?.name, largest.tool) : undefined,
    target: targetOf(message),
    traceId: context.trace && traceIdOf(context.trace),
    parentSpanId: context.trace && parentSpanIdOf(context.trace),
    messageId: boundedText(String(id), largest.messageId),
  };
}

function targetOf({ method, params }: JSONRPCRequest): string | undefined {
  if (method === 'prompts/get') return boundedText(params?.name, largest.tool);
  if (method !== 'resources/read' || typeof params?.uri !== 'string') return undefined;
  // Query and fragment may contain input of the user.
  return boundedText(params.uri.replace(/[?#].*$/s, ''), largest.tool);
}

export const argumentsIn = ({ params }: JSONRPCRequest): unknown =>
  (params as { arguments?: unknown } | undefined)?.arguments;
