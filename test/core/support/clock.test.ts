import { epochSeconds, every, timedOut, withinTime } from '../../../lambda/core/support/clock.ts';
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

describe('a sleep of 0 ms of the fake clock', () => {
  test('ends without an advance, after the microtasks', async () => {
    const clock = fakeClock(0);
    const order: string[] = [];
    const sleep = clock.sleep(0).then(() => order.push('sleep'));
    void Promise.resolve().then(() => order.push('microtask'));
    await sleep;
    expect(order).toEqual(['microtask', 'sleep']);
    expect([clock.now(), clock.sleeping()]).toEqual([0, 0]);
  });
});

describe('until of the fake clock', () => {
  test('moves the time from sleep to sleep until the promise settles, and no further', async () => {
    const clock = fakeClock(0);
    const times: number[] = [];
    const work = async () => {
      for (let count = 0; count < 3; count++) {
        await clock.sleep(100);
        times.push(clock.now());
      }
      return 'done';
    };
    void clock.sleep(1_000);
    await expect(clock.until(work())).resolves.toBe('done');
    expect(times).toEqual([100, 200, 300]);
    expect([clock.now(), clock.sleeping()]).toEqual([300, 1]);
  });

  test('passes on a rejection', async () => {
    const clock = fakeClock();
    const failing = clock.sleep(100).then(() => Promise.reject(new Error('rejected')));
    await expect(clock.until(failing)).rejects.toThrow('rejected');
  });

  test('waits for a condition and returns its value', async () => {
    const clock = fakeClock(0);
    void clock.sleep(20);
    void clock.sleep(40);
    await expect(clock.until(() => clock.now())).resolves.toBe(20);
  });

  test('waits for work of the thread pool before it moves the time', async () => {
    const clock = fakeClock(0);
    void clock.sleep(1_000);
    await clock.until(crypto.subtle.digest('SHA-256', new Uint8Array(1024)));
    expect(clock.now()).toBe(0);
  });

  test('throws after its limit of simulated time', async () => {
    const clock = fakeClock(0);
    every(clock, 100, () => undefined);
    await expect(clock.until(never, { limit: 1_000 })).rejects.toThrow('1000 ms of simulated time');
    expect(clock.now()).toBe(1_000);
  });
});

test('skip of the fake clock moves the time without ending a sleep, which ends when the clock moves next', async () => {
  const clock = fakeClock(0);
  let isAwake = false;
  void clock.sleep(100).then(() => {
    isAwake = true;
  });
  clock.skip(500);
  await Promise.resolve();
  expect([clock.now(), isAwake]).toEqual([500, false]);
  await clock.advance(0);
  expect([clock.now(), isAwake]).toEqual([500, true]);
});

describe('after of the fake clock', () => {
  test('runs its action once', async () => {
    const clock = fakeClock();
    const action = jest.fn();
    clock.after(50, action);
    await clock.advance(49);
    expect(action).not.toHaveBeenCalled();
    await clock.advance(500);
    expect(action).toHaveBeenCalledTimes(1);
  });

  test('does not run a cancelled action and leaves no timer', async () => {
    const clock = fakeClock();
    const action = jest.fn();
    clock.after(50, action).cancel();
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

  test('is cancelled by its own action', async () => {
    const clock = fakeClock();
    const action = jest.fn(() => timer.cancel());
    const timer = every(clock, 10, action);
    await clock.advance(35);
    expect(action).toHaveBeenCalledTimes(1);
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
