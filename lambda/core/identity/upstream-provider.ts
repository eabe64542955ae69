/** Tokens of the identity provider, sealed while at rest. Times are epoch seconds. */
export type UpstreamTokens = { accessToken: string; expiresAt: number; refreshToken?: string };

/** Who signed in, as the validated id token says. */
export type UpstreamIdentity = {
  issuer: string;
  subject: string;
  groups: string[];
  /** The claim that the owner wants to know users by; absent unless there is one, and the provider sends it. */
  name?: string;
};

/** One sign-in at the identity provider: what must come back unchanged. */
export type SignInSecrets = { state: string; nonce: string; verifier: string };

/** The identity provider, to which Holdfast is one ordinary OIDC client. Every method throws `Outage`. */
export interface UpstreamProvider {
  /** Where the browser goes to sign in (authorization code flow, PKCE S256, nonce). */
  signInUrl(secrets: SignInSecrets): Promise<string>;
  /**
   * Redeems the answer: checks state, nonce, `iss` and the id token's signature, audience and lifetime.
   * @throws SignInRefused when the provider or one of the checks says no
   */
  redeem(
    answer: URLSearchParams,
    secrets: SignInSecrets,
  ): Promise<{ identity: UpstreamIdentity; tokens: UpstreamTokens }>;
  /** @throws SignInRefused when the provider no longer honours the refresh token */
  refresh(refreshToken: string): Promise<UpstreamTokens>;
  /** Ends the tokens at the provider; one that cannot or does not answer is no failure of ours. */
  revoke(refreshToken: string): Promise<void>;
}

/** The provider said no, or its answer does not hold. `reason` is an error code, fit for a log. */
export class SignInRefusedError extends Error {
  override readonly name = 'SignInRefused';
  readonly reason: string;

  constructor(reason: string, cause?: unknown) {
    super(`The identity provider's answer was refused: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** Groups under the given claims. Some providers write a single one as text. */
export const groupsOf = (claims: Readonly<Record<string, unknown>>, names: readonly string[]): string[] => [
  ...new Set(names.flatMap((name) => claims[name]).filter((group) => typeof group === 'string')),
];

const LONGEST_NAME = 100;

/** The claim as a name, shortened; nothing if it is none. */
export function nameIn(claims: Readonly<Record<string, unknown>>, claim: string | undefined): { name?: string } {
  const value = claim === undefined ? undefined : claims[claim];
  return typeof value === 'string' && value !== '' ? { name: Array.from(value).slice(0, LONGEST_NAME).join('') } : {};
}
