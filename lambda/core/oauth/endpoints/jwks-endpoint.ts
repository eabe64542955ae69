import type { Facade } from '../facade.ts';

/**
 * `GET /jwks.json`: the keys that verify access tokens (RFC 7517 §5). Caches keep them for ten minutes at most, so that a
 * new key is published everywhere before it signs; during an outage for the lifetime of an access token. The authorizer
 * adds the id of the key that it needs as `kid`, which only caches distinguish.
 */
export async function jwksEndpoint({ signer }: Facade): Promise<Response> {
  const cacheControl = 'public, max-age=300, stale-while-revalidate=300, stale-if-error=3600';
  return Response.json({ keys: await signer.publicKeys() }, { headers: { 'Cache-Control': cacheControl } });
}
