import fc from 'fast-check';
import { admit, type RateLimit } from '../../../lambda/core/oauth/clients/rate-limit.ts';

/** The times of the events that the limit admits. */
function admittedTimes(times: number[], limit: RateLimit): number[] {
  let due: number | undefined;
  return times.filter((now) => {
    const next = admit(due, now, limit);
    if (next === undefined) return false;
    due = next;
    return true;
  });
}

test('a rate limit admits a burst, and then one event per interval', () => {
  const limit = { intervalSeconds: 0.25, burst: 3 };
  expect(admittedTimes([0, 0, 0, 0, 0], limit)).toHaveLength(3);
  expect(admittedTimes([0, 0, 0, 0.25, 0.25, 0.5], limit)).toEqual([0, 0, 0, 0.25, 0.5]);
});

test('a rate limit without burst keeps events an interval apart', () => {
  expect(admittedTimes([10, 10, 11, 12, 13, 14], { intervalSeconds: 2, burst: 1 })).toEqual([10, 12, 14]);
});

const limits = fc.record({ intervalSeconds: fc.constantFrom(0.25, 0.5, 1, 2), burst: fc.integer({ min: 1, max: 40 }) });
const arrivals = fc
  .array(fc.integer({ min: 0, max: 300 }), { maxLength: 200 })
  .map((times) => times.sort((a, b) => a - b));

test('a rate limit admits no more in any period than burst and interval allow', () => {
  fc.assert(
    fc.property(limits, arrivals, (limit, times) => {
      const admitted = admittedTimes(times, limit);
      for (const [first, from] of admitted.entries()) {
        for (const [offset, to] of admitted.slice(first).entries()) {
          expect(offset + 1).toBeLessThanOrEqual(limit.burst + (to - from) / limit.intervalSeconds);
        }
      }
    }),
  );
});

test('a rate limit admits an event one interval after the last, however many came before', () => {
  fc.assert(
    fc.property(limits, arrivals, (limit, times) => {
      const due = times.reduce<number | undefined>(
        (previous, now) => admit(previous, now, limit) ?? previous,
        undefined,
      );
      const last = times.at(-1) ?? 0;
      expect(admit(due, last + limit.intervalSeconds, limit)).toBeDefined();
    }),
  );
});
