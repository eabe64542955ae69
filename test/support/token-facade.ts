import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { type MemoryStores, memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { facadeCaller } from '../../lambda/core/access/access-token.ts';
import type { Caller } from '../../lambda/core/access/caller.ts';
import type { MachineClient } from '../../lambda/core/oauth/clients/machine-client.ts';
import type { Facade, FacadeRules } from '../../lambda/core/oauth/facade.ts';
import { handleOAuthRequest } from '../../lambda/core/oauth/oauth-routes.ts';
import { Sessions } from '../../lambda/core/sessions/sessions.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import { randomId } from '../../lambda/core/support/crypto.ts';
import type { PublicKey } from '../../lambda/shared/jwk-members.ts';
import { declareScopes } from '../../lambda/shared/scope-set.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';

/** The authorization server over stores in memory, for token requests without a sign-in. */

export const publicUrl = 'https://mcp.example.com';

export const tokenScopes = declareScopes({
  scopes: {
    mcp: { description: 'Use the tools' },
    notes: { description: 'Keep notes' },
    admin: { description: 'Do anything' },
  },
  tools: {},
});

export type TokenAnswer = {
  status: number;
  error?: string;
  error_description?: string;
  access_token?: string;
  refresh_token?: string;
  expires_in?: number;
  scope?: string;
};

/** A key pair whose public half is a JWK. */
export type TestKey = { privateKey: CryptoKey; jwk: JWK; alg: string };

export const publicKeyOf = async (publicKey: CryptoKey, alg: string, kid = 'k1'): Promise<JWK> => ({
  ...(await exportJWK(publicKey)),
  kid,
  alg,
});

export async function testKey(alg = 'ES256', kid = 'k1'): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: await publicKeyOf(publicKey, alg, kid), alg };
}

export class TokenFacade {
  readonly clock: FakeClock = fakeClock();
  readonly stores: MemoryStores = memoryStores();
  /** Machine clients of the table. */
  readonly machines = new Map<string, MachineClient>();
  /** Published keys by issuer, and the issuers whose keys were requested. */
  readonly published = new Map<string, JWK[]>();
  readonly keyRequests: string[] = [];
  /** Events in the log, oldest first. */
  readonly log: [event: string, details: Record<string, unknown> | undefined][] = [];
  readonly #facade: Promise<Facade>;

  constructor(rules: Partial<FacadeRules> = {}) {
    this.#facade = this.#create(rules);
  }

  get now(): number {
    return epochSeconds(this.clock);
  }

  async #create(rules: Partial<FacadeRules>): Promise<Facade> {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const macKey = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
    const publicKey = { ...(await exportJWK(pair.publicKey)), kid: 'ours' } as PublicKey;
    const sign = { name: 'ECDSA', hash: 'SHA-256' };
    const facade: Partial<Facade> = {
      rules: {
        publicUrl,
        scopes: tokenScopes,
        accessTokenSeconds: 3600,
        grantIdleSeconds: 30 * 86_400,
        preregisteredClients: [],
        clientDocuments: { mode: 'off', allowed: [] },
        dynamicRegistration: { mode: 'open', allowed: [] },
        machineClients: [],
        ...rules,
      } as Partial<FacadeRules> as FacadeRules,
      clients: this.stores.clients,
      grants: this.stores.grants,
      assertions: this.stores.assertions,
      rateLimits: this.stores.rateLimits,
      machineClients: { findMachineClient: async (id) => this.machines.get(id) },
      issuerKeys: {
        keysOf: async (issuer) => {
          this.keyRequests.push(issuer);
          return { keys: this.published.get(issuer) ?? [] };
        },
      },
      groupsIn: ({ groups }) => groups as string[] | undefined,
      signer: {
        sign: async (data) => new Uint8Array(await crypto.subtle.sign(sign, pair.privateKey, data as BufferSource)),
      },
      publicKeys: [publicKey],
      macKey: { load: async () => macKey },
      clock: this.clock,
      random: () => 0.5,
      now: () => this.now,
      log: (event, details) => void this.log.push([event, details]),
    };
    return facade as Facade;
  }

  async request(path: string, init?: RequestInit): Promise<Response> {
    return handleOAuthRequest(await this.#facade, new Request(`${publicUrl}${path}`, init));
  }

  async post(path: string, body: Record<string, string | undefined>, headers = {}): Promise<TokenAnswer> {
    const given = Object.entries(body).filter((each): each is [string, string] => each[1] !== undefined);
    const response = await this.request(path, { method: 'POST', body: new URLSearchParams(given), headers });
    const text = await response.text();
    return { status: response.status, ...(text === '' ? {} : JSON.parse(text)) };
  }

  token(body: Record<string, string | undefined>, headers = {}): Promise<TokenAnswer> {
    return this.post('/token', body, headers);
  }

  async metadata(): Promise<Record<string, unknown>> {
    const response = await this.request('/.well-known/oauth-authorization-server');
    return (await response.json()) as Record<string, unknown>;
  }

  /** The caller of a request with this token. */
  async callerOf({ access_token }: TokenAnswer): Promise<Caller> {
    return facadeCaller(claimsOf(access_token!));
  }

  /** Whether the session step admits a request with this token. */
  async accepts(answer: TokenAnswer): Promise<boolean> {
    const rules = { ttlSeconds: 3600, stale: 'renew' } as const;
    const sessions = new Sessions(this.stores.sessions, rules, () => this.now);
    return sessions.isAuthorized(await this.callerOf(answer));
  }

  /** A signed JWT; `undefined` omits a claim. */
  sign(key: TestKey, claims: JWTPayload, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
    const times = { iat: this.now, exp: this.now + 300, jti: randomId() };
    return new SignJWT({ ...times, ...claims })
      .setProtectedHeader({ alg: key.alg, kid: key.jwk.kid!, ...header })
      .sign(key.privateKey);
  }
}

/** The claims of a token, without its verification. */
export const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());

export const basic = (id: string, secret: string): { authorization: string } => ({
  authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`,
});

/** Status and error code. */
export const refusalOf = ({ status, error }: TokenAnswer): [number, string | undefined] => [status, error];
