import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { UpstreamRevocations } from '../../../lambda/core/identity/upstream-revocations.ts';
import type { SealedUpstreamTokens } from '../../../lambda/core/identity/upstream-tokens.ts';
import { epochSeconds } from '../../../lambda/core/support/clock.ts';
import { fakeClock } from '../../support/fake-clock.ts';

/** Revocation at the identity provider after the grant has ended here, with a provider that fails on request. */

const DAY = 24 * 3600;
const RUN_MILLISECONDS = 10_000;

async function world() {
  const clock = fakeClock();
  const stores = memoryStores();
  const seconds = () => epochSeconds(clock);
  /** Grants that the provider was asked about, in order. */
  const asked: string[] = [];
  const lines: [string, Record<string, unknown> | undefined][] = [];
  const provider = {
    failure: undefined as Error | undefined,
    during: async (): Promise<unknown> => undefined,
    async revoke(grant: string, { sealed }: SealedUpstreamTokens) {
      asked.push(`${grant}: ${sealed}`);
      await provider.during();
      if (provider.failure) throw provider.failure;
    },
  };
  const revocations = new UpstreamRevocations({
    store: stores.endedTokens,
    upstreamTokens: provider,
    clock,
    log: (event, details) => lines.push([event, details]),
  });
  const run = () => revocations.revokeDue(clock.now() + RUN_MILLISECONDS);
  async function grant(id: string) {
    const at = seconds();
    await stores.grants.createGrant({
      grant: {
        id,
        status: 'active',
        user: 'ada',
        issuer: 'https://idp.example',
        subject: 'ada',
        client: 'dcr_1',
        clientName: 'Test',
        scopes: [],
        groups: [],
        createdAt: at,
        absoluteExpiresAt: at + 90 * DAY,
        idleExpiresAt: at + 30 * DAY,
        refresh: { head: 1, predecessor: 0, superseded: {} },
      },
      tokens: { sealed: 'rt-1', version: 1, expiresAt: at + 300, refreshedAt: at },
      codeHash: id,
      code: { grant: id, user: 'ada', client: 'dcr_1', redirectUri: '', challenge: '', scopes: [], expiresAt: 0 },
      approval: { user: 'ada', client: 'dcr_1', clientName: 'Test', redirectHost: id, scopes: [], at },
    });
    return { revoke: () => stores.revocation.revokeGrant(id, seconds()) };
  }
  const left = () => stores.endedTokens.dueTokens(seconds() + 365 * DAY);
  return { clock, stores, seconds, asked, lines, provider, revocations, run, grant, left };
}

test('a run revokes the tokens of every ended grant once, and leaves those of live grants', async () => {
  const { run, grant, asked, left } = await world();
  for (const id of ['one', 'two', 'three']) await (await grant(id)).revoke();
  await grant('live');
  await run();
  expect(asked.sort()).toEqual(['one: rt-1', 'three: rt-1', 'two: rt-1']);
  expect(await left()).toEqual([]);
  await run();
  expect(asked).toHaveLength(3);
});

test('two runs at once ask the provider once', async () => {
  const { run, grant, asked } = await world();
  await (await grant('one')).revoke();
  await Promise.all([run(), run()]);
  expect(asked).toHaveLength(1);
});

test('a failed revocation is logged and repeated after growing pauses, until the provider confirms it', async () => {
  const { clock, run, grant, asked, lines, provider, left } = await world();
  provider.failure = new Error('The identity provider did not answer');
  await (await grant('one')).revoke();
  await run();
  expect(lines).toEqual([
    ['upstream_revocation_failed', { grant: 'one', attempt: 1, reason: 'The identity provider did not answer' }],
  ]);
  await run();
  expect(asked).toHaveLength(1);
  await clock.advance(60_000);
  await run();
  expect(asked).toHaveLength(2);
  await clock.advance(119_000);
  await run();
  expect(asked).toHaveLength(2);
  await clock.advance(1_000);
  provider.failure = undefined;
  await run();
  expect(asked).toHaveLength(3);
  expect(await left()).toEqual([]);
});

test('a revocation that the provider never confirms ends after a week, in a bounded number of attempts', async () => {
  const { clock, run, grant, asked, provider, left } = await world();
  provider.failure = new Error('invalid_client');
  await (await grant('one')).revoke();
  for (let hour = 0; hour < 10 * 24; hour++) {
    await run();
    await clock.advance(3_600_000);
  }
  expect(asked.length).toBeGreaterThan(20);
  expect(asked.length).toBeLessThan(50);
  expect(await left()).toEqual([]);
});

test('a process that dies during a revocation leaves it to a later run', async () => {
  const { clock, run, grant, asked, stores, seconds, left } = await world();
  await (await grant('one')).revoke();
  const [due] = await left();
  await stores.endedTokens.takeTokens(due!, seconds() + 60);
  await run();
  expect(asked).toEqual([]);
  await clock.advance(60_000);
  await run();
  expect(asked).toHaveLength(1);
  expect(await left()).toEqual([]);
});

test('a token that a refresh stores during the revocation is revoked by a later run', async () => {
  const { clock, run, grant, asked, stores, seconds, provider, left } = await world();
  const { revoke } = await grant('one');
  await stores.upstreamTokens.leaseTokens('one', 1, 'refresh', seconds(), seconds() + 12);
  await revoke();
  const newer = { sealed: 'rt-2', version: 2, expiresAt: seconds() + 300, refreshedAt: seconds() };
  provider.during = () => stores.upstreamTokens.saveTokens('one', 'refresh', newer);
  await run();
  await clock.advance(60_000);
  await run();
  expect(asked).toEqual(['one: rt-1', 'one: rt-2']);
  expect(await left()).toEqual([]);
});

test('a run begins no attempt after its end', async () => {
  const { clock, revocations, grant, asked } = await world();
  await (await grant('one')).revoke();
  await revocations.revokeDue(clock.now());
  expect(asked).toEqual([]);
});
