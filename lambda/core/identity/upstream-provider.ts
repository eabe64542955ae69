import { shorten, visibleText } from '../support/untrusted-text.ts';

/** Tokens of the identity provider, stored sealed. Times are epoch seconds. */
export type UpstreamTokens = { accessToken: string; expiresAt: number; refreshToken?: string };

/** The signed-in user, from the validated id token. */
export type UpstreamIdentity = {
  issuer: string;
  subject: string;
  groups: string[];
  /** The name claim; only with the setting `showNames`, and when the provider sends it. */
  name?: string;
};

/** Secrets that bind the authorization response to one sign-in (RFC 6749 §10.12, OIDC Core §15.5.2, RFC 7636). */
export type SignInSecrets = { state: string; nonce: string; verifier: string };

/** The identity provider, of which Holdfast is an OIDC client. Every method throws `ServiceUnavailableError`. */
export interface UpstreamProvider {
  /** URL of the authorization request (authorization code flow, PKCE S256, nonce). */
  signInUrl(secrets: SignInSecrets): Promise<string>;
  /**
   * Redeems the authorization response: checks state, nonce, `iss` and the id token's signature, audience and lifetime.
   * @throws SignInRefusedError when the provider rejects it or a check fails
   */
  redeem(
    response: URLSearchParams,
    secrets: SignInSecrets,
  ): Promise<{ identity: UpstreamIdentity; tokens: UpstreamTokens }>;
  /** @throws SignInRefusedError when the provider no longer honours the refresh token */
  refresh(refreshToken: string): Promise<UpstreamTokens>;
  /** Revokes the tokens at the provider, if it supports revocation (RFC 7009). */
  revoke(refreshToken: string): Promise<void>;
}

/** The provider rejected the sign-in, or its response is invalid. `reason` is an error code, safe to log. */
export class SignInRefusedError extends Error {
  override readonly name = 'SignInRefusedError';
  readonly reason: string;

  constructor(reason: string, cause?: unknown) {
    super(`Sign-in at the identity provider failed: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** Groups in the given claims, each an array or, at some providers, a single string. */
export const groupsOf = (claims: Readonly<Record<string, unknown>>, names: readonly string[]): string[] => [
  ...new Set(names.flatMap((name) => claims[name]).filter((group) => typeof group === 'string')),
];

const LONGEST_NAME = 100;

/**
 * The name in the claim. Users can choose it at some providers, so it is shortened and made visible. An e-mail address is a
 * name only if the provider states it as verified (OIDC Core §5.1), since it would name another user otherwise.
 */
export function nameIn(claims: Readonly<Record<string, unknown>>, claim: string | undefined): { name?: string } {
  const isUnverified = claim === 'email' && claims.email_verified !== true && claims.email_verified !== 'true';
  const value = claim === undefined || isUnverified ? undefined : claims[claim];
  const name = typeof value === 'string' ? shorten(visibleText(value), LONGEST_NAME) : '';
  return name === '' ? {} : { name };
}
