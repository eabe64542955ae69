/** The time and the timers of the emulator. Tests pass a clock that they advance. */
export type EmulatorClock = {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls `callback` once after `milliseconds`. @returns cancels the call */
  schedule(milliseconds: number, callback: () => void): () => void;
};

/** The clock of the machine. Its timers do not keep the process running. */
export const systemClock: EmulatorClock = {
  now: () => Date.now(),
  schedule(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};
