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

test('no header keeps a document for less than a minute or more than a day', () => {
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
  ['nothing is known', undefined, 0, 'fetch'],
  ['it is fresh', { document }, 59, 'use'],
  ['it is fresh though somebody fetches it', { document, leaseUntil: now + 99 }, 59, 'use'],
  ['it is no longer fresh', { document }, 60, 'fetch'],
  ['it is no longer fresh and somebody fetches it', { document, leaseUntil: now + 61 }, 60, 'wait'],
  ['whoever fetched it has died', { leaseUntil: now + 8 }, 8, 'fetch'],
  ['it has been refused', { failure: { until: now + 30, reason: 'why' } }, 29, 'reject'],
  ['it has been refused a while ago', { failure: { until: now + 30, reason: 'why' } }, 30, 'fetch'],
  ['its host was not reached', { failure: { until: now + 30 } }, 29, 'unreachable'],
  ['its host was not reached since', { document, failure: { until: now + 90 } }, 89, 'use'],
  ['its host was not reached for a day', { document, failure: { until: now + 9 * DAY } }, 60 + DAY, 'unreachable'],
])('when %s', (_what, cached, seconds, kind) => {
  expect(decideDocument(cached, now + seconds).kind).toBe(kind);
});

test('a fresh copy does not count for those who need a newer one', () => {
  expect(decideDocument({ document }, now + 30, now).kind).toBe('use');
  expect(decideDocument({ document }, now + 30, now + 1)).toEqual({ kind: 'fetch', known: document });
});

test('an unchanged document is fresh again', () => {
  expect(afterFetch(document, { kind: 'unchanged', cacheControl: 'max-age=120' }, now + 60)).toEqual({
    document: { ...document, fetchedAt: now + 60, freshUntil: now + 180 },
  });
});

test('a new document takes the place of the old one, tag and all', () => {
  expect(afterFetch(document, { kind: 'document', text: '{"a":1}' }, now + 60)).toEqual({
    document: { text: '{"a":1}', fetchedAt: now + 60, freshUntil: now + 360 },
  });
});

test('a refusal forgets the document; a host out of reach does not', () => {
  const later = now + 60;
  expect(afterFetch(document, { kind: 'failed', reason: 'why' }, later)).toEqual({
    failure: { until: later + 30, reason: 'why' },
  });
  expect(afterFetch(document, { kind: 'failed', reason: undefined }, later)).toEqual({
    document,
    failure: { until: later + 30 },
  });
});
