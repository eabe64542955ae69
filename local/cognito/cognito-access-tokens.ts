import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { jwtVerify, SignJWT } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';

/**
 * Access tokens in Cognito's format. oidc-provider's tokens are opaque, and its JWTs are always for another server, so its
 * user-info endpoint does not accept them: this token is a JWT whose `jti` is an opaque token.
 */
export class CognitoAccessTokens {
  readonly #issuer: string;
  readonly #jwk: JsonWebKey;

  constructor(issuer: string, jwk: JsonWebKey) {
    this.#issuer = issuer;
    this.#jwk = jwk;
  }

  /** Replaces the opaque token in a response of the token endpoint. */
  async wrap({ oidc, body }: KoaContextWithOIDC): Promise<void> {
    const { AccessToken: token, Account: account } = oidc.entities;
    const response = body as Record<string, unknown>;
    const groups = account!.groups as string[];
    response.access_token = await new SignJWT({
      client_id: token!.clientId,
      token_use: 'access',
      scope: token!.scope,
      username: account!.username,
      ...(groups.length > 0 && { 'cognito:groups': groups }),
      version: 2,
    })
      .setProtectedHeader({ alg: 'RS256', kid: String(this.#jwk.kid) })
      .setIssuer(this.#issuer)
      .setSubject(account!.accountId)
      .setJti(token!.jti)
      .setIssuedAt()
      .setExpirationTime(`${response.expires_in}s`)
      .sign(createPrivateKey({ key: this.#jwk, format: 'jwk' }));
    // Cognito omits it.
    delete response.scope;
  }

  /** Replaces a valid JWT by its opaque token for the user-info endpoint, which rejects all other tokens. */
  async unwrap({ req }: { req: IncomingMessage }): Promise<void> {
    const [, token = ''] = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '') ?? [];
    const key = createPublicKey({ key: this.#jwk, format: 'jwk' });
    const verified = await jwtVerify(token, key, { issuer: this.#issuer, algorithms: ['RS256'] }).catch(
      () => undefined,
    );
    if (verified?.payload.token_use === 'access') req.headers.authorization = `Bearer ${verified.payload.jti}`;
  }
}

export function newSigningKey(): JsonWebKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    ...privateKey.export({ format: 'jwk' }),
    kid: randomBytes(16).toString('base64url'),
    use: 'sig',
    alg: 'RS256',
  };
}
