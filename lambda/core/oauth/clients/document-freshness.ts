/** How long a fetched document counts (RFC 9111 §4.2), and what becomes of it when it cannot be fetched again. */

/** A document that was fetched and found valid. Times are epoch seconds. */
export type KnownDocument = { text: string; etag?: string; fetchedAt: number; freshUntil: number };

/** What is kept of an address. Errors and invalid documents are only ever kept as a failure. */
export type CachedDocument = {
  document?: KnownDocument;
  /** Nobody asks again before `until`. Without a reason, the host was not reached. */
  failure?: { until: number; reason?: string };
  /** Somebody is fetching it. */
  leaseUntil?: number;
};

/** What a server says about caching, as its headers have it. */
export type DocumentCaching = { cacheControl?: string; age?: string };

export type FetchedDocument =
  | ({ kind: 'document'; text: string; etag?: string } & DocumentCaching)
  /** 304: the known copy still holds. */
  | ({ kind: 'unchanged' } & DocumentCaching);

export type DocumentDecision =
  | { kind: 'use'; text: string }
  | { kind: 'refuse'; reason: string }
  | { kind: 'unreachable' }
  | { kind: 'wait' }
  | { kind: 'fetch'; known: KnownDocument | undefined };

const LEAST_SECONDS = 60;
const MOST_SECONDS = 24 * 3600;
/** For a document whose server says nothing. */
const DEFAULT_SECONDS = 5 * 60;
/** How long a document outlives its freshness while its host cannot be reached, so that one outage is not two. */
const STALE_SECONDS = 24 * 3600;
const BACK_OFF_SECONDS = 30;

/** How long a document is fresh: what its server says, within a minute and a day. */
export function freshSeconds({ cacheControl = '', age = '0' }: DocumentCaching): number {
  const said = (name: string) => new RegExp(`(?:^|[,\\s])${name}\\s*=\\s*"?(\\d+)`, 'i').exec(cacheControl)?.[1];
  if (/(?:^|[,\s])no-(?:store|cache)(?:$|[,\s=])/i.test(cacheControl)) return LEAST_SECONDS;
  const lifetime = said('s-maxage') ?? said('max-age');
  const aged = /^\d+$/.test(age) ? Number(age) : 0;
  const seconds = lifetime === undefined ? DEFAULT_SECONDS : Number(lifetime) - aged;
  return Math.min(Math.max(seconds, LEAST_SECONDS), MOST_SECONDS);
}

/** Whether a document may still be used when it cannot be fetched again. */
export const servesStale = (document: KnownDocument, now: number): boolean => document.freshUntil + STALE_SECONDS > now;

/**
 * What to do about an address.
 *
 * @param now epoch seconds
 * @param newerThan a copy fetched before that does not count, however fresh
 */
export function decideDocument(cached: CachedDocument | undefined, now: number, newerThan = 0): DocumentDecision {
  const { document, failure, leaseUntil = 0 } = cached ?? {};
  if (document && document.freshUntil > now && document.fetchedAt >= newerThan) {
    return { kind: 'use', text: document.text };
  }
  if (failure && failure.until > now) {
    if (failure.reason !== undefined) return { kind: 'refuse', reason: failure.reason };
    return document && servesStale(document, now) ? { kind: 'use', text: document.text } : { kind: 'unreachable' };
  }
  return leaseUntil > now ? { kind: 'wait' } : { kind: 'fetch', known: document };
}

/**
 * What to keep after a fetch. A definite refusal forgets the document; a host that was not reached leaves it.
 *
 * @param reason why it was refused; absent when the host was not reached
 */
export function afterFetch(
  known: KnownDocument | undefined,
  fetched: FetchedDocument | { kind: 'failed'; reason: string | undefined },
  now: number,
): CachedDocument {
  if (fetched.kind === 'failed') {
    const until = now + BACK_OFF_SECONDS;
    if (fetched.reason !== undefined) return { failure: { until, reason: fetched.reason } };
    return { ...(known && { document: known }), failure: { until } };
  }
  const { text, etag } = fetched.kind === 'document' ? fetched : known!;
  const freshUntil = now + freshSeconds(fetched);
  return { document: { text, ...(etag !== undefined && { etag }), fetchedAt: now, freshUntil } };
}
