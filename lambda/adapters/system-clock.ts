import type { Clock } from '../core/support/clock.ts';

/** The clock of the process. A sleep keeps the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),

  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal?.addEventListener('abort', end);
    }),
};
