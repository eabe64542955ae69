import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Resources } from '../../bench/harness/assembly.ts';

/** The sign-in that a code belongs to. */
export type UpstreamSignIn = { nonce: string; sub: string };

export type TokenAnswer = { status?: number; body: Record<string, unknown> | string };

/**
 * An identity provider that a test can make misbehave. It signs in every user without a page; the test sets the responses
 * of its token endpoint.
 */
export class Provider {
  readonly clientId = 'holdfast-at-the-provider';
  readonly #server: Server;
  readonly #codes = new Map<string, UpstreamSignIn>();
  #keys: { kid: string; privateKey: CryptoKey; jwk: JWK }[] = [];
  /** The response to a code. */
  onCode: (signIn: UpstreamSignIn) => Promise<TokenAnswer> = async (signIn) => this.tokens(signIn);
  /** The response to a refresh token. */
  onRefresh: () => Promise<TokenAnswer> = async () => this.tokens({ nonce: '', sub: 'refreshed' });
  /** The response to an exchange. */
  onExchange: (form: URLSearchParams) => Promise<TokenAnswer> = async () => ({
    status: 400,
    body: { error: 'unsupported_grant_type' },
  });
  /** The response to a revocation; undefined leaves the request unanswered. */
  onRevoke: () => TokenAnswer | undefined = () => ({ body: {} });
  /** The subject of the next sign-in. */
  sub = 'user-1';
  /** The number of requests by path. */
  readonly requests: Record<string, number> = {};

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Provider> {
    const server = createServer((request, response) => void provider.#answer(request, response));
    const provider = new Provider(server);
    await provider.newKey();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Makes the functions of a template use this provider, and revoke its tokens. */
  use = (resources: Resources): void => {
    for (const { Type, Properties } of Object.values(resources)) {
      const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
      if ('IDP_ISSUER' in variables)
        Object.assign(variables, { IDP_ISSUER: this.issuer, IDP_CLIENT_ID: this.clientId, IDP_REVOKES: 'true' });
    }
  };

  /** Replaces the signing key; only the new one is published. */
  async newKey(): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const kid = randomBytes(8).toString('hex');
    this.#keys = [{ kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } }];
  }

  get publicJwk(): JWK {
    return this.#keys[0]!.jwk;
  }

  claims({ nonce, sub }: UpstreamSignIn): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000);
    return { iss: this.issuer, aud: this.clientId, sub, nonce, iat: now, exp: now + 300, email: 'shared@example.com' };
  }

  sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
    const { kid, privateKey } = this.#keys[0]!;
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid, ...header })
      .sign(privateKey, { crit: { x: true } });
  }

  /** The honest token response. */
  async tokens(signIn: UpstreamSignIn, change: Record<string, unknown> = {}): Promise<TokenAnswer> {
    const id_token = await this.sign(this.claims(signIn));
    const access_token = `at-${randomBytes(16).toString('hex')}`;
    const refresh_token = `rt-${randomBytes(16).toString('hex')}`;
    return { body: { access_token, refresh_token, token_type: 'Bearer', expires_in: 3600, id_token, ...change } };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.issuer);
    this.requests[url.pathname] = (this.requests[url.pathname] ?? 0) + 1;
    const send = ({ status = 200, body }: TokenAnswer) => {
      response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/html' : 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return send({
          body: {
            issuer: this.issuer,
            authorization_endpoint: `${this.issuer}/authorize`,
            token_endpoint: `${this.issuer}/token`,
            jwks_uri: `${this.issuer}/jwks`,
            userinfo_endpoint: `${this.issuer}/userinfo`,
            revocation_endpoint: `${this.issuer}/revoke`,
            id_token_signing_alg_values_supported: ['RS256'],
          },
        });
      case '/jwks':
        return send({ body: { keys: this.#keys.map(({ jwk }) => jwk) } });
      case '/authorize': {
        const code = randomBytes(8).toString('hex');
        this.#codes.set(code, { nonce: url.searchParams.get('nonce')!, sub: this.sub });
        const back = new URL(url.searchParams.get('redirect_uri')!);
        back.searchParams.set('code', code);
        back.searchParams.set('state', url.searchParams.get('state')!);
        response.writeHead(303, { location: back.href });
        return void response.end();
      }
      case '/token': {
        const form = new URLSearchParams(await text(request));
        if (form.get('grant_type') === 'refresh_token') return send(await this.onRefresh());
        if (form.get('grant_type') !== 'authorization_code') return send(await this.onExchange(form));
        const signIn = this.#codes.get(form.get('code') ?? '');
        return send(signIn ? await this.onCode(signIn) : { status: 400, body: { error: 'invalid_grant' } });
      }
      case '/userinfo':
        return send({ body: { sub: this.sub } });
      case '/revoke': {
        const answer = this.onRevoke();
        return answer && send(answer);
      }
      default:
        return send({ status: 404, body: {} });
    }
  }
}
