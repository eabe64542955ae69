import type { CallProgress } from '../audit/aggregate-kinds.ts';
import { startOf, steps } from '../audit/aggregates.ts';
import { type AuditLogReader, SETTLED_AFTER_MILLISECONDS } from '../audit/tool-call.ts';
import type { Logger } from '../support/logger.ts';
import { operationOf, type SpanRules, spanOf } from './call-span.ts';
import { DurationHistogram } from './duration-histogram.ts';
import {
  type Attributes,
  metricsMessage,
  type OtlpSpan,
  type TelemetrySignal,
  tracesMessage,
} from './otlp-messages.ts';
import { sessionDurations } from './session-durations.ts';

/** An OTLP endpoint. */
export interface TelemetryEndpoint {
  /**
   * Sends a message.
   * @returns why the endpoint has rejected data, which it would reject again; undefined when it has accepted all
   * @throws Error when it could not be reached or was not ready, so that a later attempt may succeed
   */
  send(signal: TelemetrySignal, message: object): Promise<string | undefined>;
}

export type TelemetryDependencies = {
  calls: Pick<AuditLogReader, 'callsEndedIn' | 'callsOf' | 'latestOf'>;
  /** The longest session TTL of any user. */
  sessionTtlSeconds: number;
  /** Until when calls are exported. */
  progress: CallProgress;
  endpoint: TelemetryEndpoint;
  signals: readonly TelemetrySignal[];
  rules: SpanRules;
  /** Attributes of the resource. */
  resource: Attributes;
  /** Epoch milliseconds. */
  now: () => number;
  log: Logger;
};

/** A span is at most 2 kB: messages stay below the limits of the known services. */
const SPANS_AT_ONCE = 500;

/** Calls are exported this late at most: services reject older data. */
const LATEST_MILLISECONDS = steps.day;

/**
 * Exports the calls of each complete period of five minutes: their spans, and then the durations of the period. The progress
 * moves on after a period, so each call is exported at least once. Metrics are sent last, because a repetition of them counts
 * twice, while the ids of spans stay the same.
 *
 * @param remainingMilliseconds time left for this run; the next run continues
 * @throws Error of the endpoint or of the store; the next run repeats the period
 */
export async function exportCalls(
  dependencies: TelemetryDependencies,
  remainingMilliseconds: () => number,
): Promise<void> {
  const { progress, now, log } = dependencies;
  const until = startOf('minutes', now() - SETTLED_AFTER_MILLISECONDS);
  const oldest = startOf('minutes', now() - LATEST_MILLISECONDS);
  let stored = await progress.countedUntil();
  if (stored !== undefined && stored < oldest) {
    log('telemetry_export_failed', { reason: 'Too old to be exported', from: timeText(stored), to: timeText(oldest) });
  }
  for (let at = Math.max(stored ?? oldest, oldest); at < until && remainingMilliseconds() > 0; at += steps.minutes) {
    const calls = await exportPeriod(dependencies, at);
    // A concurrent run has exported the same and continues.
    if (!(await progress.moveOn(stored, at + steps.minutes))) return;
    if (calls > 0) log('telemetry_exported', { from: timeText(at), calls });
    stored = at + steps.minutes;
  }
}

async function exportPeriod(dependencies: TelemetryDependencies, at: number): Promise<number> {
  const { calls, endpoint, signals, rules, resource, log } = dependencies;
  const operations = new DurationHistogram(
    'mcp.server.operation.duration',
    'Duration of an MCP request, from its arrival to the end of its response',
  );
  let spans: OtlpSpan[] = [];
  let exported = 0;
  const send = async (signal: TelemetrySignal, message: object) => {
    if (!signals.includes(signal)) return;
    const rejection = await endpoint.send(signal, message);
    if (rejection !== undefined) log('telemetry_export_failed', { reason: rejection, signal, from: timeText(at) });
  };
  for await (const call of calls.callsEndedIn(at / steps.minutes)) {
    operations.add(operationOf(call), call.milliseconds / 1000);
    exported += 1;
    if (spans.push(await spanOf(call, rules)) < SPANS_AT_ONCE) continue;
    await send('traces', tracesMessage(resource, spans));
    spans = [];
  }
  if (spans.length > 0) await send('traces', tracesMessage(resource, spans));
  const sessions = signals.includes('metrics') ? [await sessionDurations(dependencies, at)] : [];
  const metrics = [operations, ...sessions].filter(({ isEmpty }) => !isEmpty);
  if (metrics.length > 0) {
    const ofPeriod = metrics.map((each) => each.metric(at, at + steps.minutes));
    await send('metrics', metricsMessage(resource, ofPeriod));
  }
  return exported;
}

const timeText = (at: number): string => new Date(at).toISOString();
