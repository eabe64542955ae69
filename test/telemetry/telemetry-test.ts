import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { memoryAggregateStore } from '../../lambda/adapters/memory/memory-aggregate-store.ts';
import { memoryAuditLog } from '../../lambda/adapters/memory/memory-audit-log.ts';
import { otlpEndpoint } from '../../lambda/adapters/otlp-endpoint.ts';
import { callOutcomes, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import { exportCalls } from '../../lambda/core/telemetry/telemetry-export.ts';

/**
 * Exports calls of every outcome to an endpoint with the decoder of the OpenTelemetry Collector, which has to accept each
 * message and to understand each of its members.
 *
 * `npm run test:telemetry`. It needs Go 1.25 or later.
 */

if (spawnSync('go', ['version']).status !== 0) {
  console.log('Not run: it needs Go 1.25 or later. Install it from https://go.dev/dl');
  process.exit(1);
}

const folder = join(import.meta.dirname, '../../node_modules/.cache/otlp-receiver');
cpSync(join(import.meta.dirname, 'receiver'), folder, { recursive: true });
const built = spawnSync('go', ['build', '-mod=mod', '-o', 'receiver', '.'], { cwd: folder, encoding: 'utf8' });
if (built.status !== 0) throw new Error(`go build failed:\n${built.stderr}`);

const receiver = spawn(join(folder, 'receiver'), { stdio: ['ignore', 'pipe', 'inherit'] });
const lines = createInterface(receiver.stdout)[Symbol.asyncIterator]();
async function nextLine(): Promise<string> {
  const { value, done } = await lines.next();
  if (done) throw new Error('The receiver has ended');
  return value;
}

const now = Date.UTC(2026, 10, 30, 12);

const base = {
  at: now - 10 * 60_000,
  user: 'user-key',
  client: 'dcr_1',
  registeredName: 'Notes "für" 名',
  clientName: 'Claude Code',
  clientVersion: '2.1',
  grant: 'grant',
  session: 'session',
  era: 'legacy',
  protocolVersion: '2025-11-25',
  method: 'tools/call',
  tool: 'note',
  messageId: 'request-7',
  milliseconds: 1234,
  bytesIn: 99,
  bytesOut: 12_345,
} as const satisfies Partial<ToolCall>;

const calls: ToolCall[] = [
  ...callOutcomes.map((outcome) => ({ ...base, id: outcome, outcome })),
  {
    ...base,
    id: 'traced',
    outcome: 'success',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    parentSpanId: 'b7ad6b7169203331',
  },
  { ...base, id: 'code', outcome: 'protocol-error', errorCode: -32602, message: 'Invalid params' },
  { ...base, id: 'thrown', outcome: 'tool-error', errorClass: 'RangeError', errorFingerprint: 'abc' },
  { ...base, id: 'long', outcome: 'success', milliseconds: 900_000, at: now - 21 * 60_000 },
];

/** Members without a value are equal to absent ones (proto3). */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, each]) => [name, withoutEmpty(each)] as const);
  const isEmpty = (each: unknown) => each === '' || (typeof each === 'object' && Object.keys(each!).length === 0);
  return Object.fromEntries(members.filter(([, each]) => !isEmpty(each)));
}

try {
  const endpoint = otlpEndpoint(await nextLine(), async (_url, headers) => headers);
  const audit = memoryAuditLog();
  for (const call of calls) await audit.recordCall(call, now / 1000);
  const failures: unknown[] = [];
  await exportCalls(
    {
      calls: audit,
      sessionTtlSeconds: 24 * 3600,
      progress: memoryAggregateStore(),
      endpoint,
      signals: ['traces', 'metrics'],
      rules: { users: true },
      resource: { 'service.name': 'Notes', 'cloud.provider': 'aws', 'cloud.region': 'eu-west-1' },
      now: () => now,
      log: (event, details) => {
        if (event === 'telemetry_export_failed') failures.push(details);
      },
    },
    () => 1,
  );
  deepStrictEqual(failures, []);
  let spans = 0;
  let counted = 0;
  while (counted < calls.length) {
    const { signal, sent, understood } = JSON.parse(await nextLine());
    deepStrictEqual(withoutEmpty(understood), withoutEmpty(sent), `The Collector understands other ${signal}`);
    for (const { scopeSpans } of understood.resourceSpans ?? []) spans += scopeSpans[0].spans.length;
    for (const { scopeMetrics } of understood.resourceMetrics ?? []) {
      for (const { count } of scopeMetrics[0].metrics[0].histogram.dataPoints) counted += Number(count);
    }
  }
  strictEqual(spans, calls.length);
  const rejection = await endpoint.send('traces', {
    resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'short' }] }] }],
  });
  strictEqual(
    /responded with 400/.test(String(rejection)),
    true,
    `A message with an invalid id is not rejected: ${rejection}`,
  );
  console.log(`The Collector understands ${spans} spans, and the durations of ${counted} calls`);
} finally {
  receiver.kill();
}
