import type { Clock } from '../../lambda/core/support/clock.ts';

export type FakeClock = Clock & {
  /** Moves the time; each sleep and action that is due ends in order, and the work that it resumes runs before the next. */
  advance(milliseconds: number): Promise<void>;
  /** Waits until a sleep of this length begins, and moves the time to its end. */
  expire(milliseconds: number): Promise<void>;
  /**
   * Moves the time from sleep to sleep, each time when nothing else is left to run, until the promise settles or the
   * condition returns a value other than false, undefined, null or 0.
   *
   * @param limit simulated milliseconds. @default 2 minutes
   * @throws Error when the limit passes, or no sleep is left to wait for
   */
  until<T>(awaited: Promise<T> | (() => T | Promise<T>), options?: { limit?: number }): Promise<T>;
  /** Moves the time without ending a sleep, as for a process that was suspended. Overdue sleeps end when the clock moves next. */
  skip(milliseconds: number): void;
  /** Sleeps that have not ended. */
  sleeping(): number;
};

type Sleep = { length: number; until: number; end: () => void };

const { setImmediate, setTimeout } = globalThis;

const QUIET_TURNS = 5;
/** Real time for work that the clock does not know, when no sleep is left. */
const PATIENCE_MILLISECONDS = 2_000;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Pending operations of Web Crypto. They run in the thread pool, while the event loop is idle. */
const pendingOperations = new Set<Promise<unknown>>();

const subtle = crypto.subtle as unknown as Record<string, (...parameters: unknown[]) => Promise<unknown>>;
const operations = ['decrypt', 'digest', 'encrypt', 'exportKey', 'importKey', 'sign', 'verify'];

for (const name of operations) {
  const operation = subtle[name]!;
  subtle[name] = (...parameters) => {
    const result = operation.apply(subtle, parameters);
    const settled: Promise<void> = result.then(
      () => void pendingOperations.delete(settled),
      () => void pendingOperations.delete(settled),
    );
    pendingOperations.add(settled);
    return result;
  };
}

/** Pending timers of a millisecond or less, such as those by which SDK v1 polls a task. */
const shortTimers = new Set<Promise<void>>();

globalThis.setTimeout = new Proxy(setTimeout, {
  apply(target, self, parameters: Parameters<typeof setTimeout>) {
    const timer = Reflect.apply(target, self, parameters);
    if (!(Number(parameters[1]) > 1)) {
      const due: Promise<void> = new Promise<void>((resolve) => setTimeout(resolve, 1)).then(
        () => void shortTimers.delete(due),
      );
      shortTimers.add(due);
    }
    return timer;
  },
});

// The test files of one worker share the object, whose own methods hide those of its class.
afterAll(() => {
  for (const name of operations) delete subtle[name];
  globalThis.setTimeout = setTimeout;
});

/** A clock that stands still until it is advanced. @param start epoch milliseconds */
export function fakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start;
  /** Counts sleeps that began and sleeps that ended. */
  let activity = 0;
  let begun = Promise.withResolvers<void>();
  const sleeps = new Set<Sleep>();

  const nextUntil = (end: number): Sleep | undefined =>
    [...sleeps].filter(({ until }) => until <= end).toSorted((a, b) => a.until - b.until)[0];

  const moveTo = (sleep: Sleep) => {
    now = Math.max(now, sleep.until);
    sleep.end();
  };

  /** Runs work that waits for no time, and ends each short timer once: its work may begin the next one. */
  const settle = async () => {
    await runWork();
    if (shortTimers.size === 0) return;
    await Promise.all(shortTimers);
    await runWork();
  };

  /** Runs microtasks, sleeps of 0 ms, and operations of Web Crypto. */
  const runWork = async () => {
    let seen = activity;
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await turn();
      if (seen !== activity || pendingOperations.size > 0) quiet = -1;
      seen = activity;
      await Promise.all(pendingOperations);
    }
  };

  const advance = async (milliseconds: number) => {
    const end = now + milliseconds;
    await settle();
    for (let next = nextUntil(end); next; next = nextUntil(end)) {
      moveTo(next);
      await settle();
    }
    now = Math.max(now, end);
    await settle();
  };

  /** Repeats the attempt after each sleep, until it returns a result. */
  const step = async <T>(attempt: () => Promise<{ value: T } | undefined>, limit: number): Promise<T> => {
    const end = now + limit;
    let patience = performance.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      await settle();
      const result = await attempt();
      if (result) return result.value;
      const next = nextUntil(end);
      if (next) {
        moveTo(next);
        patience = performance.now() + PATIENCE_MILLISECONDS;
      } else if (sleeps.size > 0) {
        throw new Error(`Nothing has settled after ${limit} ms of simulated time`);
      } else if (performance.now() > patience) {
        throw new Error('Nothing has settled, and no sleep is left to wait for');
      } else {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  };

  const untilSettled = async <T>(promise: Promise<T>, limit: number): Promise<T> => {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    return step(async () => (isSettled ? { value: await promise } : undefined), limit);
  };

  const after: Clock['after'] = (milliseconds, action) => {
    const remove = () => {
      if (!sleeps.delete(sleep)) return false;
      activity += 1;
      return true;
    };
    const sleep: Sleep = { length: milliseconds, until: now + milliseconds, end: () => remove() && action() };
    sleeps.add(sleep);
    activity += 1;
    begun.resolve();
    begun = Promise.withResolvers();
    if (milliseconds <= 0) setImmediate(sleep.end);
    return { cancel: remove };
  };

  return {
    now: () => now,

    after,

    sleep: (milliseconds) => new Promise((resolve) => after(milliseconds, resolve)),

    advance,

    async expire(milliseconds) {
      for (;;) {
        const sleep = [...sleeps].find(({ length }) => length === milliseconds);
        if (sleep) return advance(Math.max(0, sleep.until - now));
        await begun.promise;
      }
    },

    until: (awaited, { limit = 120_000 } = {}) =>
      typeof awaited !== 'function'
        ? untilSettled(awaited, limit)
        : step(async () => {
            const value = await untilSettled(Promise.resolve(awaited()), limit);
            return value ? { value } : undefined;
          }, limit),

    skip: (milliseconds) => {
      now += milliseconds;
    },

    sleeping: () => sleeps.size,
  };
}
