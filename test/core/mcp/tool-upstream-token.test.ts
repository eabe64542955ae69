import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { signedInCaller } from '../../../lambda/adapters/memory/signed-in-caller.ts';
import type { Grant } from '../../../lambda/core/access/grant.ts';
import { UpstreamTokenManager } from '../../../lambda/core/identity/upstream-tokens.ts';
import { createToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { Sessions } from '../../../lambda/core/sessions/sessions.ts';
import { epochSeconds } from '../../../lambda/core/support/clock.ts';
import { PERSONAL_TOKEN_CLIENT } from '../../../lambda/shared/personal-token.ts';
import { fakeClock } from '../../support/fake-clock.ts';

/** `context.upstreamToken`, as a tool calls it. */

/** The context of a tool of ada, who has signed in an hour ago and whose access token lasts a day. */
async function toolOfAda(change: Partial<Grant> = {}) {
  const clock = fakeClock();
  const stores = memoryStores();
  const now = () => epochSeconds(clock);
  const caller = await signedInCaller(stores.grants, 'ada', now(), change);
  const tokens = { accessToken: 'at-1', refreshToken: 'rt', expiresAt: now() + 86_400 };
  await stores.upstreamTokens.leaseTokens(caller.grant, 1, 'sign-in', now(), now() + 1);
  const { expiresAt } = tokens;
  const item = { sealed: JSON.stringify(tokens), version: 2, expiresAt, refreshedAt: now() };
  await stores.upstreamTokens.saveTokens(caller.grant, 'sign-in', item);
  clock.skip(3600 * 1000);
  let refreshes = 0;
  const manager = new UpstreamTokenManager({
    store: stores.upstreamTokens,
    sealer: { prepare: async () => async (text) => text, unseal: async (sealed) => sealed },
    upstreamProvider: {
      refresh: async () => ({ accessToken: `at-${++refreshes + 1}`, expiresAt: now() + 86_400 }),
    },
    clock,
    random: () => 0,
  });
  const access = await new Sessions(stores.sessions, { ttlSeconds: 86_400, stale: 'renew' }, now).current(caller);
  if (typeof access === 'string') throw new Error(access);
  const exchanged: unknown[][] = [];
  const exchange = {
    async token(...given: unknown[]) {
      exchanged.push(given.slice(1));
      return 'exchanged';
    },
  };
  const upstream = { issuer: 'https://idp.example', tokens: manager, exchange };
  const secrets = { get: async () => '' };
  const dependencies = { state: stores.state, upstream, secrets, clock, log: () => undefined };
  const context = createToolContext(dependencies, caller, access, undefined, () => undefined);
  return Object.assign(context, { exchanged });
}

test('a tool receives the stored upstream token while it is valid', async () => {
  expect(await (await toolOfAda()).upstreamToken()).toBe('at-1');
});

test('a tool whose upstream token an API rejects receives a refreshed one, and the same for a minute', async () => {
  const context = await toolOfAda();
  expect(await context.upstreamToken({ refresh: true })).toBe('at-2');
  expect(await context.upstreamToken({ refresh: true })).toBe('at-2');
  expect(await context.upstreamToken()).toBe('at-2');
});

test('a tool that names an audience or scopes receives an exchanged token', async () => {
  const context = await toolOfAda();
  expect(await context.upstreamToken({ audience: 'orders', scopes: ['read'], refresh: true })).toBe('exchanged');
  expect(await context.upstreamToken({ scopes: ['read'] })).toBe('exchanged');
  expect(await context.upstreamToken({ scopes: [] })).toBe('at-1');
  expect(context.exchanged).toEqual([
    [{ audience: 'orders', scopes: ['read'] }, { refresh: true }],
    [{ scopes: ['read'] }, {}],
  ]);
});

test.each<[string, Partial<Grant>, string]>([
  ['a service', { kind: 'service' }, 'A service has no token at the identity provider; use a secret'],
  [
    'a personal access token',
    { client: PERSONAL_TOKEN_CLIENT },
    'A personal access token has no token at the identity provider',
  ],
])('%s has no upstream token, and the tool learns why', async (_, change, message) => {
  const context = await toolOfAda(change);
  await expect(context.upstreamToken()).rejects.toThrow(message);
  await expect(context.upstreamToken({ audience: 'orders' })).rejects.toThrow(message);
});
