import type { Clock } from '../support/clock.ts';
import { jsonText } from './json-text.ts';
import type { McpResponse } from './mcp-http.ts';

/** Server-sent events (HTML Living Standard §9.2) as MCP uses them (2025-11-25, Streamable HTTP, resumability). */

/** A comment, which clients ignore. CloudFront and API Gateway close a stream that is silent for minutes. */
export const HEARTBEAT = ': keep-alive\n\n';
export const HEARTBEAT_MILLISECONDS = 15_000;

/** A request without output for this long is answered as a stream, which can carry heartbeats. */
export const STREAM_AFTER_MILLISECONDS = 10_000;

/** Milliseconds until an answer that began at a time becomes a stream. */
export const untilLate = (clock: Clock, startedAt = clock.now()): number =>
  Math.max(0, startedAt + STREAM_AFTER_MILLISECONDS - clock.now());

/**
 * Reconnection times (`retry`) of event streams. After an elicitation the client polls, less often the longer its user
 * takes; `dropped` applies to a stream that broke off.
 */
export const RETRY_MILLISECONDS = { least: 300, most: 5_000, dropped: 1_000 };

export const sseHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
};

/** Position of an event in its execution. A client returns it as `Last-Event-ID`. */
export type EventPosition = { execution: string; number: number };

const eventId = ({ execution, number }: EventPosition) => `${execution}.${number}`;

/** @returns undefined when this server did not issue an id of this form */
export function readEventId(id: string): EventPosition | undefined {
  const [, execution, number] = /^([A-Za-z0-9_-]{22})\.(\d{1,9})$/.exec(id) ?? [];
  return execution === undefined ? undefined : { execution, number: Number(number) };
}

export function sseEvent(message: object, position?: EventPosition & { retryMilliseconds?: number }): string {
  const retry = position?.retryMilliseconds === undefined ? '' : `retry: ${position.retryMilliseconds}\n`;
  const id = position === undefined ? '' : `id: ${eventId(position)}\n`;
  return `event: message\n${id}${retry}data: ${jsonText(message)}\n\n`;
}

/** An event without data, which gives the client a position before the first message (since 2025-11-25). */
export const primingEvent = (position: EventPosition, retryMilliseconds: number): string =>
  `id: ${eventId(position)}\nretry: ${retryMilliseconds}\ndata: \n\n`;

/** The messages of a response, from a JSON body or from an event stream. */
export async function* readMessages(response: McpResponse): AsyncGenerator<Record<string, unknown>> {
  const { body } = response;
  if (body === null || typeof body === 'string') {
    yield (await response.json()) as Record<string, unknown>;
    return;
  }
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of body) {
    const events = (text + decoder.decode(piece, { stream: true })).split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const data = /^data: (.+)$/m.exec(event)?.[1];
      if (data !== undefined) yield JSON.parse(data);
    }
  }
}
