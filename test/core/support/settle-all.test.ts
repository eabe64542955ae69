import { settleAll } from '../../../lambda/core/support/settle-all.ts';

test('the results have the order of the work', async () => {
  expect(await settleAll([Promise.resolve('first'), 'second'])).toEqual(['first', 'second']);
});

test('a failure is thrown after the other work has ended', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  let isThrown = false;
  const all = settleAll([Promise.reject(new Error('denied')), promise]).catch((error) => {
    isThrown = true;
    return error;
  });
  await new Promise((done) => setImmediate(done));
  expect(isThrown).toBe(false);
  resolve('ended');
  expect(await all).toEqual(new Error('denied'));
});
