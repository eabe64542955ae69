import type { CacheBehavior } from '../../local/cloudfront/cache-behaviors.ts';
import { EdgeCache, type WholeResponse } from '../../local/cloudfront/edge-cache.ts';

const behavior: CacheBehavior = {
  pathPattern: '*',
  queryParameters: [],
  minimumTtlSeconds: 0,
  defaultTtlSeconds: 0,
  maximumTtlSeconds: 3600,
};

let cache: EdgeCache;
/** Epoch seconds. */
let now: number;
/** Requests at the origin. */
let requests: number;
beforeEach(() => {
  [cache, now, requests] = [new EdgeCache(), 1_000_000, 0];
});

const response = (status: number, body: string, cacheControl?: string): WholeResponse => ({
  head: { status, headers: cacheControl === undefined ? [] : [['Cache-Control', cacheControl]] },
  body: Buffer.from(body),
});

type Origin = WholeResponse | Promise<WholeResponse>;

/** The status and the body for the client, and whether they are from the cache. */
async function get(origin: Origin, { key = 'key', policy = behavior } = {}) {
  const { head, body } = await cache.respond(key, policy, now * 1000, async () => {
    requests++;
    return origin;
  });
  const header = (name: string) => head.headers.find(([each]) => each === name)?.[1];
  return [head.status, body.toString(), header('X-Cache')!.split(' ')[0], header('Age')];
}

test('a response is served until its max-age, with its age', async () => {
  await get(response(200, 'old', 'public, max-age=300'));
  now += 299;
  expect(await get(response(200, 'new'))).toEqual([200, 'old', 'Hit', '299']);
  now += 1;
  expect(await get(response(200, 'new'))).toEqual([200, 'new', 'Miss', undefined]);
  expect(requests).toBe(2);
});

test('each cache key has a response', async () => {
  await get(response(200, 'one', 'max-age=300'), { key: 'one' });
  expect(await get(response(200, 'two', 'max-age=300'), { key: 'two' })).toEqual([200, 'two', 'Miss', undefined]);
});

test.each([
  ['without Cache-Control', response(200, '')],
  ['with no-store', response(200, '', 'no-store, max-age=300')],
  ['with private', response(200, '', 'private, max-age=300')],
  ['with max-age=0', response(200, '', 'max-age=0')],
  ['with another status than 200', response(404, '', 'max-age=300')],
])('a response %s is not cached', async (_, first) => {
  await get(first);
  expect((await get(response(200, 'new')))[2]).toBe('Miss');
});

test.each([
  ['s-maxage has precedence over max-age', 'max-age=10, s-maxage=100', behavior, 100],
  ['the maximum TTL of the policy limits max-age', 'max-age=7200', behavior, 3600],
  ['the minimum TTL of the policy extends max-age', 'max-age=1', { ...behavior, minimumTtlSeconds: 60 }, 60],
  ['the default TTL applies without Cache-Control', undefined, { ...behavior, defaultTtlSeconds: 30 }, 30],
])('%s', async (_, cacheControl, policy, seconds) => {
  await get(response(200, 'old', cacheControl), { policy });
  now += seconds - 1;
  expect((await get(response(200, 'new'), { policy }))[1]).toBe('old');
  now += 1;
  expect((await get(response(200, 'new'), { policy }))[1]).toBe('new');
});

test('concurrent requests share a request to the origin', async () => {
  const { promise, resolve } = Promise.withResolvers<WholeResponse>();
  const all = Promise.all([1, 2, 3].map(() => get(promise)));
  resolve(response(503, 'busy'));
  expect((await all).map(([status]) => status)).toEqual([503, 503, 503]);
  expect(requests).toBe(1);
});

test('a stale response is served while its replacement is fetched', async () => {
  await get(response(200, 'old', 'max-age=300, stale-while-revalidate=60'));
  now += 359;
  const { promise, resolve } = Promise.withResolvers<WholeResponse>();
  expect(await get(promise)).toEqual([200, 'old', 'Hit', '359']);
  resolve(response(200, 'new', 'max-age=300'));
  await promise;
  await new Promise((turn) => setImmediate(turn));
  expect((await get(response(200, 'newer')))[1]).toBe('new');
  expect(requests).toBe(2);
});

test('a stale response replaces an error until its stale-if-error', async () => {
  await get(response(200, 'old', 'max-age=300, stale-if-error=3600'));
  now += 3899;
  expect((await get(response(503, 'outage')))[1]).toBe('old');
  expect((await get(response(404, 'gone')))[1]).toBe('gone');
  now += 1;
  expect((await get(response(503, 'outage')))[1]).toBe('outage');
});
