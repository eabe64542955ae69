import type { SendResponse } from '../../local/api-gateway/response-writer.ts';
import { EdgeCache } from '../../local/cloudfront/edge-cache.ts';
import type { CacheLifetime } from '../../local/cloudfront/edge-policies.ts';

const hour: CacheLifetime = { minimumTtlSeconds: 0, defaultTtlSeconds: 0, maximumTtlSeconds: 3600 };

let cache: EdgeCache;
/** Epoch seconds. */
let now: number;
/** Requests at the origin. */
let requests: number;
beforeEach(() => {
  [cache, now, requests] = [new EdgeCache(), 1_000_000, 0];
});

type Answer = { status: number; headers: [string, string][]; body: string };

const response = (status: number, body: string, cacheControl?: string): Answer => ({
  status,
  headers: cacheControl === undefined ? [] : [['Cache-Control', cacheControl]],
  body,
});

type Origin = Answer | Promise<Answer>;

/** The status and the body for the client, and whether they are from the cache. */
async function get(origin: Origin, { key = 'key', lifetime = hour, errorTtl = 0 } = {}) {
  let sent: Answer | undefined;
  const forward = async (respond: SendResponse) => {
    requests++;
    const { body, ...head } = await origin;
    await respond(head, body);
  };
  await cache.respond({
    ...{ key, lifetime, forward, revalidate: forward, now: now * 1000, errorTtlSeconds: () => errorTtl },
    send: async (head, body) => {
      sent = { ...head, body: String(body) };
    },
  });
  const header = (name: string) => sent!.headers.find(([each]) => each === name)?.[1];
  return [sent!.status, sent!.body, header('X-Cache')!.split(' ')[0], header('Age')];
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
  ['with a redirect', response(302, '', 'max-age=300')],
  ['with an error without an error TTL', response(404, '')],
])('a response %s is not cached', async (_, first) => {
  await get(first);
  expect((await get(response(200, 'new')))[2]).toBe('Miss');
});

test.each([
  ['s-maxage has precedence over max-age', 'max-age=10, s-maxage=100', hour, 100],
  ['the maximum TTL of the policy limits max-age', 'max-age=7200', hour, 3600],
  ['the minimum TTL of the policy extends max-age', 'max-age=1', { ...hour, minimumTtlSeconds: 60 }, 60],
  ['the default TTL applies without Cache-Control', undefined, { ...hour, defaultTtlSeconds: 30 }, 30],
])('%s', async (_, cacheControl, lifetime, seconds) => {
  await get(response(200, 'old', cacheControl), { lifetime });
  now += seconds - 1;
  expect((await get(response(200, 'new'), { lifetime }))[1]).toBe('old');
  now += 1;
  expect((await get(response(200, 'new'), { lifetime }))[1]).toBe('new');
});

test('concurrent requests share a request to the origin', async () => {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const all = Promise.all([1, 2, 3].map(() => get(promise)));
  resolve(response(503, 'busy'));
  expect((await all).map(([status]) => status)).toEqual([503, 503, 503]);
  expect(requests).toBe(1);
});

test('a stale response is served while its replacement is fetched', async () => {
  await get(response(200, 'old', 'max-age=300, stale-while-revalidate=60'));
  now += 359;
  const { promise, resolve } = Promise.withResolvers<Answer>();
  expect(await get(promise)).toEqual([200, 'old', 'Hit', '359']);
  resolve(response(200, 'new', 'max-age=300'));
  await promise;
  await new Promise((turn) => setImmediate(turn));
  expect((await get(response(200, 'newer')))[1]).toBe('new');
  expect(requests).toBe(2);
});

test('concurrent requests each receive a response that is not cached', async () => {
  const all = Promise.all(['one', 'two', 'three'].map((body) => get(Promise.resolve(response(200, body, 'private')))));
  expect((await all).map(([, body]) => body)).toEqual(['one', 'two', 'three']);
});

test('requests share nothing with a maximum TTL of zero', async () => {
  const lifetime = { ...hour, maximumTtlSeconds: 0 };
  const all = Promise.all(['one', 'two'].map((body) => get(Promise.resolve(response(503, body)), { lifetime })));
  expect((await all).map(([, body]) => body)).toEqual(['one', 'two']);
});

test.each([404, 405, 500, 503])('an error with the status %d is served for its error TTL', async (status) => {
  const options = { lifetime: { ...hour, maximumTtlSeconds: 0 }, errorTtl: 10 };
  await get(response(status, 'old', 'no-store'), options);
  now += 9;
  expect(await get(response(200, 'new'), options)).toEqual([status, 'old', 'Hit', '9']);
  now += 1;
  expect((await get(response(200, 'new'), options))[1]).toBe('new');
});

test('an error is served for its max-age when that is longer than its error TTL', async () => {
  await get(response(404, 'old', 'max-age=300'), { errorTtl: 10 });
  now += 299;
  expect((await get(response(200, 'new')))[1]).toBe('old');
});

test.each([401, 429])('an error with the status %d is not cached', async (status) => {
  await get(response(status, 'old', 'max-age=300'), { errorTtl: 10 });
  expect((await get(response(200, 'new')))[1]).toBe('new');
});

test('a refusal with the status 403 is cached with a max-age alone', async () => {
  await get(response(403, 'old'), { errorTtl: 10 });
  expect((await get(response(403, 'older', 'max-age=60'), { errorTtl: 10 }))[1]).toBe('older');
  now += 59;
  expect((await get(response(200, 'new')))[1]).toBe('older');
});

test('the maximum TTL limits the time of a stale response', async () => {
  const lifetime = { ...hour, maximumTtlSeconds: 60 };
  await get(response(200, 'old', 'max-age=60, stale-while-revalidate=600, stale-if-error=600'), { lifetime });
  now += 119;
  expect((await get(response(503, 'outage'), { lifetime }))[1]).toBe('old');
  now += 1;
  expect((await get(response(503, 'outage'), { lifetime }))[1]).toBe('outage');
});

test('a stale response replaces errors after one that is cached', async () => {
  const errorTtl = 10;
  await get(response(200, 'old', 'max-age=300, stale-if-error=3600'));
  now += 301;
  for (let i = 0; i < 2; i++) expect((await get(response(503, 'outage'), { errorTtl }))[1]).toBe('old');
});

test('a stale response replaces an error until its stale-if-error', async () => {
  await get(response(200, 'old', 'max-age=300, stale-if-error=3600'));
  now += 3899;
  expect((await get(response(503, 'outage')))[1]).toBe('old');
  expect((await get(response(404, 'gone')))[1]).toBe('gone');
  now += 1;
  expect((await get(response(503, 'outage')))[1]).toBe('outage');
});
