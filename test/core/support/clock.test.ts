import { epochSeconds, every, after as runAfter, timedOut, withinTime } from '../../../lambda/core/support/clock.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const never = new Promise<never>(() => undefined);

describe('sleep of the fake clock', () => {
  test('resolves when its time has passed and not before', async () => {
    const clock = fakeClock();
    let isAwake = false;
    void clock.sleep(100).then(() => {
      isAwake = true;
    });
    await clock.advance(99);
    expect(isAwake).toBe(false);
    await clock.advance(1);
    expect(isAwake).toBe(true);
    expect(clock.sleeping()).toBe(0);
  });

  test('resolves when its signal is aborted, before or during the sleep', async () => {
    const clock = fakeClock();
    await clock.sleep(100, AbortSignal.abort());
    const abort = new AbortController();
    const sleep = clock.sleep(100, abort.signal);
    expect(clock.sleeping()).toBe(1);
    abort.abort();
    await sleep;
    expect(clock.sleeping()).toBe(0);
  });

  test('ends sleeps in the order of their times and runs what they resume in between', async () => {
    const clock = fakeClock(0);
    const order: string[] = [];
    const sleepTwice = async (name: string, first: number, second: number) => {
      await clock.sleep(first);
      order.push(`${name} ${clock.now()}`);
      await clock.sleep(second);
      order.push(`${name} ${clock.now()}`);
    };
    void sleepTwice('a', 20, 20);
    void sleepTwice('b', 10, 20);
    await clock.advance(100);
    expect(order).toEqual(['b 10', 'a 20', 'b 30', 'a 40']);
    expect(clock.now()).toBe(100);
  });
});

describe('after', () => {
  test('runs its action once', async () => {
    const clock = fakeClock();
    const action = jest.fn();
    runAfter(clock, 50, action);
    await clock.advance(49);
    expect(action).not.toHaveBeenCalled();
    await clock.advance(500);
    expect(action).toHaveBeenCalledTimes(1);
  });

  test('does not run a cancelled action and leaves no timer', async () => {
    const clock = fakeClock();
    const action = jest.fn();
    runAfter(clock, 50, action).cancel();
    expect(clock.sleeping()).toBe(0);
    await clock.advance(500);
    expect(action).not.toHaveBeenCalled();
  });
});

describe('every', () => {
  test('runs its action at each interval until it is cancelled', async () => {
    const clock = fakeClock();
    const action = jest.fn();
    const timer = every(clock, 10, action);
    await clock.advance(35);
    expect(action).toHaveBeenCalledTimes(3);
    timer.cancel();
    await clock.advance(35);
    expect(action).toHaveBeenCalledTimes(3);
    expect(clock.sleeping()).toBe(0);
  });
});

describe('withinTime', () => {
  test('returns the result of a promise that is in time and leaves no timer', async () => {
    const clock = fakeClock();
    await expect(withinTime(clock, 10, Promise.resolve('result'))).resolves.toBe('result');
    expect(clock.sleeping()).toBe(0);
  });

  test('passes on a rejection and leaves no timer', async () => {
    const clock = fakeClock();
    await expect(withinTime(clock, 10, Promise.reject(new Error('rejected')))).rejects.toThrow('rejected');
    expect(clock.sleeping()).toBe(0);
  });

  test('returns timedOut when the promise takes longer', async () => {
    const clock = fakeClock();
    const result = withinTime(clock, 10, never);
    await clock.advance(10);
    await expect(result).resolves.toBe(timedOut);
  });
});

test('epochSeconds rounds the time down to whole seconds', () => {
  expect(epochSeconds(fakeClock(1_999))).toBe(1);
});
