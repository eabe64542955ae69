/** How often something may happen: once an interval in the long run, `burst` times at once. */
export type RateLimit = { intervalSeconds: number; burst: number };

/**
 * A token bucket, kept as the one number that says all of it (the generic cell rate algorithm, ITU-T I.371): when the
 * next event would be due if all so far had kept to the interval.
 *
 * @param due as it was left by the event before; absent for the first
 * @param now epoch seconds
 * @returns when the next event will be due, or nothing if this one comes too early
 */
export function admit(due: number | undefined, now: number, { intervalSeconds, burst }: RateLimit): number | undefined {
  const from = Math.max(due ?? now, now);
  return from - now > (burst - 1) * intervalSeconds ? undefined : from + intervalSeconds;
}

/** Where paces are kept, for all processes of the deployment. Throws `Outage` when the store does not answer. */
export interface RateLimitStore {
  due(name: string): Promise<number | undefined>;
  /** Moves the due time on; false when it is no longer `from`. */
  advance(name: string, from: number | undefined, to: number): Promise<boolean>;
}
