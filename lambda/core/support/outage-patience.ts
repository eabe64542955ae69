import type { Clock } from './clock.ts';
import { ServiceUnavailableError } from './service-unavailable-error.ts';

const FIRST_PAUSE_MILLISECONDS = 100;
const LONGEST_PAUSE_MILLISECONDS = 1_000;

/**
 * Repeats work while a service does not answer: for results that cannot be had again, such as a token that its issuer has
 * rotated, and for responses whose absence costs the user a sign-in.
 *
 * @param until epoch milliseconds; no attempt begins later
 * @throws ServiceUnavailableError of the last attempt
 */
export async function throughOutage<T>(
  clock: Pick<Clock, 'now' | 'sleep'>,
  until: number,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let pause = FIRST_PAUSE_MILLISECONDS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MILLISECONDS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ServiceUnavailableError) || clock.now() + pause > until) throw error;
    }
    await clock.sleep(pause);
  }
}
