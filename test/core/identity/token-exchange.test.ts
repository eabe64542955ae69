import { memoryExchangedTokenStore } from '../../../lambda/adapters/memory/memory-exchanged-token-store.ts';
import { type ExchangeRequest, TokenExchange } from '../../../lambda/core/identity/token-exchange.ts';
import { ExchangeRefusedError } from '../../../lambda/core/identity/upstream-provider.ts';
import type { Sealer } from '../../../lambda/core/support/sealer.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import { fakeClock } from '../../support/fake-clock.ts';

/** Tokens of a user for other APIs: who exchanges them, and how long they are used. */

const grant = { id: 'grant', issuer: 'https://idp.example', subject: 'ada' };
const orders: ExchangeRequest = { audience: 'orders', scopes: ['read', 'write'] };

/** Seals readably, bound to its context. */
const sealer: Sealer = {
  prepare: async (context) => async (text) => JSON.stringify([context, text]),
  async unseal(sealed, context) {
    const [own, text] = JSON.parse(sealed);
    expect(own).toEqual(context);
    return text;
  },
};

/** Processes that share the store and the provider. */
function processes({ seconds = 300 } = {}) {
  const clock = fakeClock();
  const store = memoryExchangedTokenStore();
  const exchanged: { subjectToken: string; request: ExchangeRequest }[] = [];
  const provider = {
    respond: async () => undefined as unknown,
  };
  const open = () =>
    new TokenExchange({
      store,
      tokens: { accessToken: async () => 'token of ada' },
      exchanger: {
        async exchange(subjectToken, request) {
          exchanged.push({ subjectToken, request });
          const count = exchanged.length;
          await provider.respond();
          return { accessToken: `exchanged-${count}`, expiresAt: clock.now() / 1000 + seconds };
        },
      },
      sealer,
      clock,
      random: () => 0,
    });
  return { clock, store, exchanged, provider, open };
}

test('the token is exchanged once, and used by all processes until a minute before its expiry', async () => {
  const { clock, exchanged, open } = processes();
  expect(await open().token(grant, orders)).toBe('exchanged-1');
  expect(await open().token(grant, orders)).toBe('exchanged-1');
  expect(exchanged).toEqual([{ subjectToken: 'token of ada', request: orders }]);
  clock.skip(239_000);
  expect(await open().token(grant, orders)).toBe('exchanged-1');
  clock.skip(2_000);
  expect(await open().token(grant, orders)).toBe('exchanged-2');
});

test('of many processes that need the token at once, one exchanges it', async () => {
  const { clock, exchanged, provider, open } = processes();
  provider.respond = () => clock.sleep(3_000);
  const tokens = clock.until(Promise.all(Array.from({ length: 20 }, () => open().token(grant, orders))));
  expect(new Set(await tokens)).toEqual(new Set(['exchanged-1']));
  expect(exchanged).toHaveLength(1);
});

test('a process that read the store before another one stored the token does not exchange it again', async () => {
  const { exchanged, open, store } = processes();
  const late = open();
  const load = store.loadToken;
  let reads = 0;
  store.loadToken = async (...given) => {
    const found = await load(...given);
    // The first read of the late process ends after the work of another one.
    if (++reads === 1) await open().token(grant, orders);
    return found;
  };
  expect(await late.token(grant, orders)).toBe('exchanged-1');
  expect(exchanged).toHaveLength(1);
});

test('another audience, other scopes and another grant have other tokens; the order of scopes does not matter', async () => {
  const { open } = processes();
  const token = (request: ExchangeRequest, id = 'grant') => open().token({ ...grant, id }, request);
  expect(await token(orders)).toBe('exchanged-1');
  expect(await token({ ...orders, scopes: ['write', 'read', 'read'] })).toBe('exchanged-1');
  expect(await token({ audience: 'orders' })).toBe('exchanged-2');
  expect(await token({ scopes: ['read', 'write'] })).toBe('exchanged-3');
  expect(await token({ audience: 'stock', scopes: ['read', 'write'] })).toBe('exchanged-4');
  expect(await token(orders, 'other grant')).toBe('exchanged-5');
});

test('a grant keeps a bounded number of tokens, each of which answers its own request', async () => {
  const { open, store } = processes();
  const slots = new Set<string>();
  const load = store.loadToken;
  store.loadToken = (id, slot) => {
    slots.add(slot);
    return load(id, slot);
  };
  const exchange = open();
  const audiences = Array.from({ length: 400 }, (_, index) => `api-${index}`);
  for (const [index, audience] of audiences.entries()) {
    expect(await exchange.token(grant, { audience })).toBe(`exchanged-${index + 1}`);
  }
  expect(slots.size).toBeLessThanOrEqual(64);
});

test('a tool whose token an API rejects receives another one, at most once a minute', async () => {
  const { clock, open } = processes();
  expect(await open().token(grant, orders)).toBe('exchanged-1');
  expect(await open().token(grant, orders, { refresh: true })).toBe('exchanged-1');
  clock.skip(61_000);
  expect(await open().token(grant, orders, { refresh: true })).toBe('exchanged-2');
  expect(await open().token(grant, orders, { refresh: true })).toBe('exchanged-2');
});

test.each([
  ['refusal', new ExchangeRefusedError('access_denied', 'orders')],
  ['outage', new ServiceUnavailableError('The identity provider', new Error('503'))],
])('after a %s of the provider the next call asks again at once', async (_, error) => {
  const { provider, open } = processes();
  provider.respond = () => Promise.reject(error);
  await expect(open().token(grant, orders)).rejects.toBe(error);
  provider.respond = async () => undefined;
  expect(await open().token(grant, orders)).toBe('exchanged-2');
});

test('a process that dies during the exchange delays the others until its lease ends', async () => {
  const { clock, provider, open } = processes();
  provider.respond = () => new Promise(() => undefined);
  void open().token(grant, orders);
  await clock.until(clock.sleep(1));
  provider.respond = async () => undefined;
  expect(await clock.until(open().token(grant, orders))).toBe('exchanged-2');
});
