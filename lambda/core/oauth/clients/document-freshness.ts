/** How long a fetched document is fresh (RFC 9111 §4.2), and when a stale one may still be used. */

/** A document that was fetched and is valid. Times are epoch seconds. */
export type ValidDocument = { text: string; etag?: string; fetchedAt: number; freshUntil: number };

/** The cache entry of a URL. Errors and invalid documents are only ever cached as a failure. */
export type CachedDocument = {
  document?: ValidDocument;
  /** The URL is not fetched again before `until`. `reason` states why the document is rejected, `cause` why it is unreachable. */
  failure?: { until: number; reason?: string; cause?: string };
  /** A process is fetching it. */
  leaseUntil?: number;
};

/** The response headers that control caching. */
export type DocumentCaching = { cacheControl?: string | undefined; age?: string | undefined };

export type FetchedDocument =
  | ({ kind: 'document'; text: string; etag?: string } & DocumentCaching)
  /** 304: the cached copy is still valid. */
  | ({ kind: 'unchanged' } & DocumentCaching);

export type DocumentDecision =
  | { kind: 'use'; text: string }
  | { kind: 'reject'; reason: string }
  | { kind: 'unreachable'; cause: string }
  | { kind: 'wait' }
  | { kind: 'fetch'; previous: ValidDocument | undefined };

const LEAST_SECONDS = 60;
const MOST_SECONDS = 24 * 3600;
/** For a response without caching headers. */
const DEFAULT_SECONDS = 5 * 60;
/** How long a stale document serves while its host is unreachable, so that an outage of the host is not one of ours. */
const STALE_SECONDS = 24 * 3600;
const BACK_OFF_SECONDS = 30;

/** The freshness lifetime that the response declares, between a minute and a day. */
export function freshSeconds({ cacheControl = '', age = '0' }: DocumentCaching): number {
  const directive = (name: string) => new RegExp(`(?:^|[,\\s])${name}\\s*=\\s*"?(\\d+)`, 'i').exec(cacheControl)?.[1];
  if (/(?:^|[,\s])no-(?:store|cache)(?:$|[,\s=])/i.test(cacheControl)) return LEAST_SECONDS;
  const lifetime = directive('s-maxage') ?? directive('max-age');
  const ageSeconds = /^\d+$/.test(age) ? Number(age) : 0;
  const seconds = lifetime === undefined ? DEFAULT_SECONDS : Number(lifetime) - ageSeconds;
  return Math.min(Math.max(seconds, LEAST_SECONDS), MOST_SECONDS);
}

/** Whether a document may still be used when it cannot be fetched again. */
export const servesStale = (document: ValidDocument, now: number): boolean => document.freshUntil + STALE_SECONDS > now;

/**
 * Decides how a URL is served from its cache entry.
 *
 * @param now epoch seconds
 * @param newerThan a copy fetched before this time does not count, even if it is fresh
 */
export function decideDocument(cached: CachedDocument | undefined, now: number, newerThan = 0): DocumentDecision {
  const { document, failure, leaseUntil = 0 } = cached ?? {};
  if (document && document.freshUntil > now && document.fetchedAt >= newerThan) {
    return { kind: 'use', text: document.text };
  }
  if (failure && failure.until > now) {
    if (failure.reason !== undefined) return { kind: 'reject', reason: failure.reason };
    if (document && servesStale(document, now)) return { kind: 'use', text: document.text };
    return { kind: 'unreachable', cause: failure.cause ?? 'its host did not answer shortly before' };
  }
  return leaseUntil > now ? { kind: 'wait' } : { kind: 'fetch', previous: document };
}

/**
 * The cache entry after a fetch. A definite rejection drops the document; an unreachable host keeps it.
 *
 * @param previous the cached copy, if any
 * @param fetched a failure has either the reason of the rejection, or the cause for which the host was not reached
 */
export function afterFetch(
  previous: ValidDocument | undefined,
  fetched: FetchedDocument | { kind: 'failed'; reason: string | undefined; cause?: string | undefined },
  now: number,
): CachedDocument {
  if (fetched.kind === 'failed') {
    const until = now + BACK_OFF_SECONDS;
    if (fetched.reason !== undefined) return { failure: { until, reason: fetched.reason } };
    const { cause } = fetched;
    return { ...(previous && { document: previous }), failure: { until, ...(cause !== undefined && { cause }) } };
  }
  const { text, etag } = fetched.kind === 'document' ? fetched : previous!;
  const freshUntil = now + freshSeconds(fetched);
  return { document: { text, ...(etag !== undefined && { etag }), fetchedAt: now, freshUntil } };
}
