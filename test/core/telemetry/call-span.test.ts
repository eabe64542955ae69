import type { ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import { spanOf } from '../../../lambda/core/telemetry/call-span.ts';
import type { KeyValue } from '../../../lambda/core/telemetry/otlp-messages.ts';
import { toolCall } from '../../support/tool-call-builder.ts';

const at = 1_800_000_000_123;
const spanOfCall = (change: Partial<ToolCall> = {}, users = false) =>
  spanOf(toolCall({ id: 'call-1', at, milliseconds: 250, ...change }), { users });

const plain = (attributes: KeyValue[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

test('a call is a server span with the attributes of the semantic conventions', async () => {
  const span = await spanOfCall({
    messageId: '7',
    clientName: 'Claude Code',
    clientVersion: '2.1',
    protocolVersion: '2025-11-25',
    bytesIn: 99,
    bytesOut: 1234,
  });
  expect({ ...span, attributes: plain(span.attributes) }).toEqual({
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
    flags: 0x101,
    name: 'tools/call note',
    kind: 2,
    startTimeUnixNano: '1800000000123000000',
    endTimeUnixNano: '1800000000373000000',
    events: [],
    status: {},
    attributes: {
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'note',
      'mcp.protocol.version': '2025-11-25',
      'mcp.session.id': 'session',
      'session.id': 'session',
      'jsonrpc.request.id': '7',
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
      'holdfast.call.id': 'call-1',
      'holdfast.outcome': 'success',
      'holdfast.client.id': 'dcr_1',
      'holdfast.client.name': 'Claude Code',
      'holdfast.client.version': '2.1',
      'holdfast.request.bytes': '99',
      'holdfast.response.bytes': '1234',
    },
  });
});

test('the span of a call with a trace is the child of the span of its client', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const span = await spanOfCall({ traceId, parentSpanId: 'b7ad6b7169203331' });
  expect(span).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331', flags: 0x301 });
});

test('the span of a call whose client does not sample is the root of the trace of its client', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const span = await spanOfCall({ traceId });
  expect(span.traceId).toBe(traceId);
  expect(span).not.toHaveProperty('parentSpanId');
});

test('a call has the same ids in each export, and another call has others', async () => {
  const [first, again, other, elsewhere] = await Promise.all([
    spanOfCall(),
    spanOfCall({ outcome: 'tool-error' }),
    spanOfCall({ id: 'call-2' }),
    spanOfCall({ session: 'other' }),
  ]);
  expect([again.spanId, again.traceId]).toEqual([first.spanId, first.traceId]);
  expect(new Set([first, other, elsewhere].map(({ spanId }) => spanId)).size).toBe(3);
  expect(new Set([first, other, elsewhere].map(({ traceId }) => traceId)).size).toBe(3);
});

test.each<[Partial<ToolCall>, string | undefined, string | undefined, object]>([
  [{ outcome: 'tool-error' }, 'tool_error', undefined, { code: 2 }],
  [{ outcome: 'error-result' }, 'tool_error', undefined, { code: 2 }],
  [
    { outcome: 'protocol-error', errorCode: -32602, message: 'Invalid params' },
    '-32602',
    '-32602',
    { code: 2, message: 'Invalid params' },
  ],
  [{ outcome: 'timed-out', errorCode: -32603 }, 'timeout', undefined, { code: 2 }],
  [{ outcome: 'interrupted', errorCode: -32603 }, 'interrupted', undefined, { code: 2 }],
  [{ outcome: 'cancelled' }, undefined, undefined, {}],
])('a call that ended as %j has its error type, status code and span status', async (change, error, code, status) => {
  const span = await spanOfCall(change);
  expect([plain(span.attributes)['error.type'], plain(span.attributes)['rpc.response.status_code']]).toEqual([
    error,
    code,
  ]);
  expect(span.status).toEqual(status);
});

test('the class of a thrown error is an exception event, without its message', async () => {
  const span = await spanOfCall({
    outcome: 'tool-error',
    errorClass: 'RangeError',
    errorMessage: 'secret-argument',
    errorFingerprint: 'abc',
  });
  expect(span.events).toEqual([
    {
      timeUnixNano: span.endTimeUnixNano,
      name: 'exception',
      attributes: [{ key: 'exception.type', value: { stringValue: 'RangeError' } }],
    },
  ]);
  expect(plain(span.attributes)['holdfast.error.fingerprint']).toBe('abc');
  expect(JSON.stringify(span)).not.toContain('secret-argument');
});

test('a span has the key of the user by the setting alone, and never its grant or arguments', async () => {
  const [without, with_] = await Promise.all(
    [false, true].map((users) => spanOfCall({ arguments: 'a-digest' }, users)),
  );
  expect(JSON.stringify(without)).not.toMatch(/"ada"|"grant"|a-digest/);
  expect(plain(with_!.attributes)['enduser.pseudo.id']).toBe('ada');
  expect(JSON.stringify(with_)).not.toMatch(/"grant"|a-digest/);
});

test('the name of a span has no tool that the server does not have', async () => {
  const span = await spanOfCall({ tool: 'invented', outcome: 'unknown-tool' });
  expect([span.name, plain(span.attributes)['gen_ai.tool.name']]).toEqual(['tools/call', 'invented']);
});

test('a call of 2026-07-28, whose protocol has no sessions, has no MCP session', async () => {
  const { attributes } = await spanOfCall({ era: 'modern' });
  expect(plain(attributes)).not.toHaveProperty(['mcp.session.id']);
});
