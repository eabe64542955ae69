import type { Clock, Timer } from '../core/support/clock.ts';

/** The clock of the process. Whatever waits for it keeps the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),

  after(milliseconds, action) {
    const now = uptime();
    const wait = new Wait(now + milliseconds, action);
    waits.add(wait);
    schedule(wait, now);
    return wait;
  },

  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

class Wait implements Timer {
  /** In milliseconds of `uptime`. */
  readonly until: number;
  readonly action: () => void;

  constructor(until: number, action: () => void) {
    this.until = until;
    this.action = action;
  }

  cancel(): void {
    remove(this);
  }
}

/**
 * The actions that wait. Each request has three, and cancels them within milliseconds: one timer serves all, because to set
 * and clear a timer of Node.js for each takes a tenth of a warm call.
 */
const waits = new Set<Wait>();
const LONGEST_TICK_MILLISECONDS = 1_000;
let tick: { at: number; timer: NodeJS.Timeout } | undefined;

/** Milliseconds of a clock that is never set. */
const uptime = (): number => Number(process.hrtime.bigint()) / 1e6;

function schedule({ until }: Wait, now: number): void {
  const at = Math.min(until, now + LONGEST_TICK_MILLISECONDS);
  if (tick && tick.at <= at) return;
  clearTimeout(tick?.timer);
  tick = { at, timer: setTimeout(wake, Math.ceil(at - now)) };
}

function wake(): void {
  tick = undefined;
  const now = uptime();
  for (const wait of [...waits].sort((a, b) => a.until - b.until)) {
    if (wait.until > now) schedule(wait, now);
    // Unless an action before it has cancelled it.
    else if (waits.delete(wait)) wait.action();
  }
}

function remove(wait: Wait): void {
  waits.delete(wait);
  if (waits.size > 0) return;
  clearTimeout(tick?.timer);
  tick = undefined;
}
