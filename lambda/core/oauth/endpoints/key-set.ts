import type { PublicKey } from '../../../shared/jwk-members.ts';

/** A JSON document that anyone may read, and how long caches keep it. */
export type PublicDocument = { content: object; cacheControl: string };

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/**
 * `GET /jwks.json`: the keys that verify access tokens (RFC 7517 §5). Caches keep them for ten minutes at most, so that a
 * new key is published everywhere before it signs; during an outage for the lifetime of an access token.
 */
export const keySet = ({ publicKeys }: { publicKeys: readonly PublicKey[] }): PublicDocument => ({
  content: { keys: publicKeys },
  cacheControl: [
    'public',
    `max-age=${5 * MINUTE}`,
    `stale-while-revalidate=${5 * MINUTE}`,
    `stale-if-error=${HOUR}`,
  ].join(', '),
});
