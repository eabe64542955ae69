/** The time and the passing of it. Core has no other timer, so a test moves both. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after the given time, or at once when the signal is aborted: the caller then reads the signal. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** A pending action of `after` or `every`. */
export type Timer = { cancel(): void };

/** Result of `withinTime` when the time ends first. */
export const timedOut: unique symbol = Symbol('timed out');

/** Runs the action once, unless it is cancelled before. */
export function after(clock: Clock, milliseconds: number, action: () => void): Timer {
  const cancelled = new AbortController();
  void clock.sleep(milliseconds, cancelled.signal).then(() => {
    if (!cancelled.signal.aborted) action();
  });
  return { cancel: () => cancelled.abort() };
}

/** Runs the action each time the interval has passed, until it is cancelled. */
export function every(clock: Clock, milliseconds: number, action: () => void): Timer {
  const cancelled = new AbortController();
  const repeat = async () => {
    for (;;) {
      await clock.sleep(milliseconds, cancelled.signal);
      if (cancelled.signal.aborted) return;
      action();
    }
  };
  void repeat();
  return { cancel: () => cancelled.abort() };
}

/** The promise's result, or `timedOut` when it takes longer. Its work continues and may still take effect. */
export async function withinTime<T>(
  clock: Clock,
  milliseconds: number,
  promise: Promise<T>,
): Promise<T | typeof timedOut> {
  const settled = new AbortController();
  const limit = clock.sleep(milliseconds, settled.signal).then((): typeof timedOut => timedOut);
  try {
    return await Promise.race([promise, limit]);
  } finally {
    settled.abort();
  }
}

/** Epoch seconds, the unit of JWTs (RFC 7519 §2, NumericDate) and of DynamoDB's TTL. */
export const epochSeconds = (clock: Pick<Clock, 'now'> = { now: epochMilliseconds }): number =>
  Math.floor(clock.now() / 1000);

export const epochMilliseconds = (): number => Date.now();
