import * as oauth from 'oauth4webapi';
import {
  groupsOf,
  nameIn,
  SignInRefusedError,
  type UpstreamProvider,
  type UpstreamTokens,
} from '../core/identity/upstream-provider.ts';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';
import { isLoopbackHost } from '../shared/loopback.ts';

export type OpenIdClientOptions = {
  issuer: string;
  clientId: string;
  /** Fetched when first needed; absent for a public client. */
  clientSecret?: () => Promise<string>;
  /** How the secret is sent (OIDC Core §9). */
  authentication: 'client_secret_post' | 'client_secret_basic';
  /** Epoch seconds. */
  now: () => number;
};

export type OpenIdSignInOptions = OpenIdClientOptions & {
  scopes: string[];
  /** What else the provider wants in the authorization request. */
  parameters: Record<string, string>;
  /** Claims of the id token that name the user's groups. */
  groupClaims: string[];
  /** The claim that says what the user is called, where the owner wants to know. */
  nameClaim?: string | undefined;
  /** Whether the provider is told of a grant that ends. */
  revokes: boolean;
  /** Our one callback. */
  redirectUri: string;
};

/** Of one request, with whatever it needs first: less than the lease of a refresh. */
const TIMEOUT_MILLISECONDS = 6000;
const DEFAULT_LIFETIME_SECONDS = 3600;

/** What is known of the provider once its discovery document has been read. */
type Known = { server: oauth.AuthorizationServer; client: oauth.Client; authentication: oauth.ClientAuth };

type Connection = {
  /** The provider's endpoints, fetched once in the life of the function. */
  provider: () => Promise<Known>;
  /** For one request: its time runs from here on. */
  options: () => { signal: AbortSignal; [oauth.allowInsecureRequests]: boolean };
  tokensOf: (answer: oauth.TokenEndpointResponse) => UpstreamTokens;
};

/** The identity provider by OpenID Connect, with `oauth4webapi`: certified, and the smallest that is. */
function connect({ issuer, clientId, clientSecret, authentication, now }: OpenIdClientOptions): Connection {
  const options = () => ({
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    [oauth.allowInsecureRequests]: isLoopbackHost(new URL(issuer)),
  });
  let known: Promise<Known> | undefined;

  async function discover(): Promise<Known> {
    const answer = await oauth.discoveryRequest(new URL(issuer), { ...options(), algorithm: 'oidc' });
    const server = await oauth.processDiscoveryResponse(new URL(issuer), answer);
    return { server, client: { client_id: clientId }, authentication: authenticate(await clientSecret?.()) };
  }

  function authenticate(secret: string | undefined): oauth.ClientAuth {
    if (secret === undefined) return oauth.None();
    return authentication === 'client_secret_basic' ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret);
  }

  return {
    options,
    provider() {
      known ??= discover().catch((error) => {
        known = undefined;
        throw new ServiceUnavailableError('The identity provider', error);
      });
      return known;
    },
    tokensOf: (answer) => ({
      accessToken: answer.access_token,
      expiresAt: now() + (answer.expires_in ?? DEFAULT_LIFETIME_SECONDS),
      ...(answer.refresh_token !== undefined && { refreshToken: answer.refresh_token }),
    }),
  };
}

/** As much of the provider as the MCP function needs, whose bundle has no room for sign-in. */
export function openIdRefresher(client: OpenIdClientOptions): Pick<UpstreamProvider, 'refresh'> {
  return { refresh: refreshOver(connect(client)) };
}

export function openIdProvider({
  scopes,
  groupClaims,
  nameClaim,
  redirectUri,
  revokes,
  ...client
}: OpenIdSignInOptions): UpstreamProvider {
  const connection = connect(client);
  const { provider, options, tokensOf } = connection;
  return {
    refresh: refreshOver(connection),

    async signInUrl({ state, nonce, verifier }) {
      const { server } = await provider();
      const url = new URL(server.authorization_endpoint!);
      const parameters = {
        ...client.parameters,
        response_type: 'code',
        client_id: client.clientId,
        redirect_uri: redirectUri,
        scope: scopes.join(' '),
        state,
        nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },

    async redeem(answer, { state, nonce, verifier }) {
      const { server, client, authentication } = await provider();
      return signingIn(async () => {
        const parameters = oauth.validateAuthResponse(server, client, answer, state);
        const response = await oauth.authorizationCodeGrantRequest(
          server,
          client,
          authentication,
          parameters,
          redirectUri,
          verifier,
          options(),
        );
        const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
          expectedNonce: nonce,
          requireIdToken: true,
        });
        await oauth.validateApplicationLevelSignature(server, response, options());
        const { iss, sub, ...claims } = oauth.getValidatedIdTokenClaims(tokens)!;
        // Both are left to the caller (OIDC Core §2, §3.1.3.7).
        const issuedToAnother = claims.azp !== undefined && claims.azp !== client.client_id;
        if (sub === '' || issuedToAnother) throw new SignInRefusedError('invalid_id_token');
        return {
          identity: { issuer: iss, subject: sub, groups: groupsOf(claims, groupClaims), ...nameIn(claims, nameClaim) },
          tokens: tokensOf(tokens),
        };
      });
    },

    async revoke(refreshToken) {
      if (!revokes) return;
      const { server, client, authentication } = await provider();
      if (!server.revocation_endpoint) return;
      const answer = await oauth.revocationRequest(server, client, authentication, refreshToken, options());
      await oauth.processRevocationResponse(answer);
    },
  };
}

function refreshOver({ provider, options, tokensOf }: Connection): UpstreamProvider['refresh'] {
  return (refreshToken) =>
    refreshing(async () => {
      const inTime = options();
      const { server, client, authentication } = await provider();
      const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, refreshToken, inTime);
      return tokensOf(await oauth.processRefreshTokenResponse(server, client, answer));
    });
}

/** Checks of an answer that did not hold, as against answers that did not come through. */
const failedChecks: (string | undefined)[] = [
  oauth.INVALID_RESPONSE,
  oauth.JSON_ATTRIBUTE_COMPARISON,
  oauth.JWT_CLAIM_COMPARISON,
  oauth.JWT_TIMESTAMP_CHECK,
  oauth.KEY_SELECTION,
];

/** Runs a sign-in: what the provider or a check refuses is `SignInRefused`, what does not answer is `Outage`. */
async function signingIn<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof SignInRefusedError) throw error;
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

/** Runs a refresh. Only `invalid_grant` means that it is over: a wrong client secret, say, must end nobody's grant. */
async function refreshing<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof ServiceUnavailableError) throw error;
    if (error instanceof oauth.ResponseBodyError && error.error === 'invalid_grant') {
      throw new SignInRefusedError(error.error, error);
    }
    throw new ServiceUnavailableError('The identity provider', error);
  }
}
