import { buffer } from 'node:stream/consumers';
import type { ResponseHead } from '../api-gateway/integration-response.ts';
import type { ResponseBody, SendResponse } from '../api-gateway/response-writer.ts';
import type { CacheLifetime } from './edge-policies.ts';

/** The lifetimes of a response, in seconds: `Cache-Control` of RFC 9111 §5.2.2 and RFC 5861. */
type Lifetimes = { fresh: number; staleWhileRevalidate: number; staleIfError: number };

type WholeResponse = { head: ResponseHead; body: Buffer };

type CachedResponse = WholeResponse & { storedAt: number; lifetimes: Lifetimes };

/** A GET request at the edge. */
export type EdgeRequest = {
  key: string;
  lifetime: CacheLifetime;
  /** The minimum time for which an error response with the status is cached. */
  errorTtlSeconds(status: number): number;
  /** Epoch milliseconds. */
  now: number;
  send: SendResponse;
  /** Requests the response from the API, and gives it to `respond`. Never rejected, because an error is a response. */
  forward(respond: SendResponse): Promise<void>;
  /** The same for a response that reaches the cache alone. */
  revalidate(respond: SendResponse): Promise<void>;
};

/** Error responses that CloudFront always caches, and those with `max-age` only (its developer guide, "HTTP 4xx and 5xx status codes"). */
const cachedErrors = { always: [404, 405, 414, 500, 501, 502, 503, 504], withMaxAge: [400, 403, 412, 415] };

/**
 * The cache of a CloudFront distribution, for GET. Concurrent requests for one key share a request to the API, a stale
 * response is sent while its replacement is fetched (stale-while-revalidate), and in place of an error (stale-if-error).
 * Neither lasts longer than the maximum TTL.
 *
 * Not emulated: one cache for each location, eviction, conditional requests, and the repetition of a GET without a response.
 */
export class EdgeCache {
  readonly #cached = new Map<string, CachedResponse>();
  /** Requests to the API. Each results in a response for all that wait for it, or in none. */
  readonly #fetching = new Map<string, Promise<WholeResponse | undefined>>();

  async respond(request: EdgeRequest): Promise<void> {
    const { key, now, send } = request;
    const cached = this.#cached.get(key);
    if (cached === undefined) return this.#fetch(request);
    const age = (now - cached.storedAt) / 1000;
    const { fresh, staleWhileRevalidate, staleIfError } = cached.lifetimes;
    if (age < fresh) return sendHit(send, cached, age);
    if (age < fresh + staleWhileRevalidate) {
      if (!this.#fetching.has(key)) void this.#forward({ ...request, forward: request.revalidate, send: discard });
      return sendHit(send, cached, age);
    }
    if (age >= fresh + staleIfError) return this.#fetch(request);
    return this.#fetch({
      ...request,
      send: (head, body) => (head.status >= 500 ? sendHit(send, cached, age) : send(head, body)),
    });
  }

  async #fetch(request: EdgeRequest): Promise<void> {
    const running = this.#fetching.get(request.key);
    const shared = running && (await running);
    return shared === undefined ? this.#forward(request) : sendMiss(request.send, shared.head, shared.body);
  }

  async #forward(request: EdgeRequest): Promise<void> {
    const { key, now, lifetime, send, forward } = request;
    const { promise, resolve } = Promise.withResolvers<WholeResponse | undefined>();
    // With a maximum TTL of zero, each request reaches the API.
    if (lifetime.maximumTtlSeconds > 0) this.#fetching.set(key, promise);
    try {
      await forward(async (head, body) => {
        const lifetimes = lifetimesOf(head, request);
        if (lifetimes.fresh === 0 && head.status < 500) {
          resolve(undefined);
          return sendMiss(send, head, body);
        }
        const response = { head, body: await wholeBody(body) };
        if (lifetimes.fresh > 0) this.#store(key, { ...response, storedAt: now, lifetimes });
        resolve(response);
        await sendMiss(send, head, response.body);
      });
    } finally {
      resolve(undefined);
      if (this.#fetching.get(key) === promise) this.#fetching.delete(key);
    }
  }

  /** An error does not replace a response that may still be sent in its place. */
  #store(key: string, response: CachedResponse): void {
    const previous = this.#cached.get(key);
    const isError = response.head.status >= 500;
    const age = previous === undefined ? 0 : (response.storedAt - previous.storedAt) / 1000;
    const isUsable = previous !== undefined && age < previous.lifetimes.fresh + previous.lifetimes.staleIfError;
    if (!isError || !isUsable) this.#cached.set(key, response);
  }
}

function lifetimesOf({ status, headers }: ResponseHead, { lifetime, errorTtlSeconds }: EdgeRequest): Lifetimes {
  const { minimumTtlSeconds, defaultTtlSeconds, maximumTtlSeconds } = lifetime;
  const cacheControl = headers.find(([name]) => name.toLowerCase() === 'cache-control')?.[1].toLowerCase();
  const secondsOf = (directive: string) => {
    const [, seconds] = new RegExp(`(?:^|[\\s,])${directive}=(\\d+)`).exec(cacheControl ?? '') ?? [];
    return seconds === undefined ? undefined : Number(seconds);
  };
  const isPrivate = /(^|[\s,])(no-store|no-cache|private)([\s,]|$)/.test(cacheControl ?? '');
  const maxAge = isPrivate ? 0 : (secondsOf('s-maxage') ?? secondsOf('max-age'));
  const lasting = { staleWhileRevalidate: 0, staleIfError: 0 };
  if (status >= 400) {
    const isCached = cachedErrors.always.includes(status) || (cachedErrors.withMaxAge.includes(status) && maxAge);
    return { ...lasting, fresh: isCached ? Math.max(errorTtlSeconds(status), maxAge ?? 0) : 0 };
  }
  // CloudFront caches redirects too; the API caches none.
  if (status !== 200) return { ...lasting, fresh: 0 };
  return {
    fresh: Math.max(minimumTtlSeconds, Math.min(maxAge ?? defaultTtlSeconds, maximumTtlSeconds)),
    staleWhileRevalidate: Math.min(secondsOf('stale-while-revalidate') ?? 0, maximumTtlSeconds),
    staleIfError: Math.min(secondsOf('stale-if-error') ?? 0, maximumTtlSeconds),
  };
}

const wholeBody = async (body: ResponseBody): Promise<Buffer> =>
  typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : buffer(body);

const discard: SendResponse = async () => undefined;

/** CloudFront marks its own errors. */
const sendMiss = (send: SendResponse, head: ResponseHead, body: ResponseBody) =>
  send(hasMark(head) ? head : withHeaders(head, ['X-Cache', 'Miss from cloudfront']), body);

const hasMark = ({ headers }: ResponseHead) => headers.some(([name]) => name === 'X-Cache');

const sendHit = (send: SendResponse, { head, body }: WholeResponse, age: number) =>
  send(withHeaders(head, ['X-Cache', 'Hit from cloudfront'], ['Age', String(Math.floor(age))]), body);

const withHeaders = (head: ResponseHead, ...headers: [string, string][]): ResponseHead => ({
  ...head,
  headers: [...head.headers, ...headers],
});
