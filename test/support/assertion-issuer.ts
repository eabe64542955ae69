import { randomUUID } from 'node:crypto';
import type { JSONWebKeySet, JWTPayload } from 'jose';
import { SignJWT } from 'jose';
import type { DocumentServer } from './document-server.ts';
import { type TestKey, testKey } from './token-facade.ts';

export const ASSERTION_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** A platform of workloads, or the provider of an enterprise, whose assertions a server trusts. */
export class AssertionIssuer {
  readonly issuer: string;
  readonly #key: TestKey;

  private constructor(issuer: string, key: TestKey) {
    this.issuer = issuer;
    this.#key = key;
  }

  static async create(issuer: string): Promise<AssertionIssuer> {
    return new AssertionIssuer(issuer, await testKey());
  }

  /** An issuer that publishes its discovery document and its keys at the host. */
  static async at(host: DocumentServer): Promise<AssertionIssuer> {
    const created = await AssertionIssuer.create(host.origin);
    const jwks_uri = host.serve('/jwks.json', created.jwks);
    host.serve('/.well-known/openid-configuration', { issuer: created.issuer, jwks_uri });
    return created;
  }

  get jwks(): JSONWebKeySet {
    return { keys: [this.#key.jwk] };
  }

  /** The token of a workload for the server. */
  workloadToken(origin: string, subject: string): Promise<string> {
    return this.#sign({ sub: subject, aud: `${origin}/mcp` }, 'JWT');
  }

  /** An ID-JAG for a user of the enterprise at the server. */
  idJag(origin: string, clientId: string, subject: string): Promise<string> {
    const claims = { sub: subject, aud: origin, client_id: clientId, resource: `${origin}/mcp`, scope: 'mcp' };
    return this.#sign(claims, 'oauth-id-jag+jwt');
  }

  /** The assertion by which a client with the key of this issuer authenticates. */
  clientAssertion(origin: string, clientId: string): Promise<string> {
    return this.#sign({ iss: clientId, sub: clientId, aud: origin }, 'client-authentication+jwt');
  }

  #sign(claims: JWTPayload, typ: string): Promise<string> {
    const { alg, jwk, privateKey } = this.#key;
    return new SignJWT({ iss: this.issuer, jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg, kid: jwk.kid!, typ })
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
  }
}

/** Redeems an assertion at the token endpoint. @param headers authenticate the client of an ID-JAG */
export const redeemAssertion = (
  origin: string,
  assertion: string,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${origin}/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams({ grant_type: ASSERTION_GRANT, assertion }),
  });
