import * as oauth from 'oauth4webapi';
import { type IdentityProvider, type IdentityTokens, SignInRefused } from '../core/identity-provider.ts';
import { Outage } from '../core/outage.ts';

export type OpenIdClient = {
  issuer: string;
  clientId: string;
  /** Fetched when first needed; absent for a public client. */
  clientSecret?: () => Promise<string>;
  scopes: string[];
  /** Our one callback. */
  redirectUri: string;
  /** Epoch seconds. */
  now: () => number;
};

const TIMEOUT_MILLISECONDS = 6000;
const DEFAULT_LIFETIME_SECONDS = 3600;

/** What is known of the provider once its discovery document has been read. */
type Known = { server: oauth.AuthorizationServer; client: oauth.Client; authentication: oauth.ClientAuth };

/** The identity provider by OpenID Connect, with `oauth4webapi`: certified, and the smallest that is. */
export function openIdProvider({ issuer, clientId, clientSecret, ...own }: OpenIdClient): IdentityProvider {
  const options = () => ({
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    [oauth.allowInsecureRequests]: isLoopback(new URL(issuer)),
  });
  let known: Promise<Known> | undefined;

  async function discover(): Promise<Known> {
    const answer = await oauth.discoveryRequest(new URL(issuer), { ...options(), algorithm: 'oidc' });
    const server = await oauth.processDiscoveryResponse(new URL(issuer), answer);
    const secret = await clientSecret?.();
    const authentication = secret === undefined ? oauth.None() : oauth.ClientSecretPost(secret);
    return { server, client: { client_id: clientId }, authentication };
  }

  /** The provider's endpoints, fetched once in the life of the function. */
  function provider(): Promise<Known> {
    known ??= discover().catch((error) => {
      known = undefined;
      throw new Outage('The identity provider', error);
    });
    return known;
  }

  const tokensOf = (answer: oauth.TokenEndpointResponse): IdentityTokens => ({
    accessToken: answer.access_token,
    expiresAt: own.now() + (answer.expires_in ?? DEFAULT_LIFETIME_SECONDS),
    ...(answer.refresh_token !== undefined && { refreshToken: answer.refresh_token }),
  });

  return {
    async signInUrl({ state, nonce, verifier }) {
      const { server } = await provider();
      const url = new URL(server.authorization_endpoint!);
      const parameters = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: own.redirectUri,
        scope: own.scopes.join(' '),
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
          own.redirectUri,
          verifier,
          options(),
        );
        const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
          expectedNonce: nonce,
          requireIdToken: true,
        });
        await oauth.validateApplicationLevelSignature(server, response, options());
        const { iss, sub, ...claims } = oauth.getValidatedIdTokenClaims(tokens)!;
        return { identity: { issuer: iss, subject: sub, groups: groupsOf(claims) }, tokens: tokensOf(tokens) };
      });
    },

    async refresh(refreshToken) {
      const { server, client, authentication } = await provider();
      return refreshing(async () => {
        const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, refreshToken, options());
        return tokensOf(await oauth.processRefreshTokenResponse(server, client, answer));
      });
    },

    async revoke(refreshToken) {
      const { server, client, authentication } = await provider();
      if (!server.revocation_endpoint) return;
      const answer = await oauth.revocationRequest(server, client, authentication, refreshToken, options());
      await oauth.processRevocationResponse(answer);
    },
  };
}

/** Plain http is for the provider on the desk alone. */
const isLoopback = ({ hostname }: URL) => hostname === 'localhost' || hostname === '127.0.0.1';

/** Checks of an answer that did not hold, as against answers that did not come through. */
const failedChecks = new Set<string | undefined>([
  oauth.INVALID_RESPONSE,
  oauth.JSON_ATTRIBUTE_COMPARISON,
  oauth.JWT_CLAIM_COMPARISON,
  oauth.JWT_TIMESTAMP_CHECK,
  oauth.KEY_SELECTION,
]);

/** Runs a sign-in: what the provider or a check refuses is `SignInRefused`, what does not answer is `Outage`. */
async function signingIn<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) throw new SignInRefused(error.error, error);
    if (error instanceof oauth.ResponseBodyError && error.status < 500 && error.status !== 429) {
      throw new SignInRefused(error.error, error);
    }
    if (error instanceof oauth.UnsupportedOperationError) throw new SignInRefused(error.code, error);
    if (error instanceof oauth.OperationProcessingError && failedChecks.has(error.code)) {
      throw new SignInRefused(error.code!, error);
    }
    throw new Outage('The identity provider', error);
  }
}

/** Runs a refresh. Only `invalid_grant` means that it is over: a wrong client secret, say, must end nobody's grant. */
async function refreshing<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError && error.error === 'invalid_grant') {
      throw new SignInRefused(error.error, error);
    }
    throw new Outage('The identity provider', error);
  }
}

/** Groups under the claims that providers use for them. */
function groupsOf(claims: Record<string, unknown>): string[] {
  const groups = claims['cognito:groups'] ?? claims.groups;
  return Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : [];
}
