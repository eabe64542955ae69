import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** What is smaller gains nothing. It also keeps secrets that the page is told out of what is compressed. */
const LEAST_BYTES = 1400;

const compress = promisify(gzip);

/** The answer, compressed where that is worth it and the client can read it. */
export async function compressed(request: Request, response: Response): Promise<Response> {
  const accepts = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
  if (!accepts || response.headers.has('content-encoding') || response.body === null) return response;
  const body = new Uint8Array(await response.arrayBuffer());
  if (body.byteLength < LEAST_BYTES) return new Response(body, response);
  const headers = new Headers(response.headers);
  headers.set('Content-Encoding', 'gzip');
  headers.append('Vary', 'Accept-Encoding');
  return new Response(new Uint8Array(await compress(body)), { status: response.status, headers });
}
