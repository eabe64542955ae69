import type { EmulatorClock } from '../../local/emulator-clock.ts';

type Timer = { delay: number; at: number; callback: () => void };

/** A clock of the emulator that only the test advances. */
export class ManualClock implements EmulatorClock {
  #now = Date.now();
  readonly #timers = new Set<Timer>();
  #scheduled = Promise.withResolvers<void>();

  now(): number {
    return this.#now;
  }

  schedule(delay: number, callback: () => void): () => void {
    const timer = { delay, at: this.#now + delay, callback };
    this.#timers.add(timer);
    this.#scheduled.resolve();
    this.#scheduled = Promise.withResolvers();
    return () => void this.#timers.delete(timer);
  }

  /** The delays of the scheduled timers, in milliseconds. */
  get pending(): number[] {
    return Array.from(this.#timers, ({ delay }) => delay);
  }

  /** Runs the timers that are due within these milliseconds, in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.callback();
    }
    this.#now = end;
  }

  /** Waits until a timer with this delay is scheduled, and advances the clock until it is due. */
  async expire(delay: number): Promise<void> {
    for (;;) {
      const timer = [...this.#timers].find((each) => each.delay === delay);
      if (timer !== undefined) return this.advance(Math.max(0, timer.at - this.#now));
      await this.#scheduled.promise;
    }
  }

  #nextUntil(end: number): Timer | undefined {
    return [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }
}
