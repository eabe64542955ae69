import type { ResponseHead } from '../api-gateway/integration-response.ts';
import type { CacheBehavior } from './cache-behaviors.ts';

export type WholeResponse = { head: ResponseHead; body: Buffer };

/** The lifetimes of a response, in seconds: `Cache-Control` of RFC 9111 §5.2.2 and RFC 5861. */
type Lifetimes = { fresh: number; staleWhileRevalidate: number; staleIfError: number };

type CachedResponse = WholeResponse & { storedAt: number; lifetimes: Lifetimes };

/**
 * The cache of a CloudFront distribution, for GET. Concurrent requests for one key share a request to the origin, a stale
 * response is sent while its replacement is fetched (stale-while-revalidate), and in place of an error (stale-if-error).
 *
 * Not emulated: one cache for each location, eviction, conditional requests.
 */
export class EdgeCache {
  readonly #cached = new Map<string, CachedResponse>();
  readonly #fetching = new Map<string, Promise<WholeResponse>>();

  /**
   * @param now epoch milliseconds
   * @param origin requests the response from the origin; never rejected, because an error is a response
   */
  async respond(
    key: string,
    behavior: CacheBehavior,
    now: number,
    origin: () => Promise<WholeResponse>,
  ): Promise<WholeResponse> {
    const cached = this.#cached.get(key);
    if (cached === undefined) return missed(await this.#fetch(key, behavior, now, origin));
    const age = (now - cached.storedAt) / 1000;
    const { fresh, staleWhileRevalidate, staleIfError } = cached.lifetimes;
    if (age < fresh) return hit(cached, age);
    const fetching = this.#fetch(key, behavior, now, origin);
    if (age < fresh + staleWhileRevalidate) return hit(cached, age);
    const response = await fetching;
    return response.head.status >= 500 && age < fresh + staleIfError ? hit(cached, age) : missed(response);
  }

  #fetch(
    key: string,
    behavior: CacheBehavior,
    now: number,
    origin: () => Promise<WholeResponse>,
  ): Promise<WholeResponse> {
    const running = this.#fetching.get(key);
    if (running !== undefined) return running;
    const fetching = this.#fetchFrom(origin, key, behavior, now).finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }

  async #fetchFrom(
    origin: () => Promise<WholeResponse>,
    key: string,
    behavior: CacheBehavior,
    now: number,
  ): Promise<WholeResponse> {
    const response = await origin();
    const lifetimes = lifetimesOf(response.head, behavior);
    // CloudFront caches other statuses too; the stack's error responses set their lifetime to zero.
    if (response.head.status === 200 && lifetimes.fresh > 0) {
      this.#cached.set(key, { ...response, storedAt: now, lifetimes });
    }
    return response;
  }
}

function lifetimesOf({ headers }: ResponseHead, behavior: CacheBehavior): Lifetimes {
  const { minimumTtlSeconds, defaultTtlSeconds, maximumTtlSeconds } = behavior;
  const cacheControl = headers.find(([name]) => name.toLowerCase() === 'cache-control')?.[1].toLowerCase();
  if (cacheControl === undefined) return { fresh: defaultTtlSeconds, staleWhileRevalidate: 0, staleIfError: 0 };
  const secondsOf = (directive: string) => {
    const [, seconds] = new RegExp(`(?:^|[\\s,])${directive}=(\\d+)`).exec(cacheControl) ?? [];
    return seconds === undefined ? undefined : Number(seconds);
  };
  const isPrivate = /(^|[\s,])(no-store|no-cache|private)([\s,]|$)/.test(cacheControl);
  const wanted = isPrivate ? 0 : (secondsOf('s-maxage') ?? secondsOf('max-age') ?? defaultTtlSeconds);
  return {
    fresh: Math.max(minimumTtlSeconds, Math.min(wanted, maximumTtlSeconds)),
    staleWhileRevalidate: secondsOf('stale-while-revalidate') ?? 0,
    staleIfError: secondsOf('stale-if-error') ?? 0,
  };
}

const missed = (response: WholeResponse) => withHeaders(response, ['X-Cache', 'Miss from cloudfront']);

const hit = (response: WholeResponse, age: number) =>
  withHeaders(response, ['X-Cache', 'Hit from cloudfront'], ['Age', String(Math.floor(age))]);

function withHeaders({ head, body }: WholeResponse, ...headers: [string, string][]): WholeResponse {
  return { head: { ...head, headers: [...head.headers, ...headers] }, body };
}
