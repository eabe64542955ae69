import fc from 'fast-check';
import {
  afterFetch,
  type CachedDocument,
  decideDocument,
  freshSeconds,
} from '../../../lambda/core/oauth/clients/document-freshness.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const now = 1_800_000_000;

test.each<[string | undefined, string | undefined, number]>([
  [undefined, undefined, 300],
  ['public', undefined, 300],
  ['max-age=3600', undefined, HOUR],
  ['public, MAX-AGE=600, immutable', undefined, 600],
  ['max-age="600"', undefined, 600],
  ['max-age=600, s-maxage=1200', undefined, 1200],
  ['max-age=3600', '600', 3000],
  ['max-age=3600', '7200', 60],
  ['max-age=3600', 'yesterday', HOUR],
  ['max-age=1', undefined, 60],
  ['max-age=0', undefined, 60],
  ['max-age=31536000', undefined, DAY],
  ['max-age=99999999999999999999999', undefined, DAY],
  ['no-store', undefined, 60],
  ['no-cache, max-age=3600', undefined, 60],
  ['x-max-age=5000', undefined, 300],
  ['nonsense', undefined, 300],
])('Cache-Control %j at age %j keeps a document for %i seconds', (cacheControl, age, seconds) => {
  expect(freshSeconds({ cacheControl, age })).toBe(seconds);
});

test('every header keeps a document between a minute and a day', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (cacheControl, age) => {
      const seconds = freshSeconds({ cacheControl, age });
      expect(seconds).toBeGreaterThanOrEqual(60);
      expect(seconds).toBeLessThanOrEqual(DAY);
    }),
  );
});

const document = { text: '{}', etag: '"1"', fetchedAt: now, freshUntil: now + 60 };

test.each<[string, CachedDocument | undefined, number, string]>([
  ['nothing is cached', undefined, 0, 'fetch'],
  ['the document is fresh', { document }, 59, 'use'],
  ['the document is fresh and leased', { document, leaseUntil: now + 99 }, 59, 'use'],
  ['the document is stale', { document }, 60, 'fetch'],
  ['the document is stale and leased', { document, leaseUntil: now + 61 }, 60, 'wait'],
  ['the lease has expired', { leaseUntil: now + 8 }, 8, 'fetch'],
  ['the document was rejected', { failure: { until: now + 30, reason: 'why' } }, 29, 'reject'],
  ['the back-off of a rejection is over', { failure: { until: now + 30, reason: 'why' } }, 30, 'fetch'],
  ['the host was unreachable', { failure: { until: now + 30 } }, 29, 'unreachable'],
  ['the host was unreachable and a document is cached', { document, failure: { until: now + 90 } }, 89, 'use'],
  ['the host was unreachable for a day', { document, failure: { until: now + 9 * DAY } }, 60 + DAY, 'unreachable'],
])('the decision on a URL is as expected when %s', (_what, cached, seconds, kind) => {
  expect(decideDocument(cached, now + seconds).kind).toBe(kind);
});

test('a fresh copy does not serve a request that needs a newer one', () => {
  expect(decideDocument({ document }, now + 30, now).kind).toBe('use');
  expect(decideDocument({ document }, now + 30, now + 1)).toEqual({ kind: 'fetch', previous: document });
});

test('an unchanged document is fresh again', () => {
  expect(afterFetch(document, { kind: 'unchanged', cacheControl: 'max-age=120' }, now + 60)).toEqual({
    document: { ...document, fetchedAt: now + 60, freshUntil: now + 180 },
  });
});

test('a new document replaces the old one and its entity tag', () => {
  expect(afterFetch(document, { kind: 'document', text: '{"a":1}' }, now + 60)).toEqual({
    document: { text: '{"a":1}', fetchedAt: now + 60, freshUntil: now + 360 },
  });
});

test('a rejection drops the cached document, and an unreachable host keeps it', () => {
  const later = now + 60;
  expect(afterFetch(document, { kind: 'failed', reason: 'why' }, later)).toEqual({
    failure: { until: later + 30, reason: 'why' },
  });
  expect(afterFetch(document, { kind: 'failed', reason: undefined }, later)).toEqual({
    document,
    failure: { until: later + 30 },
  });
});
