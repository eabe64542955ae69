import type { Facade } from '../facade.ts';

/**
 * `GET /jwks.json`: the keys that verify access tokens (RFC 7517 §5). Caches keep them for five minutes, so that a new
 * key is published everywhere before it signs.
 */
export async function jwksEndpoint({ signer }: Facade): Promise<Response> {
  return Response.json({ keys: await signer.publicKeys() }, { headers: { 'Cache-Control': 'public, max-age=300' } });
}
