import { onDemand } from '../../../lambda/core/support/on-demand.ts';

class Counter {
  #count = 0;

  async add(amount: number): Promise<number> {
    this.#count += amount;
    return this.#count;
  }
}

test('an object is opened at the first call of a method, and once', async () => {
  let opened = 0;
  const counter = onDemand<Pick<Counter, 'add'>>(async () => {
    opened++;
    return new Counter();
  });
  expect(opened).toBe(0);
  expect(await Promise.all([counter.add(2), counter.add(3)])).toEqual([2, 5]);
  expect(opened).toBe(1);
});

test('a method rejects when the object cannot be opened', async () => {
  const counter = onDemand<Pick<Counter, 'add'>>(() => Promise.reject(new Error('no file')));
  await expect(counter.add(1)).rejects.toThrow('no file');
});
