import { parseJson } from '../../support/json.ts';
import { UpstreamError } from './upstream-error.ts';

/** An HTTP response of an upstream server. */
export type UpstreamResponse = {
  status: number;
  headers: Pick<Headers, 'get'>;
  body: AsyncIterable<Uint8Array> | null;
};

export type UpstreamMessage = Record<string, unknown>;

/** Largest response, in bytes after decompression: all messages of a stream together. */
export const LARGEST_RESPONSE = 8 * 1024 * 1024;

/**
 * The messages of a response, from a JSON body or from an event stream.
 *
 * @throws UpstreamError for a response that is too large, nested too deeply, or not JSON
 */
export async function* upstreamMessages(response: UpstreamResponse): AsyncGenerator<UpstreamMessage> {
  const type = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type === 'text/event-stream') {
    for await (const data of eventData(textOf(response))) yield parseMessage(data);
    return;
  }
  let text = '';
  for await (const piece of textOf(response)) text += piece;
  yield parseMessage(text);
}

function parseMessage(text: string): UpstreamMessage {
  let message: unknown;
  try {
    message = parseJson(text);
  } catch (error) {
    throw new UpstreamError('malformed', String(error));
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new UpstreamError('malformed', 'the message is no JSON object');
  }
  return message as UpstreamMessage;
}

async function* textOf({ body }: UpstreamResponse): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let size = 0;
  for await (const piece of received(body ?? [])) {
    size += piece.byteLength;
    if (size > LARGEST_RESPONSE) throw new UpstreamError('too-large', `more than ${LARGEST_RESPONSE} bytes`);
    yield decoder.decode(piece, { stream: true });
  }
  yield decoder.decode();
}

/** @throws UpstreamError when the connection breaks */
async function* received(body: AsyncIterable<Uint8Array> | never[]): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) yield piece;
  } catch (error) {
    throw new UpstreamError('unreachable', `the response broke off: ${error}`);
  }
}

/** The `data` of each event that has some (HTML Living Standard §9.2.6). */
async function* eventData(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of pieces) {
    const events = (rest + piece).split(/\r\n\r\n|\n\n|\r\r/);
    rest = events.pop()!;
    for (const event of events) {
      const data = Array.from(event.matchAll(/^data:(?: )?(.*)$/gm), ([, line]) => line).join('\n');
      if (data.trim() !== '') yield data;
    }
  }
}
