import * as oauth from 'oauth4webapi';
import {
  accountNameIn,
  faultOfCode,
  type GroupReader,
  nameIn,
  ProviderConfigurationError,
  SignInRefusedError,
  type UpstreamProvider,
  type UpstreamTokens,
  type UpstreamUser,
} from '../core/identity/upstream-provider.ts';
import { parseJson } from '../core/support/json.ts';
import type { Logger } from '../core/support/logger.ts';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';
import { quote } from '../core/support/untrusted-text.ts';
import { isLoopbackHost } from '../shared/loopback.ts';
import type { AssertionAudience, ClientAuthenticationMethod } from '../shared/upstream-authentication.ts';

export type OpenIdClientOptions = {
  issuer: string;
  clientId: string;
  /** Read at the first use: the secret, or the private key of `private_key_jwt` as a JWK. Absent for a public client. */
  clientSecret?: () => Promise<string>;
  /** @default - `client_secret_post` if the provider supports it, else `client_secret_basic` */
  authentication?: ClientAuthenticationMethod | undefined;
  /** @default 'issuer' */
  assertionAudience?: AssertionAudience | undefined;
  groupsIn: GroupReader;
  /** Whether claims that the id token lacks are read from the userinfo endpoint, if the provider has one (OIDC Core §5.4). */
  userInfo: boolean;
  /** Epoch seconds. */
  now: () => number;
};

export type OpenIdSignInOptions = OpenIdClientOptions & {
  scopes: string[];
  /** Further parameters of the authorization request. */
  parameters: Record<string, string>;
  /**
   * `prompt` of a sign-in with another account than the one that is signed in (OIDC Core §3.1.2.1).
   * @default 'login'
   */
  accountPrompt?: string | undefined;
  /** The same of a sign-in to the dashboard. */
  dashboard: { scopes: string[]; parameters: Record<string, string> };
  /** The claim with the user's name; only with the setting `showNames`. */
  nameClaim?: string | undefined;
  /** Whether upstream tokens of an ended grant are revoked at the provider. */
  revokes: boolean;
  redirectUri: string;
  log: Logger;
};

/** Of one request, discovery included: less than the lease of a refresh. */
const TIMEOUT_MILLISECONDS = 6000;
const DEFAULT_LIFETIME_SECONDS = 3600;
/** Between two fetches of the key set that an unknown key causes. */
const KEY_SET_PAUSE_SECONDS = 10;

/** The provider after the discovery. */
type DiscoveredProvider = {
  server: oauth.AuthorizationServer;
  client: oauth.Client;
  /** Of token and refresh requests. */
  authentication: oauth.ClientAuth;
  revocationAuthentication: oauth.ClientAuth;
};

type Connection = {
  /** Discovered once in the life of the process, and again after an error that the operator has to correct. */
  provider: () => Promise<DiscoveredProvider>;
  /** Rethrows an error of a request. */
  failed: (error: unknown) => never;
  /** For one request, whose timeout starts now. */
  options: () => { signal: AbortSignal; [oauth.allowInsecureRequests]: boolean };
  tokensOf: (response: oauth.TokenEndpointResponse) => UpstreamTokens;
};

/** OpenID Connect with `oauth4webapi`, the smallest certified client. */
export function connect(client: OpenIdClientOptions): Connection {
  const { issuer, clientId, clientSecret, authentication, assertionAudience, now } = client;
  const options = () => ({
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    [oauth.allowInsecureRequests]: isLoopbackHost(new URL(issuer)),
  });
  let discovered: Promise<DiscoveredProvider> | undefined;

  async function discover(): Promise<DiscoveredProvider> {
    const response = await oauth.discoveryRequest(new URL(issuer), { ...options(), algorithm: 'oidc' });
    const server = await oauth.processDiscoveryResponse(new URL(issuer), response);
    const fault = metadataFault(server);
    if (fault) throw fault;
    const secret = await clientSecret?.();
    const authenticationAt = (endpoint: string | undefined, method: ClientAuthenticationMethod) =>
      secret === undefined
        ? oauth.None()
        : authenticate(secret, authentication ?? method, assertionAudience === 'endpoint' ? endpoint : undefined);
    return {
      server,
      client: { client_id: clientId },
      authentication: await authenticationAt(server.token_endpoint, tokenMethod(server)),
      revocationAuthentication: await authenticationAt(server.revocation_endpoint, revocationMethod(server)),
    };
  }

  return {
    options,
    provider() {
      discovered ??= discover().catch((error) => {
        discovered = undefined;
        if (error instanceof ProviderConfigurationError) throw error;
        throw discoveryFault(issuer, error) ?? new ServiceUnavailableError('The identity provider', error);
      });
      return discovered;
    },
    failed(error) {
      if (error instanceof ProviderConfigurationError) discovered = undefined;
      throw error;
    },
    tokensOf: (response) => ({
      accessToken: response.access_token,
      expiresAt: now() + (response.expires_in ?? DEFAULT_LIFETIME_SECONDS),
      ...(response.refresh_token !== undefined && { refreshToken: response.refresh_token }),
    }),
  };
}

/** Without a list, a provider supports `client_secret_basic` (RFC 8414 §2; OIDC Discovery §3). */
const secretMethod = (supported: readonly string[] = []): ClientAuthenticationMethod =>
  supported.includes('client_secret_post') ? 'client_secret_post' : 'client_secret_basic';

const tokenMethod = (server: oauth.AuthorizationServer) => secretMethod(server.token_endpoint_auth_methods_supported);

/** The method of the token endpoint, unless the list of the revocation endpoint excludes it. Many providers have no list. */
function revocationMethod(server: oauth.AuthorizationServer): ClientAuthenticationMethod {
  const supported = server.revocation_endpoint_auth_methods_supported;
  const method = tokenMethod(server);
  return supported === undefined || supported.includes(method) ? method : secretMethod(supported);
}

/** @param audience of an assertion. @default - the issuer */
async function authenticate(
  secret: string,
  method: ClientAuthenticationMethod,
  audience: string | undefined,
): Promise<oauth.ClientAuth> {
  switch (method) {
    case 'client_secret_post':
      return oauth.ClientSecretPost(secret);
    case 'client_secret_basic':
      return oauth.ClientSecretBasic(secret);
    case 'private_key_jwt':
      return assertionBy(await privateKeyIn(secret), audience);
    case 'none':
      return oauth.None();
  }
}

/** `thumbprint`: of the certificate by which the provider knows the key (RFC 7515 §4.1.8). */
type ClientKey = Required<oauth.PrivateKey> & { thumbprint: string | undefined };

const assertionBy = ({ thumbprint, ...key }: ClientKey, audience: string | undefined): oauth.ClientAuth =>
  oauth.PrivateKeyJwt(key, {
    [oauth.modifyAssertion](header, payload) {
      header.typ = 'JWT';
      if (thumbprint !== undefined) header['x5t#S256'] = thumbprint;
      if (audience !== undefined) payload.aud = audience;
    },
  });

/**
 * The private key of `private_key_jwt`: a JWK whose `alg` names the signature.
 *
 * @throws ProviderConfigurationError without any part of the secret, which the errors of a parser quote
 */
async function privateKeyIn(secret: string): Promise<ClientKey> {
  const key = await importPrivateKey(secret).catch(() => undefined);
  if (key !== undefined) return key;
  throw new ProviderConfigurationError(
    'client_rejected',
    'the client secret is not a private JWK with alg and kid, which private_key_jwt needs',
  );
}

/** Of the signatures that `oauth4webapi` makes, by `alg` (RFC 7518 §3.1, RFC 8037). */
const signatureAlgorithms: Readonly<Record<string, Parameters<typeof crypto.subtle.importKey>[2]>> = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  ES512: { name: 'ECDSA', namedCurve: 'P-521' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  EdDSA: { name: 'Ed25519' },
  Ed25519: { name: 'Ed25519' },
};

async function importPrivateKey(secret: string): Promise<ClientKey | undefined> {
  const jwk = parseJson(secret) as JsonWebKey & { kid?: unknown; 'x5t#S256'?: string };
  const algorithm = jwk.alg === undefined ? undefined : signatureAlgorithms[jwk.alg];
  if (algorithm === undefined || typeof jwk.kid !== 'string' || jwk.d === undefined) return undefined;
  // The members that name a purpose could forbid the signature.
  const { use, key_ops, ...key } = jwk;
  return {
    key: await crypto.subtle.importKey('jwk', key, algorithm, false, ['sign']),
    kid: jwk.kid,
    thumbprint: jwk['x5t#S256'],
  };
}

/** The part that the MCP function needs: its bundle excludes sign-in. */
export function openIdRefresher(client: OpenIdClientOptions): Pick<UpstreamProvider, 'refresh'> {
  return { refresh: refreshOver(connect(client), client) };
}

type Claims = Readonly<Record<string, unknown>>;

/** The user of an id token. The library leaves both checks to its caller (OIDC Core §2, §3.1.3.7). */
function userOf({ iss, sub, azp }: oauth.IDToken, { client_id }: oauth.Client): UpstreamUser {
  if (sub === '' || (azp !== undefined && azp !== client_id)) throw new SignInRefusedError('invalid_id_token');
  return { issuer: iss, subject: sub };
}

export function openIdProvider({
  scopes,
  accountPrompt = 'login',
  nameClaim,
  redirectUri,
  revokes,
  log,
  ...client
}: OpenIdSignInOptions): UpstreamProvider {
  const connection = connect(client);
  const { provider, options, tokensOf, failed } = connection;
  const { groupsIn } = client;

  function validResponse(...response: Parameters<typeof oauth.validateAuthResponse>): URLSearchParams {
    try {
      return oauth.validateAuthResponse(...response);
    } catch (error) {
      const isScopeRejected = error instanceof oauth.AuthorizationResponseError && error.error === 'invalid_scope';
      throw (isScopeRejected && scopeFault(response[0], scopes)) || error;
    }
  }

  let keySetDueAt = 0;

  /**
   * Verifies the signature of the id token. The library keeps the key set of a metadata object for a minute at least. For a
   * key that is not in it, a copy of the object takes its place, without a key set: the provider may have rotated its key.
   */
  async function verifySignature(response: Response): Promise<void> {
    const discovered = await provider();
    const { server } = discovered;
    try {
      await oauth.validateApplicationLevelSignature(server, response, options());
    } catch (error) {
      if (!(error instanceof oauth.OperationProcessingError) || error.code !== oauth.KEY_SELECTION) throw error;
      if (discovered.server === server) {
        if (client.now() < keySetDueAt) throw error;
        keySetDueAt = client.now() + KEY_SET_PAUSE_SECONDS;
        discovered.server = { ...server };
      }
      await oauth.validateApplicationLevelSignature(discovered.server, response, options());
    }
  }

  /** Claims of the userinfo endpoint; undefined where it is not asked. */
  async function userInfoOf(accessToken: string, { subject }: UpstreamUser): Promise<Claims | undefined> {
    const { server, client: registered } = await provider();
    if (!client.userInfo || server.userinfo_endpoint === undefined) return undefined;
    const response = await oauth.userInfoRequest(server, registered, accessToken, options());
    if (response.status >= 400 && response.status < 500 && !passing.has(response.status)) {
      // The access token may be for another resource alone. A claim that the endpoint does not state is absent.
      log('userinfo_rejected', { status: response.status });
      return {};
    }
    try {
      return await oauth.processUserInfoResponse(server, registered, subject, response);
    } catch (error) {
      if ((error as { code?: unknown }).code !== oauth.JSON_ATTRIBUTE_COMPARISON) throw error;
      throw new SignInRefusedError('userinfo_of_other_user', error);
    }
  }

  /** The claims of the id token and, if it lacks one that Holdfast reads, those of the userinfo endpoint. */
  async function completeClaims(idToken: Claims, accessToken: string, user: UpstreamUser): Promise<Claims> {
    const isComplete = groupsIn(idToken) !== undefined && (nameClaim === undefined || nameClaim in idToken);
    return isComplete ? idToken : { ...(await userInfoOf(accessToken, user)), ...idToken };
  }

  return {
    refresh: refreshOver(connection, client),

    currentGroups: (accessToken, user) =>
      mapRefreshErrors(async () => {
        const claims = await userInfoOf(accessToken, user);
        return claims && (groupsIn(claims) ?? []);
      }),

    async signInUrl({ state, nonce, verifier }, purpose = 'grant', account = undefined) {
      const request = purpose === 'dashboard' ? client.dashboard : { scopes, parameters: client.parameters };
      const { server } = await provider();
      const url = new URL(server.authorization_endpoint!);
      const parameters = {
        ...request.parameters,
        ...(account === 'other' ? { prompt: accountPrompt } : account && { login_hint: account.login }),
        response_type: 'code',
        client_id: client.clientId,
        redirect_uri: redirectUri,
        scope: request.scopes.join(' '),
        state,
        nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },

    async redeem(parameters, { state, nonce, verifier }) {
      const { server, client, authentication } = await provider();
      return mapSignInErrors(async () => {
        const validated = validResponse(server, client, parameters, state);
        const response = await oauth.authorizationCodeGrantRequest(
          server,
          client,
          authentication,
          validated,
          redirectUri,
          verifier,
          options(),
        );
        const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
          expectedNonce: nonce,
          requireIdToken: true,
        });
        await verifySignature(response);
        const idToken = oauth.getValidatedIdTokenClaims(tokens)!;
        const user = userOf(idToken, client);
        const claims = await completeClaims(idToken, tokens.access_token, user);
        const account = accountNameIn(claims);
        return {
          identity: {
            ...user,
            groups: groupsIn(claims) ?? [],
            ...nameIn(claims, nameClaim),
            ...(account && { account }),
          },
          tokens: tokensOf(tokens),
        };
      }).catch(failed);
    },

    async revoke(refreshToken) {
      if (!revokes) return;
      const { server, client, revocationAuthentication } = await provider();
      if (!server.revocation_endpoint) return;
      const response = await oauth.revocationRequest(server, client, revocationAuthentication, refreshToken, options());
      try {
        await oauth.processRevocationResponse(response);
      } catch (error) {
        failed(clientFault(error) ?? error);
      }
    },
  };
}

function refreshOver(
  { provider, options, tokensOf, failed }: Connection,
  { groupsIn, userInfo }: Pick<OpenIdClientOptions, 'groupsIn' | 'userInfo'>,
): UpstreamProvider['refresh'] {
  return (refreshToken, expected) =>
    mapRefreshErrors(async () => {
      const requestOptions = options();
      const { server, client, authentication } = await provider();
      const response = await oauth.refreshTokenGrantRequest(
        server,
        client,
        authentication,
        refreshToken,
        requestOptions,
      );
      const tokens = await oauth.processRefreshTokenResponse(server, client, response);
      // Received from the token endpoint over TLS, which OIDC Core §3.1.3.7 accepts in place of the signature. A key set that
      // is unavailable at this moment would lose the next refresh token.
      const idToken = oauth.getValidatedIdTokenClaims(tokens);
      if (idToken === undefined) return tokensOf(tokens);
      const { issuer, subject } = userOf(idToken, client);
      if (issuer !== expected.issuer || subject !== expected.subject) {
        throw new SignInRefusedError('id_token_of_other_user');
      }
      const mayLackGroups = userInfo && server.userinfo_endpoint !== undefined;
      return { ...tokensOf(tokens), groups: groupsIn(idToken) ?? (mayLackGroups ? undefined : []) };
    }).catch(failed);
}

/** Codes of failed checks of a response, as opposed to a missing response. */
const failedChecks: (string | undefined)[] = [
  oauth.INVALID_RESPONSE,
  oauth.JSON_ATTRIBUTE_COMPARISON,
  oauth.JWT_CLAIM_COMPARISON,
  oauth.JWT_TIMESTAMP_CHECK,
  oauth.KEY_SELECTION,
];

/**
 * Maps a rejection of the user, or a failed check, to `SignInRefusedError`, a rejection of this server to
 * `ProviderConfigurationError`, and a failure to `ServiceUnavailableError`.
 */
async function mapSignInErrors<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof SignInRefusedError) throw error;
    const fault = clientFault(error);
    if (fault) throw fault;
    if (error instanceof oauth.AuthorizationResponseError) throw new SignInRefusedError(error.error, error);
    if (error instanceof oauth.ResponseBodyError && error.status < 500 && error.status !== 429) {
      throw new SignInRefusedError(error.error, error);
    }
    if (error instanceof oauth.UnsupportedOperationError) throw new SignInRefusedError(error.code, error);
    if (error instanceof oauth.OperationProcessingError && failedChecks.includes(error.code)) {
      throw new SignInRefusedError(error.code!, error);
    }
    throw new ServiceUnavailableError('The identity provider', error);
  }
}

/**
 * Rejections that a new sign-in of the user cures (RFC 6749 §5.2; OIDC Core §3.1.2.6; Microsoft Entra and Okta ask for a
 * second factor). They end the grant. A wrong client secret, for example, must not end the grants of all users
 * (`ProviderConfigurationError`).
 */
const curedBySignIn = new Set([
  'invalid_grant',
  'interaction_required',
  'login_required',
  'consent_required',
  'account_selection_required',
  'mfa_required',
]);

/**
 * These concern the grant as well, since a refresh follows a redemption that worked. With 401, the status of failed client
 * authentication (RFC 6749 §5.2), they mean a wrong client secret: at Auth0 the first, at Keycloak the second.
 */
const curedBySignInUnless401 = new Set(['access_denied', 'unauthorized_client']);

const isCuredBySignIn = ({ error, status }: oauth.ResponseBodyError) =>
  curedBySignIn.has(error) || (status !== 401 && curedBySignInUnless401.has(error));

async function mapRefreshErrors<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof ServiceUnavailableError || error instanceof SignInRefusedError) throw error;
    if (error instanceof oauth.ResponseBodyError && isCuredBySignIn(error)) {
      throw new SignInRefusedError(error.error, error);
    }
    throw clientFault(error) ?? new ServiceUnavailableError('The identity provider', error);
  }
}

/** Statuses of a missing document that may exist later: timeouts and rate limits. */
const passing = new Set([408, 425, 429]);

/** @returns undefined unless the operator has to correct the issuer */
function discoveryFault(issuer: string, error: unknown): ProviderConfigurationError | undefined {
  if (!(error instanceof oauth.OperationProcessingError)) return undefined;
  const cause = error.cause as { status?: unknown; body?: { issuer?: unknown }; attribute?: unknown } | undefined;
  if (error.code === oauth.JSON_ATTRIBUTE_COMPARISON && cause?.attribute === 'issuer') {
    const message = `issuer is ${quote(issuer)}, discovery says ${quote(String(cause.body?.issuer))}`;
    return new ProviderConfigurationError('issuer_mismatch', message, { cause: error });
  }
  const status = error.code === oauth.RESPONSE_IS_NOT_CONFORM && typeof cause?.status === 'number' ? cause.status : 200;
  if (status >= 500 || passing.has(status)) return undefined;
  const found = status === 200 ? 'is no discovery document' : `answered ${status}`;
  const message = `issuer is ${quote(issuer)}; ${discoveryUrl(issuer)} ${found}`;
  return new ProviderConfigurationError('discovery_missing', message, { cause: error });
}

const discoveryUrl = (issuer: string) => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;

/** @returns undefined when the provider can be used */
function metadataFault(server: oauth.AuthorizationServer): ProviderConfigurationError | undefined {
  const missing = (['authorization_endpoint', 'token_endpoint'] as const).find(
    (name) => !URL.canParse(server[name] ?? ''),
  );
  if (missing === undefined) return undefined;
  return new ProviderConfigurationError(
    'metadata_incomplete',
    `the discovery document of the issuer has no ${missing}`,
  );
}

/** @returns undefined unless the provider rejects this server in its response to a request of this server */
function clientFault(error: unknown): ProviderConfigurationError | undefined {
  if (error instanceof ProviderConfigurationError) return error;
  const { code, status, description } = rejectionIn(error) ?? {};
  if (code === undefined) return undefined;
  const fault = faultOfCode[code] ?? (status === 401 && !curedBySignIn.has(code) ? 'client_rejected' : undefined);
  if (!fault) return undefined;
  const message = `the provider answered ${code}${description === undefined ? '' : `, ${quote(description)}`}`;
  return new ProviderConfigurationError(fault, message, { reason: code, cause: error });
}

function rejectionIn(error: unknown): { code: string; status: number; description?: string | undefined } | undefined {
  if (error instanceof oauth.ResponseBodyError && error.status < 500) {
    return { code: error.error, status: error.status, description: error.error_description };
  }
  // A 401 with a challenge, which RFC 6749 §5.2 asks for, has failed client authentication.
  if (error instanceof oauth.WWWAuthenticateChallengeError && error.status === 401) {
    return { code: 'invalid_client', status: error.status };
  }
  return undefined;
}

/**
 * The authorization response passes through the browser, where anyone can write an `invalid_scope` into it: it counts only
 * if the discovery document confirms it.
 * @returns undefined unless it does
 */
function scopeFault(
  server: oauth.AuthorizationServer,
  scopes: readonly string[],
): ProviderConfigurationError | undefined {
  const { scopes_supported: supported } = server;
  const unknown = supported && scopes.find((scope) => !supported.includes(scope));
  if (unknown === undefined) return undefined;
  const message = `the provider does not support the scope ${quote(unknown)}`;
  return new ProviderConfigurationError('scope_rejected', message, { reason: 'invalid_scope' });
}
