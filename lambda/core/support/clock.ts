/** The time and the passing of it. Core has no other timer, so a test moves both. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Runs the action once after the given time, unless it is cancelled before. */
  after(milliseconds: number, action: () => void): Timer;
  /** Resolves after the given time. */
  sleep(milliseconds: number): Promise<void>;
}

/** A pending action. */
export type Timer = { cancel(): void };

/** Result of `withinTime` when the time ends first. */
export const timedOut: unique symbol = Symbol('timed out');

/** Runs the action each time the interval has passed, until it is cancelled. */
export function every(clock: Pick<Clock, 'after'>, milliseconds: number, action: () => void): Timer {
  const repeat = () => {
    timer = clock.after(milliseconds, repeat);
    action();
  };
  let timer = clock.after(milliseconds, repeat);
  return { cancel: () => timer.cancel() };
}

/** The promise's result, or `timedOut` when it takes longer. Its work continues and may still take effect. */
export const withinTime = <T>(
  clock: Pick<Clock, 'after'>,
  milliseconds: number,
  promise: Promise<T>,
): Promise<T | typeof timedOut> =>
  new Promise((resolve, reject) => {
    const timer = clock.after(milliseconds, () => resolve(timedOut));
    promise.then(
      (result) => {
        timer.cancel();
        resolve(result);
      },
      (error) => {
        timer.cancel();
        reject(error);
      },
    );
  });

/** Epoch seconds, the unit of JWTs (RFC 7519 §2, NumericDate) and of DynamoDB's TTL. */
export const epochSeconds = (clock: Pick<Clock, 'now'>): number => Math.floor(clock.now() / 1000);
