import fc from 'fast-check';
import { admit, type RateLimit } from '../../../lambda/core/oauth/clients/rate-limit.ts';

/** The times at which events are let in. */
function letIn(times: number[], pace: RateLimit): number[] {
  let due: number | undefined;
  return times.filter((now) => {
    const next = admit(due, now, pace);
    if (next === undefined) return false;
    due = next;
    return true;
  });
}

test('a burst is let in, and then one an interval', () => {
  const pace = { intervalSeconds: 0.25, burst: 3 };
  expect(letIn([0, 0, 0, 0, 0], pace)).toHaveLength(3);
  expect(letIn([0, 0, 0, 0.25, 0.25, 0.5], pace)).toEqual([0, 0, 0, 0.25, 0.5]);
});

test('without a burst, two are an interval apart', () => {
  expect(letIn([10, 10, 11, 12, 13, 14], { intervalSeconds: 2, burst: 1 })).toEqual([10, 12, 14]);
});

const paces = fc.record({ intervalSeconds: fc.constantFrom(0.25, 0.5, 1, 2), burst: fc.integer({ min: 1, max: 40 }) });
const arrivals = fc
  .array(fc.integer({ min: 0, max: 300 }), { maxLength: 200 })
  .map((times) => times.sort((a, b) => a - b));

test('in no stretch of time are more let in than the pace allows', () => {
  fc.assert(
    fc.property(paces, arrivals, (pace, times) => {
      const admitted = letIn(times, pace);
      for (const [first, from] of admitted.entries()) {
        for (const [offset, to] of admitted.slice(first).entries()) {
          expect(offset + 1).toBeLessThanOrEqual(pace.burst + (to - from) / pace.intervalSeconds);
        }
      }
    }),
  );
});

test('whoever waits for long enough is let in, however many came before', () => {
  fc.assert(
    fc.property(paces, arrivals, (pace, times) => {
      const due = times.reduce<number | undefined>((was, now) => admit(was, now, pace) ?? was, undefined);
      const last = times.at(-1) ?? 0;
      expect(admit(due, last + pace.intervalSeconds, pace)).toBeDefined();
    }),
  );
});
