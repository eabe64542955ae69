import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTHeaderParameters,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { Resources } from '../../bench/harness/assembly.ts';
import type { AssertionAudience, ClientAuthenticationMethod } from '../../lambda/shared/upstream-authentication.ts';

/** The differences between identity providers that a client notices. */
export type Behaviour = {
  /** The path of the issuer; some end in a slash. */
  path: string;
  /** The scopes it accepts; any other one is `invalid_scope`. @default - accepts every scope */
  scopes?: readonly string[];
  /** The part of an authorization request that it issues a refresh token for. */
  refreshTokenFor: { scope?: string; parameters?: Record<string, string> };
  /** Whether a refresh token is valid once. */
  rotates: boolean;
  /** The only client authentication that it accepts. */
  authentication: ClientAuthenticationMethod;
  /** The same of its revocation endpoint. @default - `authentication`, without a list in its discovery document */
  revocationAuthentication?: ClientAuthenticationMethod;
  /** The audience of the assertions that it accepts. */
  assertionAudience: AssertionAudience;
  /** Whether `resource` beside `scope` is an error. */
  rejectsResource: boolean;
  /** Whether its discovery document lists the client authentication. */
  listsAuthentication: boolean;
  /** Whether it sends `iss` in authorization responses, and advertises it (RFC 9207). */
  sendsIssuer: boolean;
  /** Whether its discovery document advertises PKCE. */
  advertisesPkce: boolean;
  alg: 'RS256' | 'ES256' | 'EdDSA';
  /** Additional claims of id tokens. */
  claims: Record<string, unknown>;
  /** Additional claims of the userinfo endpoint. */
  userInfoClaims: Record<string, unknown>;
  /** Whether the response to a refresh has an id token. */
  idTokenAtRefresh: boolean;
  /** The subject of the tokens. */
  subject: string;
  revocation: boolean;
  /** Whether its discovery document lists `scopes`. */
  advertisesScopes: boolean;
};

export const CLIENT = { id: 'holdfast at the provider', secret: 'secret: with % and ü' };

/** A private key as its secret holds it. */
export async function newClientKey(alg = 'ES256'): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid: 'client-key' };
}

const signingKeyPairs = new Map<string, ReturnType<typeof generateKeyPair>>();

/**
 * A provider has the keys of an earlier one that has stopped, because an RSA key takes a tenth of a second of CPU.
 *
 * @param name distinct among the keys of running providers
 */
function signingKeyPair(alg: string, name: string): ReturnType<typeof generateKeyPair> {
  const known = signingKeyPairs.get(`${alg} ${name}`) ?? generateKeyPair(alg, { extractable: true });
  signingKeyPairs.set(`${alg} ${name}`, known);
  return known;
}

/** Makes the functions of a template sign users in at the provider. */
export const signInAt = (provider: ScriptedProvider) => (resources: Resources) => {
  for (const { Type, Properties } of Object.values(resources)) {
    const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
    if (!('IDP_ISSUER' in variables)) continue;
    Object.assign(variables, { IDP_ISSUER: provider.issuer, IDP_CLIENT_ID: provider.clientId });
  }
};

type Request = { parameters: URLSearchParams; refreshable: boolean };

const running: (ScriptedProvider | undefined)[] = [];

/** An identity provider with the given behaviour, which signs in every user without a page. */
export class ScriptedProvider {
  readonly behaviour: Behaviour;
  /** The last authorization request. */
  authorizationRequest = new URLSearchParams();
  /** While true, every request gets 503. */
  down = false;
  /** Revoked refresh tokens. */
  readonly revoked: string[] = [];
  /** Responds at the token endpoint in place of the provider. */
  interfere: ((response: ServerResponse) => void) | undefined;
  /** The error of every authorization response. */
  refuses: string | undefined;
  /** Responds to the request for the discovery document in place of the provider. */
  interfereWithDiscovery: ((response: ServerResponse) => void) | undefined;
  /** Responds at the userinfo endpoint in place of the provider. */
  interfereAtUserInfo: ((response: ServerResponse) => void) | undefined;
  /** `Authorization` headers of requests to the user-info endpoint. */
  readonly userInfoTokens: string[] = [];
  readonly clientId = CLIENT.id;
  /** The number of requests to the token endpoint. */
  tokenRequests = 0;
  /** The client's private key, for `private_key_jwt`. */
  clientKey: JWK | undefined;
  /** The header of the last assertion. */
  assertionHeader: JWTHeaderParameters | undefined;
  readonly #assertions = new Set<string>();
  readonly #server: Server;
  readonly #codes = new Map<string, Request>();
  readonly #refreshTokens = new Map<string, Request>();
  readonly #number: number;
  #keys = 0;
  #key: { privateKey: CryptoKey; jwk: JWK } | undefined;

  private constructor(server: Server, behaviour: Behaviour) {
    this.#server = server;
    this.#number = [...running, undefined].indexOf(undefined);
    running[this.#number] = this;
    this.behaviour = behaviour;
  }

  static async start(behaviour: Partial<Behaviour> = {}): Promise<ScriptedProvider> {
    const server = createServer((request, response) => {
      provider.#answer(request, response).catch((error) => {
        response.writeHead(500).end(String(error));
      });
    }).listen(0, '127.0.0.1');
    const provider = new ScriptedProvider(server, {
      path: '',
      refreshTokenFor: {},
      rotates: false,
      authentication: 'none',
      assertionAudience: 'issuer',
      listsAuthentication: true,
      rejectsResource: false,
      sendsIssuer: false,
      advertisesPkce: true,
      alg: 'RS256',
      claims: {},
      userInfoClaims: {},
      idTokenAtRefresh: true,
      subject: 'ada',
      revocation: true,
      advertisesScopes: false,
      ...behaviour,
    });
    await once(server, 'listening');
    if (provider.behaviour.authentication === 'private_key_jwt') provider.clientKey = await newClientKey();
    await provider.rotateKey();
    return provider;
  }

  /** Replaces the signing key; only the new one is published. */
  async rotateKey(): Promise<void> {
    const { alg } = this.behaviour;
    const kid = `key-${++this.#keys}`;
    const { privateKey, publicKey } = await signingKeyPair(alg, `${this.#number} ${kid}`);
    this.#key = { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get issuer(): string {
    return `${this.origin}${this.behaviour.path}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    delete running[this.#number];
    await once(this.#server, 'close');
  }

  /** A token signed with the key of this provider. */
  sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ iss: this.issuer, sub: this.behaviour.subject, iat: now, exp: now + 300, ...claims })
      .setProtectedHeader({ alg: this.behaviour.alg, kid: this.#key!.jwk.kid!, ...header })
      .sign(this.#key!.privateKey);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.origin);
    const send = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (this.down) return send(503, { error: 'temporarily_unavailable' });
    switch (url.pathname) {
      case `${this.behaviour.path.replace(/\/$/, '')}/.well-known/openid-configuration`:
        if (this.interfereWithDiscovery) return this.interfereWithDiscovery(response);
        return send(200, this.discovery());
      case '/jwks':
        return send(200, { keys: [this.#key!.jwk] });
      case '/authorize':
        return this.#authorize(url.searchParams, response);
      case '/register':
        return send(201, { ...((await json(request)) as object), client_id: CLIENT.id });
      case '/token': {
        this.tokenRequests++;
        if (this.interfere) return this.interfere(response);
        const form = new URLSearchParams(await text(request));
        if (!(await this.#authenticated(request, form))) return send(401, { error: 'invalid_client' });
        const tokens = await this.#redeem(form);
        return tokens ? send(200, tokens) : send(400, { error: 'invalid_grant' });
      }
      case '/revoke': {
        if (this.interfere) return this.interfere(response);
        const form = new URLSearchParams(await text(request));
        const { authentication, revocationAuthentication = authentication } = this.behaviour;
        const isAuthenticated = await this.#authenticated(request, form, revocationAuthentication);
        if (!isAuthenticated) return send(401, { error: 'invalid_client' });
        this.revoked.push(form.get('token')!);
        return send(200, {});
      }
      case '/userinfo':
        this.userInfoTokens.push(request.headers.authorization!);
        if (this.interfereAtUserInfo) return this.interfereAtUserInfo(response);
        return send(200, { sub: this.behaviour.subject, ...this.behaviour.userInfoClaims });
      default:
        return send(404, { error: 'not_found' });
    }
  }

  /** The discovery document. */
  discovery(): Record<string, unknown> {
    const {
      alg,
      authentication,
      listsAuthentication,
      sendsIssuer,
      revocation,
      revocationAuthentication,
      advertisesPkce,
      scopes,
      advertisesScopes,
    } = this.behaviour;
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.origin}/authorize`,
      token_endpoint: `${this.origin}/token`,
      registration_endpoint: `${this.origin}/register`,
      jwks_uri: `${this.origin}/jwks`,
      userinfo_endpoint: `${this.origin}/userinfo`,
      ...(revocation && { revocation_endpoint: `${this.origin}/revoke` }),
      ...(revocationAuthentication && { revocation_endpoint_auth_methods_supported: [revocationAuthentication] }),
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [alg],
      ...(listsAuthentication && { token_endpoint_auth_methods_supported: [authentication] }),
      ...(advertisesPkce && { code_challenge_methods_supported: ['S256'] }),
      ...(sendsIssuer && { authorization_response_iss_parameter_supported: true }),
      ...(advertisesScopes && { scopes_supported: scopes }),
    };
  }

  #authorize(request: URLSearchParams, response: ServerResponse): void {
    this.authorizationRequest = request;
    const back = new URL(request.get('redirect_uri')!);
    back.searchParams.set('state', request.get('state')!);
    if (this.behaviour.sendsIssuer) back.searchParams.set('iss', this.issuer);
    const error = this.refuses ?? this.#errorOf(request);
    if (error !== undefined) back.searchParams.set('error', error);
    else {
      const code = randomBytes(16).toString('hex');
      this.#codes.set(code, { parameters: request, refreshable: this.#isRefreshable(request) });
      back.searchParams.set('code', code);
    }
    response.writeHead(303, { location: back.href }).end();
  }

  #errorOf(request: URLSearchParams): string | undefined {
    const { scopes, rejectsResource } = this.behaviour;
    const requested = request.get('scope')?.split(' ') ?? [];
    if (request.get('client_id') !== CLIENT.id) return 'unauthorized_client';
    if (scopes && !requested.every((scope) => scopes.includes(scope))) return 'invalid_scope';
    if (rejectsResource && request.has('resource')) return 'invalid_resource';
    return request.get('code_challenge_method') === 'S256' ? undefined : 'invalid_request';
  }

  #isRefreshable(request: URLSearchParams): boolean {
    const { scope, parameters = {} } = this.behaviour.refreshTokenFor;
    if (scope !== undefined && !request.get('scope')?.split(' ').includes(scope)) return false;
    return Object.entries(parameters).every(([name, value]) => request.get(name) === value);
  }

  async #authenticated(
    { headers, url }: IncomingMessage,
    form: URLSearchParams,
    method = this.behaviour.authentication,
  ): Promise<boolean> {
    switch (method) {
      case 'client_secret_basic': {
        // RFC 6749 §2.3.1: id and secret are form-encoded before they are joined.
        const pair = [CLIENT.id, CLIENT.secret]
          .map((part) => new URLSearchParams({ part }).toString().slice(5))
          .join(':');
        return headers.authorization === `Basic ${btoa(pair)}` && !form.has('client_secret');
      }
      case 'client_secret_post':
        return (
          !headers.authorization && form.get('client_id') === CLIENT.id && form.get('client_secret') === CLIENT.secret
        );
      case 'private_key_jwt':
        return (
          !headers.authorization &&
          !form.has('client_secret') &&
          form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' &&
          this.#isAssertion(form.get('client_assertion') ?? '', `${this.origin}${url}`)
        );
      case 'none':
        return !headers.authorization && form.get('client_id') === CLIENT.id && !form.has('client_secret');
    }
  }

  /** RFC 7523 §3; an assertion is used once. */
  async #isAssertion(assertion: string, endpoint: string): Promise<boolean> {
    const { d: _, ...publicJwk } = this.clientKey!;
    const { payload, protectedHeader } = await jwtVerify(assertion, await importJWK(publicJwk), {
      issuer: CLIENT.id,
      subject: CLIENT.id,
      audience: this.behaviour.assertionAudience === 'endpoint' ? endpoint : this.issuer,
      requiredClaims: ['exp', 'jti'],
    });
    const isFirst = !this.#assertions.has(payload.jti!);
    this.#assertions.add(payload.jti!);
    this.assertionHeader = protectedHeader;
    return isFirst;
  }

  async #redeem(form: URLSearchParams): Promise<object | undefined> {
    const presented = form.get('refresh_token');
    if (presented !== null) {
      const request = this.#refreshTokens.get(presented);
      if (request && this.behaviour.rotates) this.#refreshTokens.delete(presented);
      return request && this.#tokens(request, this.behaviour.rotates, this.behaviour.idTokenAtRefresh);
    }
    const code = form.get('code') ?? '';
    const request = this.#codes.get(code);
    this.#codes.delete(code);
    const digest = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (!request || digest !== request.parameters.get('code_challenge')) return undefined;
    return this.#tokens(request, request.refreshable);
  }

  async #tokens(request: Request, withRefreshToken: boolean, withIdToken = true): Promise<object> {
    const { parameters } = request;
    const audience = parameters.get('resource') ?? parameters.get('audience');
    const refreshToken = randomBytes(16).toString('hex');
    if (withRefreshToken) this.#refreshTokens.set(refreshToken, request);
    const nonce = parameters.get('nonce') ?? undefined;
    return {
      token_type: 'Bearer',
      expires_in: 300,
      access_token: audience
        ? await this.sign(
            {
              aud: audience,
              client_id: CLIENT.id,
              scope: parameters.get('scope'),
              jti: randomBytes(8).toString('hex'),
            },
            { typ: 'at+jwt' },
          )
        : randomBytes(16).toString('hex'),
      ...(withRefreshToken && { refresh_token: refreshToken }),
      ...(withIdToken && { id_token: await this.sign({ ...this.behaviour.claims, aud: CLIENT.id, nonce }) }),
    };
  }
}
