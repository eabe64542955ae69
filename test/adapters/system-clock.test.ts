import { systemClock } from '../../lambda/adapters/system-clock.ts';

test('the system clock tells the time of the process in milliseconds', () => {
  const before = Date.now();
  const now = systemClock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});

describe('sleep of the system clock', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('resolves after the given time', async () => {
    const sleep = systemClock.sleep(1000);
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(1000);
    await sleep;
    expect(jest.getTimerCount()).toBe(0);
  });

  test('resolves at once and clears its timer when the signal is aborted', async () => {
    const abort = new AbortController();
    const sleep = systemClock.sleep(1000, abort.signal);
    abort.abort();
    await sleep;
    expect(jest.getTimerCount()).toBe(0);
  });

  test('serves all sleeps that can be cancelled by one timer, and ends each at its time', async () => {
    const ended: number[] = [];
    const abort = new AbortController();
    for (const milliseconds of [90_000, 500, 2_000]) {
      void systemClock.sleep(milliseconds, new AbortController().signal).then(() => ended.push(milliseconds));
    }
    void systemClock.sleep(1_000, abort.signal).then(() => ended.push(1_000));
    expect(jest.getTimerCount()).toBe(1);
    abort.abort();
    for (const [milliseconds, expected] of [
      [499, [1_000]],
      [1, [1_000, 500]],
      [1_499, [1_000, 500]],
      [1, [1_000, 500, 2_000]],
      [87_999, [1_000, 500, 2_000]],
      [1, [1_000, 500, 2_000, 90_000]],
    ] as const) {
      await jest.advanceTimersByTimeAsync(milliseconds);
      expect(ended).toEqual(expected);
    }
    expect(jest.getTimerCount()).toBe(0);
  });

  test('starts no timer for a signal that is already aborted', async () => {
    await systemClock.sleep(1000, AbortSignal.abort());
    expect(jest.getTimerCount()).toBe(0);
  });
});
