import type { Clock } from '../../support/clock.ts';
import { attemptUpTo, retry } from '../../support/retry-on-conflict.ts';

/** A rate limit: one event per interval in the long run, `burst` events at once. */
export type RateLimit = { intervalSeconds: number; burst: number };

/**
 * A token bucket in one number (the generic cell rate algorithm, ITU-T I.371): the time at which the next event would be
 * due if all events so far had kept to the interval.
 *
 * @param due the due time after the previous event; absent for the first
 * @param now epoch seconds
 * @returns the due time after this event, or undefined when the event exceeds the limit
 */
export function admit(due: number | undefined, now: number, { intervalSeconds, burst }: RateLimit): number | undefined {
  const from = Math.max(due ?? now, now);
  return from - now > (burst - 1) * intervalSeconds ? undefined : from + intervalSeconds;
}

/** Due times, shared by all processes. Throws `ServiceUnavailableError` when the store does not respond. */
export interface RateLimitStore {
  due(name: string): Promise<number | undefined>;
  /** Advances the due time; false when it is no longer `from`. */
  advance(name: string, from: number | undefined, to: number): Promise<boolean>;
}

const ATTEMPTS = 5;
/** The longest pause after the first conflict of a write; each later one is twice as long. */
const PAUSE_MILLISECONDS = 50;

type Dependencies = {
  rateLimits: RateLimitStore;
  clock: Pick<Clock, 'now' | 'sleep'>;
  /** From 0 to 1. */
  random: () => number;
};

/** Counts an event of this name. @returns false when it exceeds the limit, or when others count too many at this moment */
export async function isAdmitted(
  { rateLimits, clock, random }: Dependencies,
  name: string,
  limit: RateLimit,
): Promise<boolean> {
  let pause = PAUSE_MILLISECONDS;
  const isWithin = await attemptUpTo(ATTEMPTS, async () => {
    const due = await rateLimits.due(name);
    const next = admit(due, clock.now() / 1000, limit);
    if (next === undefined) return false;
    if (await rateLimits.advance(name, due, next)) return true;
    await clock.sleep(pause * random());
    pause *= 2;
    return retry;
  });
  return isWithin === true;
}
