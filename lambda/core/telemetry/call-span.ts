import { type CallOutcome, callName, clientOf, endOf, isError, type ToolCall } from '../audit/tool-call.ts';
import { fromBase64url, sha256 } from '../support/crypto.ts';
import { type Attributes, keyValues, nanoseconds, type OtlpSpan } from './otlp-messages.ts';

export type SpanRules = {
  /** Whether spans have the key of the user. */
  users: boolean;
};

const SERVER = 2;
const ERROR = 2;
/** The trace is sampled, and the flag of a remote parent is known (bits 0 and 8). */
const SAMPLED = 0x101;
const REMOTE_PARENT = 0x200;

/**
 * The span of a call, by the semantic conventions for MCP servers. A call has the same ids whenever it is exported, so that a
 * repeated export is recognizable. A call without a client's trace begins one.
 * @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md
 */
export async function spanOf(call: ToolCall, { users }: SpanRules): Promise<OtlpSpan> {
  const digest = hex(fromBase64url(await sha256(`${call.session} ${callName(call)}`)));
  const { parentSpanId, message, errorClass, outcome } = call;
  const end = nanoseconds(endOf(call));
  return {
    traceId: call.traceId ?? digest.slice(16, 48),
    spanId: digest.slice(0, 16),
    ...(parentSpanId !== undefined && { parentSpanId }),
    flags: parentSpanId === undefined ? SAMPLED : SAMPLED + REMOTE_PARENT,
    name: [call.method, targetOf(call)].filter(Boolean).join(' '),
    kind: SERVER,
    startTimeUnixNano: nanoseconds(call.at),
    endTimeUnixNano: end,
    attributes: keyValues({ ...operationOf(call), ...factsOf(call), ...(users && { 'enduser.pseudo.id': call.user }) }),
    // Not its message, which may quote an argument.
    events:
      errorClass === undefined
        ? []
        : [{ timeUnixNano: end, name: 'exception', attributes: keyValues({ 'exception.type': errorClass }) }],
    status: isError(outcome) ? { code: ERROR, ...(message !== undefined && { message }) } : {},
  };
}

/** The error types of calls that had no response. */
const unanswered: Partial<Record<CallOutcome, string>> = { 'timed-out': 'timeout', interrupted: 'interrupted' };

/** The attributes that spans and metrics have in common. */
export function operationOf(call: ToolCall): Attributes {
  const { method, errorCode, outcome } = call;
  const status = errorCode === undefined || outcome in unanswered ? undefined : String(errorCode);
  return {
    'mcp.method.name': method,
    'gen_ai.operation.name': method === 'tools/call' ? 'execute_tool' : undefined,
    'gen_ai.tool.name': targetOf(call),
    'error.type': isError(outcome) ? (status ?? unanswered[outcome] ?? 'tool_error') : undefined,
    'rpc.response.status_code': status,
    'mcp.protocol.version': call.protocolVersion,
    'network.transport': 'tcp',
    'network.protocol.name': 'http',
  };
}

/** Names that clients invent are not the server's tools, and would make each a series of the metrics. */
const targetOf = ({ tool, outcome }: ToolCall) => (outcome === 'unknown-tool' ? undefined : tool);

const factsOf = (call: ToolCall): Attributes => ({
  'gen_ai.tool.name': call.tool,
  'jsonrpc.request.id': call.messageId,
  // The protocol of 2026-07-28 has no sessions.
  'mcp.session.id': call.era === 'legacy' ? call.session : undefined,
  'holdfast.call.id': call.id,
  'holdfast.outcome': call.outcome,
  'session.id': call.session,
  'holdfast.client.id': call.client,
  'holdfast.client.name': clientOf(call),
  'holdfast.client.version': call.clientVersion,
  'holdfast.error.fingerprint': call.errorFingerprint,
  'holdfast.request.bytes': call.bytesIn,
  'holdfast.response.bytes': call.bytesOut,
});

const hex = (data: Uint8Array): string => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
