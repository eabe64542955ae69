import { type Clock, epochSeconds } from './clock.ts';
import { randomId } from './crypto.ts';
import { retry } from './retry-on-conflict.ts';

/**
 * Work that one process does for all that ask at the same time: it takes a lease in the store, works and stores the
 * result; the others poll the store for it. A lease expires, so that the death of a process delays the others only shortly.
 */
export type SingleFlight = {
  clock: Pick<Clock, 'now' | 'sleep'>;
  /** From 0 to 1, so that waiting processes do not poll in step. */
  random: () => number;
  patienceSeconds: number;
  pollMilliseconds: number;
};

/** Longer than the work takes: a process that holds a lease for longer has died. */
export const LEASE_SECONDS = 12;

/**
 * @param attempt reads the store; returns the result if it is there, or takes the lease and works; `retry` while another
 * process has the lease. `owner` identifies this process in the lease
 * @returns `retry` when there was no result within the time
 */
export async function runSingleFlight<T>(
  { clock, random, patienceSeconds, pollMilliseconds }: SingleFlight,
  attempt: (owner: string) => Promise<T | typeof retry>,
): Promise<T | typeof retry> {
  const owner = randomId();
  const until = epochSeconds(clock) + patienceSeconds;
  while (epochSeconds(clock) < until) {
    const result = await attempt(owner);
    if (result !== retry) return result;
    await clock.sleep(pollMilliseconds * (1 + random()));
  }
  return retry;
}
