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
  /** Read at the first use; absent for a public client. */
  clientSecret?: () => Promise<string>;
  /** Client authentication method (OIDC Core §9). */
  authentication: 'client_secret_post' | 'client_secret_basic';
  /** Epoch seconds. */
  now: () => number;
};

export type OpenIdSignInOptions = OpenIdClientOptions & {
  scopes: string[];
  /** Further parameters of the authorization request. */
  parameters: Record<string, string>;
  /** Claims of the id token that name the user's groups. */
  groupClaims: string[];
  /** The claim with the user's name; only with the setting `showNames`. */
  nameClaim?: string | undefined;
  /** Whether upstream tokens of an ended grant are revoked at the provider. */
  revokes: boolean;
  redirectUri: string;
};

/** Of one request, discovery included: less than the lease of a refresh. */
const TIMEOUT_MILLISECONDS = 6000;
const DEFAULT_LIFETIME_SECONDS = 3600;

/** The provider after the discovery. */
type DiscoveredProvider = { server: oauth.AuthorizationServer; client: oauth.Client; authentication: oauth.ClientAuth };

type Connection = {
  /** Discovered once in the life of the process. */
  provider: () => Promise<DiscoveredProvider>;
  /** For one request, whose timeout starts now. */
  options: () => { signal: AbortSignal; [oauth.allowInsecureRequests]: boolean };
  tokensOf: (response: oauth.TokenEndpointResponse) => UpstreamTokens;
};

/** OpenID Connect with `oauth4webapi`, the smallest certified client. */
function connect({ issuer, clientId, clientSecret, authentication, now }: OpenIdClientOptions): Connection {
  const options = () => ({
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    [oauth.allowInsecureRequests]: isLoopbackHost(new URL(issuer)),
  });
  let discovered: Promise<DiscoveredProvider> | undefined;

  async function discover(): Promise<DiscoveredProvider> {
    const response = await oauth.discoveryRequest(new URL(issuer), { ...options(), algorithm: 'oidc' });
    const server = await oauth.processDiscoveryResponse(new URL(issuer), response);
    return { server, client: { client_id: clientId }, authentication: authenticate(await clientSecret?.()) };
  }

  function authenticate(secret: string | undefined): oauth.ClientAuth {
    if (secret === undefined) return oauth.None();
    return authentication === 'client_secret_basic' ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret);
  }

  return {
    options,
    provider() {
      discovered ??= discover().catch((error) => {
        discovered = undefined;
        throw new ServiceUnavailableError('The identity provider', error);
      });
      return discovered;
    },
    tokensOf: (response) => ({
      accessToken: response.access_token,
      expiresAt: now() + (response.expires_in ?? DEFAULT_LIFETIME_SECONDS),
      ...(response.refresh_token !== undefined && { refreshToken: response.refresh_token }),
    }),
  };
}

/** The part that the MCP function needs: its bundle excludes sign-in. */
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

    async redeem(parameters, { state, nonce, verifier }) {
      const { server, client, authentication } = await provider();
      return mapSignInErrors(async () => {
        const validated = oauth.validateAuthResponse(server, client, parameters, state);
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
        await oauth.validateApplicationLevelSignature(server, response, options());
        const { iss, sub, ...claims } = oauth.getValidatedIdTokenClaims(tokens)!;
        // The library leaves both checks to its caller (OIDC Core §2, §3.1.3.7).
        const isForOtherClient = claims.azp !== undefined && claims.azp !== client.client_id;
        if (sub === '' || isForOtherClient) throw new SignInRefusedError('invalid_id_token');
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
      const response = await oauth.revocationRequest(server, client, authentication, refreshToken, options());
      await oauth.processRevocationResponse(response);
    },
  };
}

function refreshOver({ provider, options, tokensOf }: Connection): UpstreamProvider['refresh'] {
  return (refreshToken) =>
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
      return tokensOf(await oauth.processRefreshTokenResponse(server, client, response));
    });
}

/** Codes of failed checks of a response, as opposed to a missing response. */
const failedChecks: (string | undefined)[] = [
  oauth.INVALID_RESPONSE,
  oauth.JSON_ATTRIBUTE_COMPARISON,
  oauth.JWT_CLAIM_COMPARISON,
  oauth.JWT_TIMESTAMP_CHECK,
  oauth.KEY_SELECTION,
];

/** Maps a rejection by the provider or a check to `SignInRefusedError`, a failure to `ServiceUnavailableError`. */
async function mapSignInErrors<T>(request: () => Promise<T>): Promise<T> {
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

/**
 * Rejections that a new sign-in of the user cures (RFC 6749 §5.2; OIDC Core §3.1.2.6; Microsoft Entra and Okta ask for a
 * second factor). They end the grant. A wrong client secret, for example, must not end the grants of all users.
 */
const curedBySignIn = new Set([
  'invalid_grant',
  'interaction_required',
  'login_required',
  'consent_required',
  'account_selection_required',
  'mfa_required',
  'access_denied',
]);

async function mapRefreshErrors<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof ServiceUnavailableError) throw error;
    if (error instanceof oauth.ResponseBodyError && curedBySignIn.has(error.error)) {
      throw new SignInRefusedError(error.error, error);
    }
    throw new ServiceUnavailableError('The identity provider', error);
  }
}
