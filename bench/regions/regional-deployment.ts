import { dynamoGrantStore } from '../../lambda/adapters/dynamodb/grant-store.ts';
import { dynamoRevocationStore } from '../../lambda/adapters/dynamodb/revocation-store.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { dynamoUpstreamTokenStore } from '../../lambda/adapters/dynamodb/upstream-token-store.ts';
import type { Caller } from '../../lambda/core/access/caller.ts';
import { isLiveGrant } from '../../lambda/core/access/grant.ts';
import { UpstreamTokenManager } from '../../lambda/core/identity/upstream-tokens.ts';
import type { Facade, FacadeRules } from '../../lambda/core/oauth/facade.ts';
import { handleOAuthRequest } from '../../lambda/core/oauth/oauth-routes.ts';
import { readRefreshToken } from '../../lambda/core/oauth/tokens/facade-tokens.ts';
import { Sessions } from '../../lambda/core/sessions/sessions.ts';
import { type Clock, epochSeconds } from '../../lambda/core/support/clock.ts';
import type { Sealer } from '../../lambda/core/support/sealer.ts';
import type { Random } from '../harness/random.ts';
import { otherRegion, type Region, type ReplicatedTable } from './replicated-table.ts';
import { SimulatedProvider } from './simulated-provider.ts';
import { adoptingHeads, endMarks } from './unreplicated-writes.ts';

/** The region whose replica a request reads and writes. */
export type Placement =
  /** The one that received the request. */
  | 'nearest'
  /** The grant's home. Without it the response is 503. */
  | 'home'
  /** The grant's home; another one from a while after the home failed until a while after it returned. */
  | 'fail-over';

export type Shape = { placement: Placement; rules: boolean };

/** A time, in epoch milliseconds. */
export type Period = { from: number; until: number };

/** The home region of every simulated grant. */
export const HOME: Region = 'east';
export const CLIENT = 'client';

const FAIL_OVER_MILLISECONDS = 2 * 60_000;
const FAIL_BACK_MILLISECONDS = 10 * 60_000;

/** The settings that the simulated endpoints read, with the defaults of the stack. */
const rules = {
  publicUrl: 'https://mcp.example.com',
  scopes: { scopes: { use: { description: 'Use this server' } }, tools: {} },
  accessTokenSeconds: 3600,
  grantIdleSeconds: 30 * 86_400,
  grantAbsoluteSeconds: 90 * 86_400,
  refreshWindowSeconds: 120,
  preregisteredClients: [{ id: CLIENT, name: 'Client', redirectUris: ['https://client.example/callback'] }],
} satisfies Partial<FacadeRules>;

/** Ciphers and signatures decide nothing here. */
const sealer: Sealer = { prepare: async () => async (text) => text, unseal: async (sealed) => sealed };
const signer: Facade['signer'] = {
  sign: async () => new Uint8Array(64),
};
const publicKeys: Facade['publicKeys'] = [
  { kty: 'EC', crv: 'P-256', x: '', y: '', alg: 'ES256', use: 'sig', kid: 'key' },
];
const secret = crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
export const macKey: Facade['macKey'] = { load: () => secret };

export type TokenAnswer = { status: number; refreshToken?: string };

/** The functions of two regions over a replicated table: the core and the DynamoDB adapters that are deployed. */
export class RegionalDeployment {
  readonly provider: SimulatedProvider;
  /** The time in which the home region neither receives requests nor replicates. */
  outage: Period | undefined;
  readonly #clock: Pick<Clock, 'now' | 'sleep'>;
  readonly #shape: Shape;
  readonly #cores: Record<Region, ReturnType<RegionalDeployment['coreIn']>>;

  constructor(table: ReplicatedTable, clock: Pick<Clock, 'now' | 'sleep'>, random: Random, shape: Shape) {
    this.#clock = clock;
    this.#shape = shape;
    this.provider = new SimulatedProvider(() => this.now());
    this.#cores = { east: this.coreIn(table, 'east', random), west: this.coreIn(table, 'west', random) };
  }

  /** Epoch seconds. */
  now(): number {
    return epochSeconds(this.#clock);
  }

  isDown(region: Region): boolean {
    return region === HOME && isWithin(this.outage, this.#clock.now());
  }

  /** The stores and rules on the replica for this request; undefined when it cannot be reached. */
  coreFor(receivedBy: Region) {
    const region = this.#replicaFor(receivedBy);
    return this.isDown(region) ? undefined : this.#cores[region];
  }

  /** `POST /token`. */
  async token(receivedBy: Region, parameters: Record<string, string>): Promise<TokenAnswer> {
    const core = this.coreFor(receivedBy);
    if (!core) return { status: 503 };
    const request = new Request(`${rules.publicUrl}/token`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: CLIENT, ...parameters }),
    });
    const presented =
      this.#shape.rules && parameters.refresh_token
        ? await readRefreshToken(parameters.refresh_token, macKey)
        : undefined;
    const { facade } = core;
    const grants = presented ? adoptingHeads(facade.grants, presented, facade.now) : facade.grants;
    const response = await handleOAuthRequest({ ...facade, grants }, request);
    const { refresh_token } = (await response.json()) as { refresh_token?: string };
    return { status: response.status, ...(refresh_token !== undefined && { refreshToken: refresh_token }) };
  }

  /** Whether the grant is valid in either region. */
  async isLive(grant: string): Promise<boolean> {
    const found = await Promise.all(Object.values(this.#cores).map(({ facade }) => facade.grants.findGrant(grant)));
    return found.some((each) => isLiveGrant(each.grant, this.now()));
  }

  #replicaFor(receivedBy: Region): Region {
    const { placement } = this.#shape;
    if (placement === 'nearest') return receivedBy;
    if (placement === 'home' || !this.outage) return HOME;
    const { from, until } = this.outage;
    const other = { from: from + FAIL_OVER_MILLISECONDS, until: until + FAIL_BACK_MILLISECONDS };
    return isWithin(other, this.#clock.now()) ? otherRegion(HOME) : HOME;
  }

  private coreIn(table: ReplicatedTable, region: Region, random: Random) {
    const connection = table.connection(region);
    const now = () => this.now();
    const marks = this.#shape.rules ? endMarks(connection, now) : undefined;
    const plain = {
      grants: dynamoGrantStore(connection),
      sessions: dynamoSessionStore(connection),
      revocation: dynamoRevocationStore(connection),
    };
    const grants = marks?.grants(plain.grants) ?? plain.grants;
    const upstreamTokens = new UpstreamTokenManager({
      store: dynamoUpstreamTokenStore(connection),
      sealer,
      upstreamProvider: this.provider,
      clock: this.#clock,
      random: () => random.next(),
    });
    const facade = {
      rules,
      grants,
      signer,
      publicKeys,
      macKey,
      sealer,
      upstreamTokens,
      clock: this.#clock,
      now,
      log: () => undefined,
    };
    const sessionRules = { ttlSeconds: 86_400, stale: 'renew' } as const;
    return {
      // The ports of registration, of the browser's steps and of assertions are not used.
      facade: facade as unknown as Facade,
      sessions: new Sessions(marks?.sessions(plain.sessions) ?? plain.sessions, sessionRules, now),
      revocation: marks?.revocation(plain.revocation) ?? plain.revocation,
    };
  }
}

export const callerOf = (grant: string, user: string): Caller => ({
  user,
  grant,
  client: CLIENT,
  scopes: ['use'],
  expiresAt: Number.POSITIVE_INFINITY,
});

const isWithin = (period: Period | undefined, at: number) =>
  period !== undefined && at >= period.from && at < period.until;
