import { KMSClient } from '@aws-sdk/client-kms';
import { kmsSealer } from '../../../lambda/adapters/kms/kms-sealer.ts';
import type { MemoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { SignInRefusedError, type UpstreamTokens } from '../../../lambda/core/identity/upstream-provider.ts';
import { UpstreamTokenManager } from '../../../lambda/core/identity/upstream-tokens.ts';
import type { Sealer } from '../../../lambda/core/support/sealer.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../../local/iam/principals.ts';
import { startKms } from '../../../local/kms/kms-service.ts';
import { adapters } from '../../support/contract-stores.ts';

/** The identity provider's tokens at rest and in use, over the DynamoDB and the KMS of the desk. */

const start = 1_800_000_000;
const TABLE = 'Holdfast';

let stores: MemoryStores;
let kms: KMSClient;
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
  kms = new KMSClient({
    endpoint: service.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'TEST', secretAccessKey: 'x' },
  });
  close = async () => {
    kms.destroy();
    await Promise.all([service.close(), opened.close()]);
  };
});
afterAll(() => close());

/** A provider whose refresh tokens work once; what it answers next is for the test to say. */
class Provider {
  calls = 0;
  lifetimeSeconds = 3600;
  honoured = 'rt-1';
  fails: unknown;
  readonly #clock: { now: number };

  constructor(clock: { now: number }) {
    this.#clock = clock;
  }

  readonly refresh = async (refreshToken: string): Promise<UpstreamTokens> => {
    this.calls++;
    // Long enough for everybody else to come meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (this.fails !== undefined) throw this.fails;
    if (refreshToken !== this.honoured) throw new SignInRefusedError('invalid_grant');
    this.honoured = `rt-${this.calls + 1}`;
    const expiresAt = this.#clock.now + this.lifetimeSeconds;
    return { accessToken: `at-${this.calls + 1}`, refreshToken: this.honoured, expiresAt };
  };
}

let grants = 0;

/** A grant whose access token has expired, unless told otherwise, and a clock to move. */
async function world(tokens: Partial<UpstreamTokens> = {}) {
  const clock = { now: start };
  const provider = new Provider(clock);
  const grant = `grant-${++grants}`;
  const now = () => clock.now;
  /** As another process has it: nothing in common but the table and the key. */
  const keeper = (sealer: Sealer = kmsSealer(kms, keyId, TABLE)) =>
    new UpstreamTokenManager({ store: stores.upstreamTokens, sealer, upstreamProvider: provider, now });
  await put(grant, { accessToken: 'at-1', refreshToken: 'rt-1', expiresAt: start, ...tokens });
  return { clock, provider, grant, keeper };
}

async function put(grant: string, tokens: UpstreamTokens): Promise<void> {
  const seal = await kmsSealer(kms, keyId, TABLE).prepare({ purpose: 'upstream', grant });
  await stores.grants.createGrant({
    grant: {
      id: grant,
      status: 'active',
      user: 'ada',
      issuer: 'https://idp.example',
      subject: 'ada',
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

describe('a refresh', () => {
  test('is one, however many processes ask at once', async () => {
    const { provider, grant, keeper } = await world();
    const asked = await Promise.all(Array.from({ length: 40 }, () => keeper().accessToken(grant)));
    expect(new Set(asked)).toEqual(new Set(['at-2']));
    expect(provider.calls).toBe(1);
  });

  test('is one, though its token is due again at once', async () => {
    const { provider, grant, keeper } = await world();
    provider.lifetimeSeconds = 30;
    const asked = await Promise.all(Array.from({ length: 40 }, () => keeper().accessToken(grant)));
    expect(new Set(asked)).toEqual(new Set(['at-2']));
    expect(provider.calls).toBe(1);
  });

  test('is not needed while the token lasts for another minute', async () => {
    const { provider, grant, keeper } = await world({ expiresAt: start + 61 });
    expect(await keeper().accessToken(grant)).toBe('at-1');
    expect(provider.calls).toBe(0);
  });

  test('keeps what the provider rotates to, time after time', async () => {
    const { clock, provider, grant, keeper } = await world();
    for (const expected of ['at-2', 'at-3', 'at-4']) {
      expect(await keeper().accessToken(grant)).toBe(expected);
      clock.now += 3600;
    }
    expect(provider.calls).toBe(3);
  });

  test('keeps the refresh token of a provider that gives no new one', async () => {
    const { clock, provider, grant, keeper } = await world();
    const seen: string[] = [];
    const upstreamProvider = {
      refresh: async (refreshToken: string) => {
        seen.push(refreshToken);
        return { accessToken: 'fresh', expiresAt: clock.now + 3600 };
      },
    };
    const sealer = kmsSealer(kms, keyId, TABLE);
    const store = stores.upstreamTokens;
    const own = new UpstreamTokenManager({ store, sealer, upstreamProvider, now: () => clock.now });
    await own.accessToken(grant);
    clock.now += 3600;
    await own.accessToken(grant);
    expect(seen).toEqual(['rt-1', 'rt-1']);
    expect([provider.calls, await keeper().accessToken(grant)]).toEqual([0, 'fresh']);
  });

  test('whose holder has died is taken over once the lease has ended, and not before', async () => {
    const { clock, provider, grant, keeper } = await world();
    expect(await stores.upstreamTokens.leaseTokens(grant, 1, 'dead', clock.now, clock.now + 8)).toBe(true);
    const asked = keeper().accessToken(grant);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(provider.calls).toBe(0);
    clock.now += 8;
    expect(await asked).toBe('at-2');
    expect(provider.calls).toBe(1);
  });

  test('that never ends is an outage to those who wait for it', async () => {
    const { clock, grant, keeper } = await world();
    await stores.upstreamTokens.leaseTokens(grant, 1, 'hanging', clock.now, clock.now + 60);
    const asked = keeper().accessToken(grant);
    clock.now += 10;
    await expect(asked).rejects.toThrow(ServiceUnavailableError);
  });

  test('is not begun when the key service has used up its time, since another may begin one by then', async () => {
    const { clock, provider, grant, keeper } = await world();
    const sealer = kmsSealer(kms, keyId, TABLE);
    const slow: Sealer = {
      ...sealer,
      prepare(context) {
        clock.now += 3;
        return sealer.prepare(context);
      },
    };
    await expect(keeper(slow).accessToken(grant)).rejects.toThrow(ServiceUnavailableError);
    expect(provider.calls).toBe(0);
    expect(await keeper().accessToken(grant)).toBe('at-2');
  });

  test('that an outage stops has changed nothing, and the next one succeeds', async () => {
    const { provider, grant, keeper } = await world();
    provider.fails = new ServiceUnavailableError('The identity provider', new Error('503'));
    await expect(keeper().accessToken(grant)).rejects.toThrow(ServiceUnavailableError);
    provider.fails = undefined;
    expect(await keeper().accessToken(grant)).toBe('at-3');
  });

  test('after a rotation that was lost is refused, each time by one question to the provider', async () => {
    const { provider, grant, keeper } = await world();
    provider.honoured = 'what the lost answer held';
    for (const asks of [1, 2, 3]) {
      await expect(keeper().accessToken(grant)).rejects.toMatchObject({ reason: 'invalid_grant' });
      expect(provider.calls).toBe(asks);
    }
  });
});

describe('whether the provider still honours the grant', () => {
  const lasting = { expiresAt: start + 86_400 };

  test('is asked, however long its token lasts', async () => {
    const { clock, provider, grant, keeper } = await world(lasting);
    clock.now += 60;
    await keeper().ensure(grant);
    expect(provider.calls).toBe(1);
    clock.now += 60;
    provider.fails = new SignInRefusedError('invalid_grant');
    await expect(keeper().ensure(grant)).rejects.toThrow(SignInRefusedError);
  });

  test('is asked once, however many ask, and not again for a moment', async () => {
    const { clock, provider, grant, keeper } = await world(lasting);
    await keeper().ensure(grant);
    expect(provider.calls).toBe(0);
    clock.now += 60;
    await Promise.all(Array.from({ length: 40 }, () => keeper().ensure(grant)));
    await keeper().ensure(grant);
    expect(provider.calls).toBe(1);
  });

  test('is not asked by a tool, whose token is good while it lasts', async () => {
    const { clock, provider, grant, keeper } = await world(lasting);
    clock.now += 3600;
    expect(await keeper().accessToken(grant)).toBe('at-1');
    expect(provider.calls).toBe(0);
  });

  test('cannot be asked without a refresh token, and is taken for so until the token ends', async () => {
    const { clock, provider, grant, keeper } = await world({ ...lasting, refreshToken: undefined });
    clock.now += 3600;
    await Promise.all(Array.from({ length: 5 }, () => keeper().ensure(grant)));
    expect(provider.calls).toBe(0);
  });
});

describe('a provider that gives no refresh token', () => {
  test('is served until its token ends, and everybody at once', async () => {
    const { provider, grant, keeper } = await world({ refreshToken: undefined, expiresAt: start + 30 });
    const asked = await Promise.all(Array.from({ length: 10 }, () => keeper().accessToken(grant)));
    expect(new Set(asked)).toEqual(new Set(['at-1']));
    expect(provider.calls).toBe(0);
  });

  test('has its users sign in again after that', async () => {
    const { clock, grant, keeper } = await world({ refreshToken: undefined, expiresAt: start + 30 });
    clock.now += 30;
    await expect(keeper().ensure(grant)).rejects.toMatchObject({ reason: 'expired' });
  });
});

test('tokens that are not there are those of a grant that has ended', async () => {
  const { keeper } = await world();
  await expect(keeper().accessToken('no-such-grant')).rejects.toMatchObject({ reason: 'no_tokens' });
});

describe('sealed tokens', () => {
  test('do not open under another grant, and nobody is asked', async () => {
    const [ada, alan] = [await world({ expiresAt: start + 1e5 }), await world({ expiresAt: start + 1e5 })];
    const stolen = (await stores.upstreamTokens.loadTokens(ada.grant))!;
    await stores.upstreamTokens.leaseTokens(alan.grant, 1, 'thief', start, start + 8);
    await stores.upstreamTokens.saveTokens(alan.grant, 'thief', stolen);
    await expect(alan.keeper().accessToken(alan.grant)).rejects.toThrow(
      expect.objectContaining({ name: 'InvalidCiphertextException' }),
    );
    expect(await ada.keeper().accessToken(ada.grant)).toBe('at-1');
    expect(alan.provider.calls).toBe(0);
  });

  const sealed = async (grant: string) =>
    (await kmsSealer(kms, keyId, TABLE).prepare({ purpose: 'upstream', grant }))('the text');

  test('do not open in another table, nor for another purpose', async () => {
    const text = await sealed('a');
    const here = kmsSealer(kms, keyId, TABLE);
    expect(await here.unseal(text, { purpose: 'upstream', grant: 'a' })).toBe('the text');
    await expect(here.unseal(text, { purpose: 'refresh-mac', grant: 'a' })).rejects.toThrow();
    const elsewhere = kmsSealer(kms, keyId, 'Another');
    await expect(elsewhere.unseal(text, { purpose: 'upstream', grant: 'a' })).rejects.toThrow();
  });

  test('do not open where a data key is known already, but the text under it is another owner’s', async () => {
    const [a, b] = [(await sealed('a')).split('.'), (await sealed('b')).split('.')];
    const sealer = kmsSealer(kms, keyId, TABLE);
    const context = { purpose: 'upstream', grant: 'a' } as const;
    await sealer.unseal(a.join('.'), context);
    await expect(sealer.unseal([a[0], b[1], b[2]].join('.'), context)).rejects.toThrow();
    await expect(sealer.unseal([b[0], a[1], a[2]].join('.'), context)).rejects.toThrow();
  });

  test.each([0, 1, 2])('do not open when part %i has been changed', async (part) => {
    const parts = (await sealed('a')).split('.');
    const bytes = Buffer.from(parts[part]!, 'base64url');
    bytes[bytes.length - 1]! ^= 1;
    parts[part] = bytes.toString('base64url');
    const context = { purpose: 'upstream', grant: 'a' } as const;
    await expect(kmsSealer(kms, keyId, TABLE).unseal(parts.join('.'), context)).rejects.toThrow();
  });
});
