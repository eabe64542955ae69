import type { Clock } from '../../lambda/core/support/clock.ts';

export type FakeClock = Clock & {
  /** Moves the time; each sleep that ends by then ends at its own time, and what it resumes runs before the next. */
  advance(milliseconds: number): Promise<void>;
  /** Waits until a sleep of this length begins, and moves the time to its end. */
  expire(milliseconds: number): Promise<void>;
  /** Sleeps that have not ended. */
  sleeping(): number;
};

type Sleep = { length: number; until: number; end: () => void };

const { setImmediate } = globalThis;

/** Lets work that waits for no time run on: microtasks, and results of the thread pool such as digests. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is advanced. @param start epoch milliseconds */
export function fakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start;
  let begun = Promise.withResolvers<void>();
  const sleeps = new Set<Sleep>();

  const nextUntil = (end: number): Sleep | undefined =>
    [...sleeps].filter(({ until }) => until <= end).toSorted((a, b) => a.until - b.until)[0];

  async function advance(milliseconds: number): Promise<void> {
    const end = now + milliseconds;
    await settle();
    for (let next = nextUntil(end); next; next = nextUntil(end)) {
      now = Math.max(now, next.until);
      next.end();
      await settle();
    }
    now = end;
    await settle();
  }

  return {
    now: () => now,

    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleep: Sleep = {
          length: milliseconds,
          until: now + milliseconds,
          end: () => {
            sleeps.delete(sleep);
            signal?.removeEventListener('abort', sleep.end);
            resolve();
          },
        };
        sleeps.add(sleep);
        begun.resolve();
        begun = Promise.withResolvers();
        signal?.addEventListener('abort', sleep.end);
      }),

    advance,

    async expire(milliseconds) {
      for (;;) {
        const sleep = [...sleeps].find(({ length }) => length === milliseconds);
        if (sleep) return advance(Math.max(0, sleep.until - now));
        await begun.promise;
      }
    },

    sleeping: () => sleeps.size,
  };
}
