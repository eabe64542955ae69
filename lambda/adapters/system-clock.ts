import type { Clock } from '../core/support/clock.ts';

/** The clock of the process. A sleep keeps the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),

  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (!signal) return void setTimeout(resolve, milliseconds);
      if (signal.aborted) return resolve();
      const end = () => {
        signal.removeEventListener('abort', end);
        remove(sleep);
        resolve();
      };
      const now = uptime();
      const sleep: Sleep = { until: now + milliseconds, end };
      sleeps.add(sleep);
      schedule(sleep, now);
      signal.addEventListener('abort', end);
    }),
};

/** `until` is in milliseconds of `uptime`. */
type Sleep = { until: number; end: () => void };

/**
 * The sleeps that can be cancelled. Each request starts three, and cancels them within milliseconds: one timer serves all,
 * because to set and clear a timer of Node.js for each takes a tenth of a warm call.
 */
const sleeps = new Set<Sleep>();
const LONGEST_TICK_MILLISECONDS = 1_000;
let tick: { at: number; timer: NodeJS.Timeout } | undefined;

/** Milliseconds of a clock that is never set. */
const uptime = (): number => Number(process.hrtime.bigint()) / 1e6;

function schedule({ until }: Sleep, now: number): void {
  const at = Math.min(until, now + LONGEST_TICK_MILLISECONDS);
  if (tick && tick.at <= at) return;
  clearTimeout(tick?.timer);
  tick = { at, timer: setTimeout(wake, Math.ceil(at - now)) };
}

function wake(): void {
  tick = undefined;
  const now = uptime();
  for (const sleep of [...sleeps].sort((a, b) => a.until - b.until)) {
    if (sleep.until <= now) sleep.end();
    else schedule(sleep, now);
  }
}

function remove(sleep: Sleep): void {
  sleeps.delete(sleep);
  if (sleeps.size > 0) return;
  clearTimeout(tick?.timer);
  tick = undefined;
}
