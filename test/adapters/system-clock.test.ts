import { systemClock } from '../../lambda/adapters/system-clock.ts';

test('the system clock tells the time of the process in milliseconds', () => {
  const before = Date.now();
  const now = systemClock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});

describe('the system clock', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('ends a sleep after the given time', async () => {
    const sleep = systemClock.sleep(1000);
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(1000);
    await sleep;
    expect(jest.getTimerCount()).toBe(0);
  });

  test('runs each action at its time, with one timer for all', () => {
    const ran: number[] = [];
    for (const milliseconds of [90_000, 500, 2_000]) {
      systemClock.after(milliseconds, () => ran.push(milliseconds));
    }
    expect(jest.getTimerCount()).toBe(1);
    for (const [milliseconds, expected] of [
      [499, []],
      [1, [500]],
      [1_499, [500]],
      [1, [500, 2_000]],
      [87_999, [500, 2_000]],
      [1, [500, 2_000, 90_000]],
    ] as const) {
      jest.advanceTimersByTime(milliseconds);
      expect(ran).toEqual(expected);
    }
    expect(jest.getTimerCount()).toBe(0);
  });

  test('runs no cancelled action, and keeps no timer for it', () => {
    const action = jest.fn();
    systemClock.after(1_000, action).cancel();
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(2_000);
    expect(action).not.toHaveBeenCalled();
  });

  test('runs no action that an action of the same time has cancelled', () => {
    const second = jest.fn();
    systemClock.after(500, () => timer.cancel());
    const timer = systemClock.after(500, second);
    jest.advanceTimersByTime(2_000);
    expect(second).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('cancels an action that has run without effect on others', () => {
    const later = jest.fn();
    const timer = systemClock.after(500, () => undefined);
    systemClock.after(900, later);
    jest.advanceTimersByTime(600);
    timer.cancel();
    jest.advanceTimersByTime(300);
    expect(later).toHaveBeenCalledTimes(1);
  });
});
