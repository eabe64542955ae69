import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** Smaller responses gain nothing. They include `Me`, whose CSRF token must not be compressed (BREACH). */
const LEAST_BYTES = 1400;

const compress = promisify(gzip);

/** The response, compressed when it is large enough and the client accepts gzip. */
export async function compressResponse(request: Request, response: Response): Promise<Response> {
  const accepts = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
  if (!accepts || response.headers.has('content-encoding') || response.body === null) return response;
  const body = new Uint8Array(await response.arrayBuffer());
  if (body.byteLength < LEAST_BYTES) return new Response(body, response);
  const headers = new Headers(response.headers);
  headers.set('Content-Encoding', 'gzip');
  headers.append('Vary', 'Accept-Encoding');
  return new Response(new Uint8Array(await compress(body)), { status: response.status, headers });
}
