import { after, type Clock, every } from '../../support/clock.ts';
import { bytes } from '../../support/crypto.ts';
import { McpResponse, type ToolRequest } from '../mcp-http.ts';
import {
  HEARTBEAT,
  HEARTBEAT_MILLISECONDS,
  readMessages,
  STREAM_AFTER_MILLISECONDS,
  sseEvent,
  sseHeaders,
} from '../sse.ts';

/**
 * The response, or after ten seconds a stream that will carry it, with heartbeats. The SDK begins a stream when the server
 * sends a message, and a tool may be silent for longer than CloudFront waits.
 */
export async function streamIfLate(
  { headers }: ToolRequest,
  response: Promise<McpResponse>,
  clock: Clock,
): Promise<McpResponse> {
  if (!headers.get('accept')?.includes('text/event-stream')) return response;
  const late = Promise.withResolvers<undefined>();
  const timer = after(clock, STREAM_AFTER_MILLISECONDS, () => late.resolve(undefined));
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
