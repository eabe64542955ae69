import { throughOutage } from '../../support/outage-patience.ts';
import type { Facade } from '../facade.ts';

/** Shorter than the authorizer waits for each of its attempts: an outage of some seconds costs it time, not a response. */
const PATIENCE_MILLISECONDS = 2_000;

/**
 * `GET /jwks.json`: the keys that verify access tokens (RFC 7517 §5). Caches keep them for ten minutes at most, so that a
 * new key is published everywhere before it signs; during an outage for the lifetime of an access token. The authorizer
 * adds the id of the key that it needs as `kid`, which only caches distinguish.
 */
export async function jwksEndpoint({ signer, clock }: Facade): Promise<Response> {
  const cacheControl = 'public, max-age=300, stale-while-revalidate=300, stale-if-error=3600';
  const keys = await throughOutage(clock, clock.now() + PATIENCE_MILLISECONDS, () => signer.publicKeys());
  return Response.json({ keys }, { headers: { 'Cache-Control': cacheControl } });
}
