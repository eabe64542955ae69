import * as openid from 'openid-client';
import {
  type IdentityProvider,
  type IdentityTokens,
  SignInRefused,
  type SignInSecrets,
} from '../core/identity-provider.ts';
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

const TIMEOUT_SECONDS = 6;
const DEFAULT_LIFETIME_SECONDS = 3600;

/** The identity provider by OpenID Connect, with the certified `openid-client`. */
export function openIdProvider(client: OpenIdClient): IdentityProvider {
  let discovered: Promise<openid.Configuration> | undefined;

  /** The provider's endpoints and keys, fetched once in the life of the function. */
  function configuration(): Promise<openid.Configuration> {
    discovered ??= discover(client).catch((error) => {
      discovered = undefined;
      throw new Outage('The identity provider', error);
    });
    return discovered;
  }

  const tokensOf = (answer: openid.TokenEndpointResponse): IdentityTokens => ({
    accessToken: answer.access_token,
    expiresAt: client.now() + (answer.expires_in ?? DEFAULT_LIFETIME_SECONDS),
    ...(answer.refresh_token !== undefined && { refreshToken: answer.refresh_token }),
  });

  return {
    async signInUrl({ state, nonce, verifier }) {
      const url = openid.buildAuthorizationUrl(await configuration(), {
        redirect_uri: client.redirectUri,
        scope: client.scopes.join(' '),
        state,
        nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      return url.href;
    },

    async redeem(answer, { state, nonce, verifier }: SignInSecrets) {
      const current = new URL(client.redirectUri);
      current.search = answer.toString();
      const tokens = await signingIn(
        openid.authorizationCodeGrant(await configuration(), current, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        }),
      );
      const { iss, sub, ...claims } = tokens.claims()!;
      return { identity: { issuer: iss, subject: sub, groups: groupsOf(claims) }, tokens: tokensOf(tokens) };
    },

    async refresh(refreshToken) {
      return tokensOf(await refreshing(openid.refreshTokenGrant(await configuration(), refreshToken)));
    },

    async revoke(refreshToken) {
      const config = await configuration();
      if (config.serverMetadata().revocation_endpoint) await refreshing(openid.tokenRevocation(config, refreshToken));
    },
  };
}

async function discover({ issuer, clientId, clientSecret }: OpenIdClient): Promise<openid.Configuration> {
  const url = new URL(issuer);
  const secret = await clientSecret?.();
  const config = await openid.discovery(
    url,
    clientId,
    undefined,
    secret === undefined ? openid.None() : openid.ClientSecretPost(secret),
    { timeout: TIMEOUT_SECONDS, ...(isLoopback(url) && { execute: [openid.allowInsecureRequests] }) },
  );
  config.timeout = TIMEOUT_SECONDS;
  return config;
}

/** Plain http is for the provider on the desk alone. */
const isLoopback = ({ hostname }: URL) => hostname === 'localhost' || hostname === '127.0.0.1';

/** Checks of an answer that did not hold, as against answers that did not come through. */
const failedChecks = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_UNSUPPORTED_OPERATION',
]);

/** Runs a sign-in's request to the provider: what it refuses is `SignInRefused`, what it does not answer is `Outage`. */
async function signingIn<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof openid.AuthorizationResponseError) throw new SignInRefused(error.error, error);
    if (error instanceof openid.ResponseBodyError && error.status < 500 && error.status !== 429) {
      throw new SignInRefused(error.error, error);
    }
    if (error instanceof openid.ClientError && failedChecks.has(error.code ?? '')) {
      throw new SignInRefused(error.code!, error);
    }
    throw new Outage('The identity provider', error);
  }
}

/** Runs a refresh. Only `invalid_grant` means that it is over: a wrong client secret, say, must end nobody's grant. */
async function refreshing<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof openid.ResponseBodyError && error.error === 'invalid_grant') {
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
