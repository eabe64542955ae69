import type { ServerResponse } from 'node:http';
import type { ResponseHead } from './integration-response.ts';

/** Sends a whole response. */
export function sendResponse(response: ServerResponse, { status, headers }: ResponseHead, body: Buffer | string): void {
  const bytes = Buffer.from(body);
  const others = headers.filter(([name]) => name.toLowerCase() !== 'content-length');
  const length: [string, string][] = status === 204 || status === 304 ? [] : [['Content-Length', String(bytes.length)]];
  writeHead(response, { status, headers: [...others, ...length] });
  response.end(bytes);
}

/** Sends a stream, at the client's speed. */
export async function sendStream(
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
