import type { ServerResponse } from 'node:http';
import type { ResponseHead } from './integration-response.ts';

/** Whole, or as the function writes it. */
export type ResponseBody = Buffer | string | AsyncIterable<Uint8Array>;

/** Sends a response. Resolves when its body has been read. */
export type SendResponse = (head: ResponseHead, body: ResponseBody) => Promise<void>;

/** Sends responses to a client. */
export const sendTo =
  (response: ServerResponse): SendResponse =>
  async (head, body) => {
    if (typeof body === 'string' || Buffer.isBuffer(body)) sendResponse(response, head, body);
    else await sendStream(response, head, body);
  };

/** Discards a body. */
export async function readToEnd(body: ResponseBody): Promise<void> {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return;
  for await (const _ of body);
}

/** Sends a whole response. */
export function sendResponse(response: ServerResponse, { status, headers }: ResponseHead, body: Buffer | string): void {
  const bytes = Buffer.from(body);
  const others = headers.filter(([name]) => name.toLowerCase() !== 'content-length');
  const length: [string, string][] = status === 204 || status === 304 ? [] : [['Content-Length', String(bytes.length)]];
  writeHead(response, { status, headers: [...others, ...length] });
  response.end(bytes);
}

/** Sends a stream, at the client's speed. */
async function sendStream(
  response: ServerResponse,
  head: ResponseHead,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  writeHead(response, head);
  response.flushHeaders();
  for await (const chunk of chunks) await write(response, chunk);
  response.end();
}

/** Discards the chunk if the client has disconnected. */
async function write(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  if (response.destroyed || response.write(chunk)) return;
  await new Promise<void>((resolve) => {
    response.once('drain', resolve).once('close', resolve);
  });
}

/** Sends a header as often as the list contains it. */
function writeHead(response: ServerResponse, { status, headers }: ResponseHead): void {
  response.statusCode = status;
  for (const [name, value] of headers) response.appendHeader(name, value);
}
