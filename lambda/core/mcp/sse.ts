import { jsonText } from './json-text.ts';
import type { McpResponse } from './mcp-http.ts';

/** Server-sent events (HTML Living Standard §9.2) as MCP uses them (2025-11-25, Streamable HTTP, resumability). */

/** A comment, which clients drop. CloudFront and API Gateway end a stream that is silent for some minutes. */
export const HEARTBEAT = ': keep-alive\n\n';
export const HEARTBEAT_MILLISECONDS = 15_000;

/** A call that has said nothing for so long is answered as a stream, so that it has heartbeats. */
export const STREAM_AFTER_MILLISECONDS = 10_000;

/**
 * How soon a client asks again for what follows a question (the longer its user has thought, the less often), and for the
 * rest of a stream that broke off.
 */
export const RETRY_MILLISECONDS = { least: 300, most: 5_000, dropped: 1_000 };

export const sseHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
};

/** Where an event stands: the id that a client gives back as `Last-Event-ID`. */
export type EventPosition = { run: string; number: number };

const eventId = ({ run, number }: EventPosition) => `${run}.${number}`;

export function readEventId(id: string): EventPosition | undefined {
  const [, run, number] = /^([A-Za-z0-9_-]{22})\.(\d{1,9})$/.exec(id) ?? [];
  return run === undefined ? undefined : { run, number: Number(number) };
}

export function sseEvent(message: object, position?: EventPosition & { retryMilliseconds?: number }): string {
  const retry = position?.retryMilliseconds === undefined ? '' : `retry: ${position.retryMilliseconds}\n`;
  const id = position === undefined ? '' : `id: ${eventId(position)}\n`;
  return `event: message\n${id}${retry}data: ${jsonText(message)}\n\n`;
}

/** The messages of an answer, whichever of its two forms it has. */
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

/** An event without data, which tells the client where the stream stands before it says anything. */
export const primingEvent = (run: string, number: number, retryMilliseconds?: number): string =>
  `id: ${eventId({ run, number })}\n${retryMilliseconds === undefined ? '' : `retry: ${retryMilliseconds}\n`}data: \n\n`;
