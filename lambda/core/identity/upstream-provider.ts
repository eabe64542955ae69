import type { Logger } from '../support/logger.ts';
import { shorten, visibleText } from '../support/untrusted-text.ts';

/** Tokens of the identity provider, stored sealed. Times are epoch seconds. */
export type UpstreamTokens = { accessToken: string; expiresAt: number; refreshToken?: string };

/** The user at the identity provider: `iss` and `sub` of the id token. */
export type UpstreamUser = { issuer: string; subject: string };

/** The signed-in user, from the validated id token and, where the profile says so, from the userinfo endpoint. */
export type UpstreamIdentity = UpstreamUser & {
  groups: string[];
  /** The name claim; only with the setting `showNames`, and when the provider sends it. */
  name?: string;
  /** Absent when the provider states no name. */
  account?: AccountName;
};

/** The name of an account at the identity provider, for its own user. Holdfast does not store it. */
export type AccountName = {
  /** Visible text. */
  name: string;
  /** Whether the name identifies the account at the provider's sign-in (`login_hint`, OIDC Core §3.1.2.1). */
  isLogin: boolean;
};

/** The account that a user chose on the consent page: the value for `login_hint`, or any but the shown one. */
export type AccountChoice = { login: string } | 'other';

/** Secrets that bind the authorization response to one sign-in (RFC 6749 §10.12, OIDC Core §15.5.2, RFC 7636). */
export type SignInSecrets = { state: string; nonce: string; verifier: string };

/**
 * The identity provider, of which Holdfast is an OIDC client. Every method throws `ServiceUnavailableError`, and
 * `ProviderConfigurationError` for what the operator has to correct.
 */
export interface UpstreamProvider {
  /**
   * URL of the authorization request (authorization code flow, PKCE S256, nonce).
   * @param purpose a sign-in to the dashboard requests nothing beyond the user's identity. @default 'grant'
   * @param account the account to sign in with. @default - the provider decides
   */
  signInUrl(secrets: SignInSecrets, purpose?: 'grant' | 'dashboard', account?: AccountChoice): Promise<string>;
  /**
   * Redeems the authorization response: checks state, nonce, `iss` and the id token's signature, audience and lifetime.
   * @throws SignInRefusedError when the provider rejects it or a check fails
   */
  redeem(
    response: URLSearchParams,
    secrets: SignInSecrets,
  ): Promise<{ identity: UpstreamIdentity; tokens: UpstreamTokens }>;
  /**
   * @param user whom the new id token, if there is one, must identify (OIDC Core §12.2)
   * @returns groups: those of the new id token; absent when it does not state them
   * @throws SignInRefusedError when the provider no longer honours the refresh token, or it is another user's
   */
  refresh(refreshToken: string, user: UpstreamUser): Promise<UpstreamTokens & { groups?: string[] | undefined }>;
  /**
   * The groups of the user at the userinfo endpoint; undefined where that is not asked.
   * @throws SignInRefusedError when it describes another user
   */
  currentGroups(accessToken: string, user: UpstreamUser): Promise<string[] | undefined>;
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

const LONGEST_AUDIENCE = 20;

/**
 * The provider gives the user no token for another API. The model reads the message. `reason` is the error code of the
 * provider, and safe to log.
 */
export class ExchangeRefusedError extends Error {
  override readonly name = 'ExchangeRefusedError';
  readonly reason: string;

  constructor(code: string, audience: string | undefined, cause?: unknown) {
    const reason = /^[\w.-]{1,30}$/.test(code) ? code : 'invalid error code';
    const target = audience === undefined ? 'these scopes' : JSON.stringify(shorten(audience, LONGEST_AUDIENCE));
    super(`The identity provider gives this user no token for ${target}: ${reason}`, { cause });
    this.reason = reason;
  }
}

/**
 * Faults that only the operator can correct, in the settings here or at the identity provider. Clients and users see the
 * problem, so it quotes nothing; the operator sees the advice.
 */
export const providerFaults = {
  discovery_missing: {
    problem: 'the identity provider has no discovery document at the configured issuer',
    advice: 'Set identityProvider.issuer to the iss of its tokens, and check that the realm or tenant exists.',
  },
  issuer_mismatch: {
    problem: 'the identity provider names another issuer than the configured one',
    advice: 'Set identityProvider.issuer to the issuer in the discovery document, final slash included.',
  },
  metadata_incomplete: {
    problem: 'the discovery document of the identity provider lacks an endpoint',
    advice: 'Set identityProvider.issuer to an OpenID provider with authorization and token endpoints.',
  },
  client_rejected: {
    problem: 'the identity provider rejects the client id or secret of this server',
    advice: 'Correct identityProvider.clientId, its secret, and how the client authenticates at the provider.',
  },
  scope_rejected: {
    problem: 'the identity provider rejects a scope that this server requests',
    advice: 'Remove the scope from identityProvider.scopes, or allow it for the client at the provider.',
  },
} as const;

export type ProviderFault = keyof typeof providerFaults;

/** The codes by which a provider rejects this server and not the user (RFC 6749 §4.1.2.1, §5.2). */
export const faultOfCode: Readonly<Partial<Record<string, ProviderFault>>> = {
  invalid_client: 'client_rejected',
  unauthorized_client: 'client_rejected',
  unsupported_grant_type: 'client_rejected',
  unsupported_response_type: 'client_rejected',
  invalid_scope: 'scope_rejected',
};

/**
 * This server and the identity provider are not configured for each other. Neither waiting nor another sign-in cures it, so
 * it is no outage and ends no grant.
 */
export class ProviderConfigurationError extends Error {
  override readonly name = 'ProviderConfigurationError';
  readonly fault: ProviderFault;
  /** The provider's error code, where it sent one. */
  readonly reason: string | undefined;

  /** @param message for the operator: what is wrong, with the values */
  constructor(fault: ProviderFault, message: string, { reason, cause }: { reason?: string; cause?: unknown } = {}) {
    super(message, { cause });
    this.fault = fault;
    this.reason = reason;
  }
}

/** Which groups of a user are read from claims. */
export type GroupRules = {
  /** The claims that contain groups. */
  claims: readonly string[];
  /** Removed from the start of each group, such as the slash of a full path at Keycloak. */
  prefix?: string | undefined;
  /** Names of groups, or starts of names with a final `*`. The first ones have precedence where a limit is reached. */
  kept: readonly string[];
};

/** The groups in the claims; undefined when none of the claims that contain groups is present. */
export type GroupReader = (claims: Readonly<Record<string, unknown>>) => string[] | undefined;

/** Limits of one user. The groups are read with the grant on every request. */
const MOST_GROUPS = 50;
const MOST_BYTES = 2048;

/** The claims are arrays or, at some providers, single strings. */
export function groupReader({ claims: names, prefix = '', kept }: GroupRules, log: Logger): GroupReader {
  return (claims) => {
    if (names.length > 0 && !names.some((name) => Object.hasOwn(claims, name))) return undefined;
    const all = names
      .flatMap((name) => claims[name])
      .filter((group) => typeof group === 'string')
      .map((group) => (group.startsWith(prefix) ? group.slice(prefix.length) : group));
    const requested = [...new Set(kept.flatMap((pattern) => all.filter((group) => matches(group, pattern))))];
    const groups = withinLimits(requested);
    if (groups.length < requested.length) {
      log('groups_omitted', { kept: groups.length, omitted: requested.length - groups.length });
    }
    return groups;
  };
}

const matches = (group: string, pattern: string) =>
  pattern.endsWith('*') ? group.startsWith(pattern.slice(0, -1)) : group === pattern;

function withinLimits(groups: readonly string[]): string[] {
  let bytes = 0;
  return groups.slice(0, MOST_GROUPS).filter((group) => {
    const size = new TextEncoder().encode(group).length;
    if (bytes + size > MOST_BYTES) return false;
    bytes += size;
    return true;
  });
}

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

/**
 * The name by which users know their account: a verified e-mail address, or the user name (OIDC Core §5.1), or else the
 * display name. An unverified address could be that of another user.
 */
export function accountNameIn(claims: Readonly<Record<string, unknown>>): AccountName | undefined {
  const isVerified = claims.email_verified === true || claims.email_verified === 'true';
  const login = textOf(isVerified ? claims.email : undefined) ?? textOf(claims.preferred_username);
  const name = login ?? textOf(claims.name);
  if (name === undefined) return undefined;
  const shown = shorten(visibleText(name), LONGEST_NAME);
  return shown === '' ? undefined : { name: shown, isLogin: shown === login };
}

const textOf = (claim: unknown) => (typeof claim === 'string' && claim !== '' ? claim : undefined);
