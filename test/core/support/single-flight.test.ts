import { retry } from '../../../lambda/core/support/retry-on-conflict.ts';
import { runSingleFlight, type SingleFlight } from '../../../lambda/core/support/single-flight.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const flight = (random = 0): SingleFlight & { clock: ReturnType<typeof fakeClock> } => ({
  clock: fakeClock(),
  random: () => random,
  patienceSeconds: 2,
  pollMilliseconds: 100,
});

describe('runSingleFlight', () => {
  test('returns the first result without waiting', async () => {
    await expect(runSingleFlight(flight(), async () => 'result')).resolves.toBe('result');
  });

  test('polls while another process works, under one owner', async () => {
    const shared = flight();
    const owners = new Set<string>();
    let isStored = false;
    const result = runSingleFlight(shared, async (owner) => {
      owners.add(owner);
      return isStored ? 'stored' : retry;
    });
    await shared.clock.advance(1000);
    isStored = true;
    await shared.clock.advance(100);
    await expect(result).resolves.toBe('stored');
    expect(owners.size).toBe(1);
  });

  test.each([
    [0, 20],
    [1, 10],
  ])('with a random share of %d it polls %d times before it gives up', async (random, polls) => {
    const shared = flight(random);
    const attempt = jest.fn(async () => retry as typeof retry);
    const result = runSingleFlight(shared, attempt);
    await shared.clock.advance(3000);
    await expect(result).resolves.toBe(retry);
    expect(attempt).toHaveBeenCalledTimes(polls);
  });
});
