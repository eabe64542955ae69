import { ContentionError } from './service-unavailable-error.ts';

/** Result of an attempt whose conditional write failed because another request wrote first. */
export const retry: unique symbol = Symbol('retry');

/** Each conflict means that another request has made progress, so a few attempts suffice. */
const ATTEMPTS = 5;

/**
 * Reads, decides and writes under a condition, again when another request wrote in between.
 * @param attempt reads anew each time
 * @returns `retry` when every attempt met a conflict
 */
export async function attemptUpTo<T>(
  attempts: number,
  attempt: () => Promise<T | typeof retry>,
): Promise<T | typeof retry> {
  for (let count = 0; count < attempts; count++) {
    const result = await attempt();
    if (result !== retry) return result;
  }
  return retry;
}

/**
 * The same for work that has no answer without the write.
 * @param service and `item` name in the log what was contended for, such as "The session table" and "session 8f3…"
 * @throws ContentionError when every attempt met a conflict
 */
export const retryOnConflict = <T>(
  { service, item }: { service: string; item: string },
  attempt: () => Promise<T | typeof retry>,
): Promise<T> =>
  attemptUpTo(ATTEMPTS, attempt).then((result) => {
    if (result === retry) throw new ContentionError(service, item);
    return result;
  });
