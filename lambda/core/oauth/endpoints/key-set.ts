import type { Clock } from '../../support/clock.ts';
import { throughOutage } from '../../support/outage-patience.ts';
import type { Signer } from '../tokens/facade-tokens.ts';

/** A JSON document that anyone may read, and how long caches keep it. */
export type PublicDocument = { content: object; cacheControl: string };

/** Shorter than the authorizer waits for each of its attempts: an outage of some seconds costs it time, not a response. */
const PATIENCE_MILLISECONDS = 2_000;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * `GET /jwks.json`: the keys that verify access tokens (RFC 7517 §5). Caches keep them for ten minutes at most, so that a
 * new key is published everywhere before it signs; during an outage for the lifetime of an access token.
 *
 * @param wanted the id of a key. The authorizer adds the id of the key that it needs as `kid`. A response that has this key
 * never lacks the needed one, so CloudFront may answer with it for a week while it fetches the next one: an authorizer that
 * starts after a weekend without requests waits for no cold function. A withdrawn key is in one more response at most.
 */
export async function keySet(
  { signer, clock }: { signer: Pick<Signer, 'publicKeys'>; clock: Clock },
  wanted: string | undefined,
): Promise<PublicDocument> {
  const keys = await throughOutage(clock, clock.now() + PATIENCE_MILLISECONDS, () => signer.publicKeys());
  const stale = keys.some(({ kid }) => kid === wanted)
    ? { whileRevalidate: 7 * DAY, ifError: DAY }
    : { whileRevalidate: 5 * MINUTE, ifError: HOUR };
  const cacheControl = [
    'public',
    `max-age=${5 * MINUTE}`,
    `stale-while-revalidate=${stale.whileRevalidate}`,
    `stale-if-error=${stale.ifError}`,
  ];
  return { content: { keys }, cacheControl: cacheControl.join(', ') };
}
