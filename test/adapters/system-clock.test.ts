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

  test('starts no timer for a signal that is already aborted', async () => {
    await systemClock.sleep(1000, AbortSignal.abort());
    expect(jest.getTimerCount()).toBe(0);
  });
});
