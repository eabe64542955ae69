import { type KmsClient, openKms } from '../../../lambda/adapters/kms/kms-client.ts';
import { kmsSealer } from '../../../lambda/adapters/kms/kms-sealer.ts';
import type { MemoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import {
  SignInRefusedError,
  type UpstreamTokens,
  type UpstreamUser,
} from '../../../lambda/core/identity/upstream-provider.ts';
import { type TokenOwner, UpstreamTokenManager } from '../../../lambda/core/identity/upstream-tokens.ts';
import type { Clock } from '../../../lambda/core/support/clock.ts';
import type { Sealer } from '../../../lambda/core/support/sealer.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import { LEASE_SECONDS } from '../../../lambda/core/support/single-flight.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../../local/iam/principals.ts';
import { startKms } from '../../../local/kms/kms-service.ts';
import { adapters } from '../../support/contract-stores.ts';

/** Upstream tokens at rest and in use, over the local emulator's DynamoDB and KMS. */

const start = 1_800_000_000;
const TABLE = 'Holdfast';

let stores: MemoryStores;
let kms: KmsClient;
let keyId: string;
let close: () => Promise<void>;

beforeAll(async () => {
  const [, openStores] = adapters.find(([name]) => name === 'the local DynamoDB')!;
  const opened = await openStores();
  stores = opened.stores;
  const principals = new FunctionPrincipals();
  principals.add('TEST', emulatorPrincipal);
  const service = await startKms({ folder: undefined, principals });
  ({ keyId } = service.createKey('Seal', {}));
  kms = openKms({
    AWS_ENDPOINT_URL_KMS: service.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'TEST',
    AWS_SECRET_ACCESS_KEY: 'x',
  });
  close = async () => {
    await Promise.all([service.close(), opened.close()]);
  };
});
afterAll(() => close());

/** Time stands still until a test sets it; a sleep lasts a few real milliseconds, for the requests to the emulator. */
class TestClock implements Pick<Clock, 'now' | 'sleep'> {
  seconds = start;
  sleeps = 0;

  now(): number {
    return this.seconds * 1000;
  }

  sleep(): Promise<void> {
    this.sleeps++;
    return new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A provider whose refresh tokens work once, with a response that the test sets. */
class Provider {
  calls = 0;
  lifetimeSeconds = 3600;
  honoured = 'rt-1';
  fails: unknown;
  groups: string[] | undefined;
  /** The groups at the userinfo endpoint; undefined where it is not asked. */
  userInfoGroups: string[] | undefined;
  userInfoCalls = 0;
  readonly users: unknown[] = [];
  readonly #clock: TestClock;

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  readonly currentGroups = async () => {
    this.userInfoCalls++;
    return this.userInfoGroups;
  };

  readonly refresh = async (refreshToken: string, { issuer, subject }: UpstreamUser) => {
    this.calls++;
    this.users.push({ issuer, subject });
    // Long enough for the other processes to poll meanwhile.
    for (let sleep = 0; sleep < 4; sleep++) await this.#clock.sleep();
    if (this.fails !== undefined) throw this.fails;
    if (refreshToken !== this.honoured) throw new SignInRefusedError('invalid_grant');
    this.honoured = `rt-${this.calls + 1}`;
    const expiresAt = this.#clock.seconds + this.lifetimeSeconds;
    return { accessToken: `at-${this.calls + 1}`, refreshToken: this.honoured, expiresAt, groups: this.groups };
  };
}

let grants = 0;

/** A grant whose access token has expired by default, and a clock to move. */
async function world(tokens: Partial<UpstreamTokens> = {}) {
  const clock = new TestClock();
  const provider = new Provider(clock);
  const grant = { id: `grant-${++grants}`, issuer: 'https://idp.example', subject: 'ada' };
  /** The manager of another process: it shares the table and the key alone. */
  const manager = (sealer: Sealer = kmsSealer(kms, keyId, TABLE)) =>
    new UpstreamTokenManager({
      store: stores.upstreamTokens,
      sealer,
      upstreamProvider: provider,
      clock,
      random: Math.random,
    });
  await put(grant, { accessToken: 'at-1', refreshToken: 'rt-1', expiresAt: start, ...tokens });
  return { clock, provider, grant, manager };
}

async function put({ id: grant, issuer, subject }: TokenOwner, tokens: UpstreamTokens): Promise<void> {
  const seal = await kmsSealer(kms, keyId, TABLE).prepare({ purpose: 'upstream', grant });
  await stores.grants.createGrant({
    grant: {
      id: grant,
      status: 'active',
      user: 'ada',
      issuer,
      subject,
      client: 'dcr_1',
      clientName: 'Test',
      scopes: [],
      groups: [],
      createdAt: start,
      absoluteExpiresAt: start + 1e6,
      idleExpiresAt: start + 1e6,
      refresh: { head: 1, predecessor: 0, superseded: {} },
    },
    tokens: {
      sealed: await seal(JSON.stringify(tokens)),
      version: 1,
      expiresAt: tokens.expiresAt,
      refreshedAt: start,
    },
    codeHash: grant,
    code: { grant, user: 'ada', client: 'dcr_1', redirectUri: '', challenge: '', scopes: [], expiresAt: 0 },
    approval: { user: 'ada', client: 'dcr_1', clientName: 'Test', redirectHost: grant, scopes: [], at: start },
  });
}

describe('a refresh of upstream tokens', () => {
  test('is done once for any number of processes that ask at the same time', async () => {
    const { provider, grant, manager } = await world();
    const asked = await Promise.all(Array.from({ length: 40 }, () => manager().accessToken(grant)));
    expect(new Set(asked)).toEqual(new Set(['at-2']));
    expect(provider.calls).toBe(1);
  });

  test('is done once even if the new token is due again at once', async () => {
    const { provider, grant, manager } = await world();
    provider.lifetimeSeconds = 30;
    const asked = await Promise.all(Array.from({ length: 40 }, () => manager().accessToken(grant)));
    expect(new Set(asked)).toEqual(new Set(['at-2']));
    expect(provider.calls).toBe(1);
  });

  test('is not done while the token is valid for more than a minute', async () => {
    const { provider, grant, manager } = await world({ expiresAt: start + 61 });
    expect(await manager().accessToken(grant)).toBe('at-1');
    expect(provider.calls).toBe(0);
  });

  test('stores each rotated refresh token', async () => {
    const { clock, provider, grant, manager } = await world();
    for (const expected of ['at-2', 'at-3', 'at-4']) {
      expect(await manager().accessToken(grant)).toBe(expected);
      clock.seconds += 3600;
    }
    expect(provider.calls).toBe(3);
  });

  test('stores the rotated refresh token although the store is away for a while', async () => {
    const { clock, provider, grant } = await world();
    let failures = 0;
    const store = {
      ...stores.upstreamTokens,
      saveTokens: async (...parameters: Parameters<typeof stores.upstreamTokens.saveTokens>) => {
        if (++failures <= 5) throw new ServiceUnavailableError('The session table', new Error('away'));
        return stores.upstreamTokens.saveTokens(...parameters);
      },
    };
    const sealer = kmsSealer(kms, keyId, TABLE);
    const own = () =>
      new UpstreamTokenManager({ store, sealer, upstreamProvider: provider, clock, random: Math.random });
    expect(await own().accessToken(grant)).toBe('at-2');
    clock.seconds += 3600;
    expect(await own().accessToken(grant)).toBe('at-3');
  });

  test('keeps the refresh token of a provider that does not rotate it', async () => {
    const { clock, provider, grant, manager } = await world();
    const seen: string[] = [];
    const upstreamProvider = {
      refresh: async (refreshToken: string) => {
        seen.push(refreshToken);
        return { accessToken: 'fresh', expiresAt: clock.seconds + 3600 };
      },
    };
    const sealer = kmsSealer(kms, keyId, TABLE);
    const store = stores.upstreamTokens;
    const own = new UpstreamTokenManager({ store, sealer, upstreamProvider, clock, random: Math.random });
    await own.accessToken(grant);
    clock.seconds += 3600;
    await own.accessToken(grant);
    expect(seen).toEqual(['rt-1', 'rt-1']);
    expect([provider.calls, await manager().accessToken(grant)]).toEqual([0, 'fresh']);
  });

  test('of a process that died is done by another one when the lease has ended, and not before', async () => {
    const { clock, provider, grant, manager } = await world();
    expect(await stores.upstreamTokens.leaseTokens(grant.id, 1, 'dead', clock.seconds, clock.seconds + 8)).toBe(true);
    const asked = manager().accessToken(grant);
    while (clock.sleeps < 5) await clock.sleep();
    expect(provider.calls).toBe(0);
    clock.seconds += 8;
    expect(await asked).toBe('at-2');
    expect(provider.calls).toBe(1);
  });

  test('that never ends makes the waiting processes report the provider as unavailable', async () => {
    const { clock, grant, manager } = await world();
    await stores.upstreamTokens.leaseTokens(grant.id, 1, 'hanging', clock.seconds, clock.seconds + 60);
    const asked = manager().accessToken(grant);
    clock.seconds += LEASE_SECONDS + 2;
    await expect(asked).rejects.toThrow(ServiceUnavailableError);
  });

  test('does not start when the key service answers too late for the lease', async () => {
    const { clock, provider, grant, manager } = await world();
    const sealer = kmsSealer(kms, keyId, TABLE);
    const slow: Sealer = {
      ...sealer,
      prepare(context) {
        clock.seconds += LEASE_SECONDS - 5;
        return sealer.prepare(context);
      },
    };
    await expect(manager(slow).accessToken(grant)).rejects.toThrow(ServiceUnavailableError);
    expect(provider.calls).toBe(0);
    expect(await manager().accessToken(grant)).toBe('at-2');
  });

  test('that a service failure stops changes nothing, and the next one succeeds', async () => {
    const { provider, grant, manager } = await world();
    provider.fails = new ServiceUnavailableError('The identity provider', new Error('503'));
    await expect(manager().accessToken(grant)).rejects.toThrow(ServiceUnavailableError);
    provider.fails = undefined;
    expect(await manager().accessToken(grant)).toBe('at-3');
  });

  test('after a lost rotation is rejected with invalid_grant, by one request to the provider each time', async () => {
    const { provider, grant, manager } = await world();
    provider.honoured = 'the refresh token of the lost response';
    for (const requests of [1, 2, 3]) {
      await expect(manager().accessToken(grant)).rejects.toMatchObject({ reason: 'invalid_grant' });
      expect(provider.calls).toBe(requests);
    }
  });
});

describe('accessToken with refresh', () => {
  const lasting = { expiresAt: start + 86_400 };

  test('refreshes a token that has not expired, once for any number of processes', async () => {
    const { clock, provider, grant, manager } = await world(lasting);
    clock.seconds += 60;
    const asked = await Promise.all(Array.from({ length: 20 }, () => manager().accessToken(grant, { refresh: true })));
    expect(new Set(asked)).toEqual(new Set(['at-2']));
    expect(await manager().accessToken(grant)).toBe('at-2');
    expect(provider.calls).toBe(1);
  });

  test('returns the same token for a minute, so that a tool cannot refresh in a loop', async () => {
    const { clock, provider, grant, manager } = await world(lasting);
    clock.seconds += 60;
    for (let call = 0; call < 5; call++) expect(await manager().accessToken(grant, { refresh: true })).toBe('at-2');
    clock.seconds += 59;
    expect(await manager().accessToken(grant, { refresh: true })).toBe('at-2');
    expect(provider.calls).toBe(1);
    clock.seconds += 1;
    expect(await manager().accessToken(grant, { refresh: true })).toBe('at-3');
  });

  test('returns the stored token when the provider issued no refresh token', async () => {
    const { clock, provider, grant, manager } = await world({ ...lasting, refreshToken: undefined });
    clock.seconds += 60;
    expect(await manager().accessToken(grant, { refresh: true })).toBe('at-1');
    expect(provider.calls).toBe(0);
  });

  test('is refused when the provider no longer honours the grant', async () => {
    const { clock, provider, grant, manager } = await world(lasting);
    clock.seconds += 60;
    provider.fails = new SignInRefusedError('invalid_grant');
    await expect(manager().accessToken(grant, { refresh: true })).rejects.toThrow(SignInRefusedError);
    expect(await manager().accessToken(grant)).toBe('at-1');
  });
});

describe('ensure', () => {
  const lasting = { expiresAt: start + 86_400 };

  test('asks the provider whether it honours the grant, however long the token is valid', async () => {
    const { clock, provider, grant, manager } = await world(lasting);
    clock.seconds += 60;
    await manager().ensure(grant);
    expect(provider.calls).toBe(1);
    clock.seconds += 60;
    provider.fails = new SignInRefusedError('invalid_grant');
    await expect(manager().ensure(grant)).rejects.toThrow(SignInRefusedError);
  });

  test('asks the provider once for any number of callers, and not again within a minute', async () => {
    const { clock, provider, grant, manager } = await world(lasting);
    await manager().ensure(grant);
    expect(provider.calls).toBe(0);
    clock.seconds += 60;
    await Promise.all(Array.from({ length: 40 }, () => manager().ensure(grant)));
    await manager().ensure(grant);
    expect(provider.calls).toBe(1);
  });

  test('is not part of accessToken, which returns a valid token unasked', async () => {
    const { clock, provider, grant, manager } = await world(lasting);
    clock.seconds += 3600;
    expect(await manager().accessToken(grant)).toBe('at-1');
    expect(provider.calls).toBe(0);
  });

  test('accepts a grant without a refresh token until its access token expires', async () => {
    const { clock, provider, grant, manager } = await world({ ...lasting, refreshToken: undefined });
    clock.seconds += 3600;
    await Promise.all(Array.from({ length: 5 }, () => manager().ensure(grant)));
    expect(provider.calls).toBe(0);
  });
});

describe('the groups of ensure', () => {
  test('are those of the id token of the refresh, for every process', async () => {
    const { clock, provider, grant, manager } = await world();
    clock.seconds += 60;
    provider.groups = ['staff'];
    const answers = await Promise.all(Array.from({ length: 5 }, () => manager().ensure(grant)));
    expect(answers).toEqual(answers.map(() => ['staff']));
    expect(await manager().ensure(grant)).toEqual(['staff']);
    expect([provider.calls, provider.userInfoCalls]).toEqual([1, 0]);
    expect(provider.users).toEqual([{ issuer: grant.issuer, subject: grant.subject }]);
  });

  test('are those of a refresh that a tool caused within the last minute', async () => {
    const { provider, grant, manager } = await world();
    provider.groups = [];
    await manager().accessToken(grant);
    provider.groups = ['not asked again'];
    expect(await manager().ensure(grant)).toEqual([]);
  });

  test('are those of the userinfo endpoint when the id token does not state them', async () => {
    const { clock, provider, grant, manager } = await world();
    clock.seconds += 60;
    provider.userInfoGroups = ['staff'];
    expect(await manager().ensure(grant)).toEqual(['staff']);
    expect(provider.userInfoCalls).toBe(1);
  });

  test('are unknown when the provider states them at sign-in only', async () => {
    const { clock, grant, manager } = await world();
    clock.seconds += 60;
    expect(await manager().ensure(grant)).toBeUndefined();
  });
});

describe('a provider that issues no refresh token', () => {
  test('has its access token returned to all callers until it expires', async () => {
    const { provider, grant, manager } = await world({ refreshToken: undefined, expiresAt: start + 30 });
    const asked = await Promise.all(Array.from({ length: 10 }, () => manager().accessToken(grant)));
    expect(new Set(asked)).toEqual(new Set(['at-1']));
    expect(provider.calls).toBe(0);
  });

  test('has the grant rejected as expired after that', async () => {
    const { clock, grant, manager } = await world({ refreshToken: undefined, expiresAt: start + 30 });
    clock.seconds += 30;
    await expect(manager().ensure(grant)).rejects.toMatchObject({ reason: 'expired' });
  });
});

test('accessToken rejects a grant without stored tokens with no_tokens', async () => {
  const { grant, manager } = await world();
  await expect(manager().accessToken({ ...grant, id: 'no-such-grant' })).rejects.toMatchObject({ reason: 'no_tokens' });
});

describe('sealed tokens', () => {
  test('are not unsealed under another grant, and the provider is not asked', async () => {
    const [ada, alan] = [await world({ expiresAt: start + 1e5 }), await world({ expiresAt: start + 1e5 })];
    const stolen = (await stores.upstreamTokens.loadTokens(ada.grant.id))!;
    await stores.upstreamTokens.leaseTokens(alan.grant.id, 1, 'thief', start, start + 8);
    await stores.upstreamTokens.saveTokens(alan.grant.id, 'thief', stolen);
    await expect(alan.manager().accessToken(alan.grant)).rejects.toThrow(
      expect.objectContaining({ name: 'InvalidCiphertextException' }),
    );
    expect(await ada.manager().accessToken(ada.grant)).toBe('at-1');
    expect(alan.provider.calls).toBe(0);
  });

  const sealed = async (grant: string) =>
    (await kmsSealer(kms, keyId, TABLE).prepare({ purpose: 'upstream', grant }))('the text');

  test('are not unsealed in another table or for another purpose', async () => {
    const text = await sealed('a');
    const here = kmsSealer(kms, keyId, TABLE);
    expect(await here.unseal(text, { purpose: 'upstream', grant: 'a' })).toBe('the text');
    await expect(here.unseal(text, { purpose: 'refresh-mac', grant: 'a' })).rejects.toThrow();
    const elsewhere = kmsSealer(kms, keyId, 'Another');
    await expect(elsewhere.unseal(text, { purpose: 'upstream', grant: 'a' })).rejects.toThrow();
  });

  test('are not unsealed with a cached data key when the text is of another grant', async () => {
    const [a, b] = [(await sealed('a')).split('.'), (await sealed('b')).split('.')];
    const sealer = kmsSealer(kms, keyId, TABLE);
    const context = { purpose: 'upstream', grant: 'a' } as const;
    await sealer.unseal(a.join('.'), context);
    await expect(sealer.unseal([a[0], b[1], b[2]].join('.'), context)).rejects.toThrow();
    await expect(sealer.unseal([b[0], a[1], a[2]].join('.'), context)).rejects.toThrow();
  });

  test.each([0, 1, 2])('are not unsealed when part %i was changed', async (part) => {
    const parts = (await sealed('a')).split('.');
    const bytes = Buffer.from(parts[part]!, 'base64url');
    bytes[bytes.length - 1]! ^= 1;
    parts[part] = bytes.toString('base64url');
    const context = { purpose: 'upstream', grant: 'a' } as const;
    await expect(kmsSealer(kms, keyId, TABLE).unseal(parts.join('.'), context)).rejects.toThrow();
  });
});
