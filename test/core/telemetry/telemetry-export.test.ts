import { memoryAggregateStore } from '../../../lambda/adapters/memory/memory-aggregate-store.ts';
import { memoryAuditLog } from '../../../lambda/adapters/memory/memory-audit-log.ts';
import type { ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import type { KeyValue, TelemetrySignal } from '../../../lambda/core/telemetry/otlp-messages.ts';
import { exportCalls, type TelemetryDependencies } from '../../../lambda/core/telemetry/telemetry-export.ts';
import { toolCall } from '../../support/tool-call-builder.ts';

const minutes = (count: number) => count * 60_000;
const start = Date.UTC(2026, 10, 30, 12);
const ALWAYS = () => 1;

type Span = { spanId: string; name: string };
type Point = { attributes: KeyValue[]; count: string; sum: number; bucketCounts: string[]; startTimeUnixNano: string };

/** An audit log with calls, and an endpoint that keeps its messages. */
async function exporter(calls: ToolCall[], change: Partial<TelemetryDependencies> = {}) {
  const audit = memoryAuditLog();
  for (const call of calls) await audit.recordCall(call, start);
  const sent: { signal: TelemetrySignal; message: object }[] = [];
  const logged: [string, unknown][] = [];
  const test = {
    sent,
    logged,
    now: start + minutes(6),
    spans: (): Span[] =>
      sent
        .filter(({ signal }) => signal === 'traces')
        .flatMap(({ message }) => Object(message).resourceSpans[0].scopeSpans[0].spans),
    points: (): Point[] =>
      sent
        .filter(({ signal }) => signal === 'metrics')
        .flatMap(({ message }) => Object(message).resourceMetrics[0].scopeMetrics[0].metrics[0].histogram.dataPoints),
    record: (call: ToolCall) => audit.recordCall(call, start),
    run: (remaining = ALWAYS) => exportCalls(dependencies, remaining),
  };
  const dependencies: TelemetryDependencies = {
    calls: audit,
    sessionTtlSeconds: 7 * 24 * 3600,
    progress: memoryAggregateStore(),
    endpoint: { send: async (signal, message) => void sent.push({ signal, message }) },
    signals: ['traces', 'metrics'],
    rules: { users: false },
    resource: { 'service.name': 'Notes' },
    now: () => test.now,
    log: (event, details) => void logged.push([event, details]),
    ...change,
  };
  return test;
}

const call = (id: string, change: Partial<ToolCall> = {}) => toolCall({ id, at: start + minutes(1), ...change });

test('a call is exported once, when its five minutes are over and settled', async () => {
  const test = await exporter([call('1'), call('2')]);
  test.now = start + minutes(5) + 59_999;
  await test.run();
  expect(test.sent).toEqual([]);
  test.now += 1;
  await test.run();
  expect(test.spans().length).toBe(2);
  await test.run();
  await test.record(call('3', { at: start + minutes(6) }));
  test.now = start + minutes(11);
  await test.run();
  expect(test.spans().length).toBe(3);
  expect(test.sent[0]!.message).toMatchObject({
    resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'Notes' } }] } }],
  });
});

test('calls of the day before the first run are exported, and no earlier ones', async () => {
  const old = call('old', { at: start - minutes(24 * 60) });
  const test = await exporter([old, call('1', { at: start - minutes(23 * 60) })]);
  await test.run();
  expect(test.spans().length).toBe(1);
});

test('a failed request throws, and the next run repeats its five minutes', async () => {
  let fails = true;
  const sent: TelemetrySignal[] = [];
  const test = await exporter([call('1')], {
    endpoint: {
      send: async (signal) => {
        if (fails && signal === 'metrics') throw new Error('down');
        sent.push(signal);
        return undefined;
      },
    },
  });
  await expect(test.run()).rejects.toThrow('down');
  fails = false;
  await test.run();
  expect(sent).toEqual(['traces', 'traces', 'metrics']);
});

test('a run stops where another run has exported the same five minutes', async () => {
  const progress = { countedUntil: async () => start, moveOn: async () => false };
  const test = await exporter([call('1'), call('2', { at: start + minutes(6) })], { progress });
  test.now = start + minutes(11);
  await test.run();
  expect(test.spans().length).toBe(1);
});

test('rejected data is logged and not repeated', async () => {
  let attempts = 0;
  const test = await exporter([call('1')], {
    signals: ['traces'],
    endpoint: { send: async () => `rejected ${++attempts}` },
  });
  await test.run();
  await test.run();
  expect(test.logged).toContainEqual([
    'telemetry_export_failed',
    { reason: 'rejected 1', signal: 'traces', from: '2026-11-30T12:00:00.000Z' },
  ]);
  expect(attempts).toBe(1);
});

test('calls that an outage of more than a day delays are given up, which is logged', async () => {
  const test = await exporter([]);
  await test.run();
  await test.record(call('late', { at: start + minutes(6) }));
  test.now = start + minutes(25 * 60);
  await test.run();
  expect(test.sent).toEqual([]);
  expect(test.logged).toEqual([
    [
      'telemetry_export_failed',
      { reason: 'Too old to be exported', from: '2026-11-30T12:05:00.000Z', to: '2026-11-30T13:00:00.000Z' },
    ],
  ]);
});

test('a run without time left continues in the next one', async () => {
  const test = await exporter([call('1')]);
  await test.run(() => 0);
  expect(test.sent).toEqual([]);
  await test.run();
  expect(test.spans().length).toBe(1);
});

test('1,100 calls are sent as three messages of spans', async () => {
  const test = await exporter(Array.from({ length: 1100 }, (_, index) => call(`${index}`)));
  await test.run();
  expect(test.sent.map(({ signal }) => signal)).toEqual(['traces', 'traces', 'traces', 'metrics']);
  expect(new Set(test.spans().map(({ spanId }) => spanId)).size).toBe(1100);
  expect(Math.max(...test.sent.map(({ message }) => JSON.stringify(message).length))).toBeLessThan(1_000_000);
});

test('only the chosen signals are sent', async () => {
  const test = await exporter([call('1')], { signals: ['metrics'] });
  await test.run();
  expect(test.sent.map(({ signal }) => signal)).toEqual(['metrics']);
});

describe('the metric mcp.server.operation.duration', () => {
  test('has the calls of five minutes by operation, in the buckets of the conventions, as a change', async () => {
    const test = await exporter([
      call('1', { milliseconds: 10 }),
      call('2', { milliseconds: 11 }),
      call('3', { milliseconds: 200_000, at: start + minutes(1), outcome: 'tool-error' }),
    ]);
    await test.run();
    const [message] = test.sent.filter(({ signal }) => signal === 'metrics');
    expect(Object(message!.message).resourceMetrics[0].scopeMetrics[0].metrics).toMatchObject([
      { name: 'mcp.server.operation.duration', unit: 's', histogram: { aggregationTemporality: 1 } },
    ]);
    const [success, failure] = test.points();
    expect(success).toMatchObject({
      startTimeUnixNano: `${start}000000`,
      timeUnixNano: `${start + minutes(5)}000000`,
      count: '2',
      min: 0.01,
      max: 0.011,
      explicitBounds: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
      bucketCounts: ['1', '1', ...Array.from({ length: 13 }, () => '0')],
    });
    expect(success!.sum).toBeCloseTo(0.021);
    expect(failure!.bucketCounts).toEqual([...Array.from({ length: 13 }, () => '0'), '1', '0']);
    expect(failure!.attributes).toContainEqual({ key: 'error.type', value: { stringValue: 'tool_error' } });
  });

  test('counts tools that the server does not have together', async () => {
    const test = await exporter(
      Array.from({ length: 5 }, (_, index) => call(`${index}`, { tool: `invented-${index}`, outcome: 'unknown-tool' })),
    );
    await test.run();
    expect(test.points().map(({ count }) => count)).toEqual(['5']);
    expect(JSON.stringify(test.points())).not.toContain('invented');
  });

  test('has at most 2,000 points, of which the last counts the rest', async () => {
    const test = await exporter(
      Array.from({ length: 2100 }, (_, index) => call(`${index}`, { tool: undefined, method: `invented/${index}` })),
      { signals: ['metrics'] },
    );
    await test.run();
    expect(test.points().length).toBe(2000);
    expect(test.points().at(-1)).toMatchObject({
      count: '101',
      attributes: [{ key: 'otel.metric.overflow', value: { boolValue: true } }],
    });
  });
});

test('the metric mcp.server.session.duration has each session once, a session TTL after its last call', async () => {
  const ofSession = (session: string, id: string, minute: number, change: Partial<ToolCall> = {}) =>
    call(id, { session, at: start + minutes(minute), milliseconds: 30_000, protocolVersion: '2025-11-25', ...change });
  const test = await exporter(
    [
      ofSession('ended', '1', -10),
      ofSession('ended', '2', 1),
      ofSession('continued', '3', 1),
      ofSession('continued', '4', 21),
      ofSession('modern', '5', 1, { era: 'modern' }),
    ],
    { signals: ['metrics'], sessionTtlSeconds: 3600 },
  );
  const sessions = (): Point[] =>
    test.sent
      .flatMap(({ message }) => Object(message).resourceMetrics[0].scopeMetrics[0].metrics)
      .filter(({ name }) => name === 'mcp.server.session.duration')
      .flatMap(({ histogram }) => histogram.dataPoints);
  test.now = start + minutes(60);
  await test.run();
  expect(sessions()).toEqual([]);
  test.now = start + minutes(66);
  await test.run();
  expect(sessions()).toEqual([expect.objectContaining({ count: '1', sum: 11 * 60 + 30 })]);
  expect(sessions()[0]!.attributes).toContainEqual({
    key: 'mcp.protocol.version',
    value: { stringValue: '2025-11-25' },
  });
  test.now = start + minutes(90);
  await test.run();
  expect(sessions().map(({ sum }) => sum)).toEqual([11 * 60 + 30, 20 * 60 + 30]);
});
