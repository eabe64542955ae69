import { type Clock, every } from '../../support/clock.ts';
import { bytes } from '../../support/crypto.ts';
import type { AcceptedForms } from '../accepted-forms.ts';
import { McpResponse } from '../mcp-http.ts';
import { HEARTBEAT, HEARTBEAT_MILLISECONDS, readMessages, sseEvent, sseHeaders, untilLate } from '../sse.ts';

/**
 * The response of the SDK in a form that its client accepts. The SDK does not read `Accept`: it begins a stream when the
 * server sends a message before the response. A client that accepts no stream receives the response alone.
 *
 * @param startedAt epoch milliseconds at which the answer began, unless it begins now
 */
export async function inAcceptedForm(
  accepts: AcceptedForms,
  response: Promise<McpResponse>,
  clock: Clock,
  startedAt?: number,
): Promise<McpResponse> {
  if (!accepts.stream) return withoutStream(await response);
  const timely = await streamIfLate(response, clock, startedAt);
  const isResult = timely.ok && timely.headers.get('content-type')?.startsWith('application/json');
  if (accepts.json || !isResult) return timely;
  return new McpResponse(sseEvent((await timely.json()) as object), { headers: sseHeaders });
}

async function withoutStream(response: McpResponse): Promise<McpResponse> {
  if (response.body === null || typeof response.body === 'string') return response;
  for await (const message of readMessages(response)) if (!('method' in message)) return McpResponse.json(message);
  throw new Error('The stream of a request ended without its response');
}

/**
 * The response, or after ten seconds a stream that will carry it, with heartbeats: a tool may be silent for longer than
 * CloudFront waits.
 */
async function streamIfLate(
  response: Promise<McpResponse>,
  clock: Clock,
  startedAt: number | undefined,
): Promise<McpResponse> {
  const late = Promise.withResolvers<undefined>();
  const timer = clock.after(untilLate(clock, startedAt), () => late.resolve(undefined));
  const early = await Promise.race([response, late.promise]).finally(() => timer.cancel());
  return early ?? new McpResponse(withHeartbeats(response, clock), { headers: sseHeaders });
}

async function* withHeartbeats(response: Promise<McpResponse>, clock: Clock): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let beat = Promise.withResolvers<undefined>();
  const heartbeats = every(clock, HEARTBEAT_MILLISECONDS, () => {
    beat.resolve(undefined);
    beat = Promise.withResolvers();
  });
  try {
    for (;;) {
      yield bytes(HEARTBEAT);
      const arrived = await Promise.race([response, beat.promise]);
      if (!arrived) continue;
      for await (const message of readMessages(arrived)) yield bytes(sseEvent(message));
      return;
    }
  } finally {
    heartbeats.cancel();
  }
}
