import type { IUserPool } from 'aws-cdk-lib/aws-cognito';
import { Duration } from 'aws-cdk-lib/core';
import { EMULATOR_VARIABLE } from '../package-files.ts';
import { type IdentityProviderSettings, validateIdentityProvider } from './identity-provider-settings.ts';
import {
  type DurationLimits,
  hasSyntax,
  isLonger,
  quoted,
  validateDuration,
  validateKeyNames,
  type WithDefaults,
} from './setting-validation.ts';

/** The personal access tokens of users, for clients that can send a fixed header alone. */
export interface PersonalTokenLimits {
  /**
   * The longest lifetime that a user can choose, in whole days. The page proposes 30 days.
   * @default Duration.days(30)
   */
  readonly maxLifetime?: Duration;
}

/** How users sign in, and the lifetimes of the tokens and grants that clients receive. */
export interface SignInSettings {
  /**
   * The OIDC provider that your users sign in with.
   * @default - a Cognito user pool in the stack, to which only an administrator adds users
   */
  readonly identityProvider?: IdentityProviderSettings;
  /**
   * An existing Cognito user pool, to which the stack adds an app client. The pool needs a domain, for its sign-in pages,
   * and the feature plan Essentials or Plus, for managed login and the rotation of refresh tokens. Users sign in at
   * the pool, or at the identity providers that are registered with this object (`registerIdentityProvider`).
   * @default - a user pool of the stack, unless `identityProvider` is set
   */
  readonly userPool?: IUserPool;
  /**
   * Lifetime of an access token. It does not delay revocation: every request reads the grant. At each refresh,
   * Holdfast asks the provider again for the user's groups and whether the user is still allowed.
   * @default Duration.minutes(60)
   */
  readonly accessTokenTtl?: Duration;
  /**
   * Names of the KMS keys for access tokens. The first key signs; all keys verify. To rotate keys without rejecting a
   * token, deploy three times: with the new name last, then first, then alone (docs/operate.md). Four names at most.
   * @default ['1']
   */
  readonly signingKeys?: string[];
  /**
   * Time after its last use at which a grant expires.
   * @default Duration.days(30)
   */
  readonly grantIdleTimeout?: Duration;
  /**
   * Maximum lifetime of a grant. The user has to sign in again afterwards.
   * @default Duration.days(90)
   */
  readonly grantAbsoluteTimeout?: Duration;
  /**
   * Time during which a superseded refresh token still returns its successor, for clients that refresh in
   * parallel. Use of the token after this time counts as reuse and ends the grant.
   * @default Duration.minutes(2)
   */
  readonly refreshWindow?: Duration;
  /**
   * Redirect URI schemes of native applications, in addition to https, loopback http, and schemes that are the reverse of a
   * domain name, such as com.example.app (RFC 8252 §7.1).
   * @default ['claude', 'cursor', 'vscode', 'vscode-insiders']
   */
  readonly redirectSchemes?: string[];
  /**
   * Whether tools can use the user's token at the identity provider. Grants the MCP function access to the sealed token.
   * @default false
   */
  readonly upstreamTokens?: boolean;
  /**
   * Lets users make personal access tokens on the dashboard, and operators make them by `npx holdfast tokens add`. A token
   * acts for its user with the scopes that it names, until it expires or its grant is revoked; the groups stay those of the
   * moment in which it is made. An empty object has the defaults. Direct mode has no such tokens, because the provider issues
   * the tokens (docs/personal-access-tokens.md).
   * @default - none; in the local emulator, tokens with the defaults
   */
  readonly personalTokens?: PersonalTokenLimits;
}

export const signInDefaults = {
  accessTokenTtl: Duration.minutes(60),
  signingKeys: ['1'],
  grantIdleTimeout: Duration.days(30),
  grantAbsoluteTimeout: Duration.days(90),
  refreshWindow: Duration.minutes(2),
  redirectSchemes: ['claude', 'cursor', 'vscode', 'vscode-insiders'],
  upstreamTokens: false,
} satisfies SignInSettings;

const lifetimeLimits = {
  accessTokenTtl: {
    min: Duration.minutes(5),
    max: Duration.minutes(60),
    reason: 'shorter tokens keep clients refreshing, and with longer ones a user keeps groups for more than an hour',
  },
  grantIdleTimeout: { min: Duration.days(1), max: Duration.days(365), reason: 'an unused grant must expire' },
  grantAbsoluteTimeout: {
    min: Duration.days(1),
    max: Duration.days(3650),
    reason: 'Cognito keeps a refresh token for ten years at most',
  },
  refreshWindow: {
    min: Duration.seconds(1),
    max: Duration.hours(1),
    reason: 'a stolen refresh token is not detected within the window',
  },
} satisfies Partial<Record<keyof SignInSettings, DurationLimits>>;

/** RFC 3986 §3.1, in lower case, as browsers normalise it. */
const schemeSyntax = /^[a-z][a-z0-9+.-]*$/;

/** Schemes that a browser runs, opens or sends in the clear, instead of passing the code to one application. */
const browserSchemes = ['about', 'blob', 'data', 'file', 'ftp', 'http', 'https', 'javascript', 'vbscript', 'ws', 'wss'];

/** Yields an error message for each invalid setting. */
export function* validateSignIn(settings: WithDefaults<SignInSettings, typeof signInDefaults>): Generator<string> {
  const { identityProvider, grantIdleTimeout, grantAbsoluteTimeout } = settings;
  for (const name of Object.keys(lifetimeLimits) as (keyof typeof lifetimeLimits)[]) {
    yield* validateDuration(name, settings[name], lifetimeLimits[name]);
  }
  if (isLonger(grantIdleTimeout, grantAbsoluteTimeout)) {
    yield `grantIdleTimeout is ${grantIdleTimeout}: choose at most grantAbsoluteTimeout, which is ${grantAbsoluteTimeout}`;
  }
  yield* validateKeyNames('signingKeys', settings.signingKeys);
  yield* validatePersonalTokens(settings);
  yield* validateRedirectSchemes(settings.redirectSchemes);
  if (identityProvider !== undefined && settings.userPool !== undefined) {
    yield 'identityProvider and userPool are both set: remove one of them';
  }
  if (identityProvider !== undefined) yield* validateIdentityProvider(identityProvider);
  if (identityProvider?.mode === 'direct' && settings.upstreamTokens) {
    yield "upstreamTokens is true, but Holdfast does not receive the provider's tokens in direct mode: remove it";
  }
}

function* validateRedirectSchemes(schemes: string[]): Generator<string> {
  for (const scheme of schemes) {
    if (browserSchemes.includes(scheme.toLowerCase())) {
      yield `redirectSchemes has ${quoted(scheme)}, which a browser handles itself: use the scheme of one application`;
    } else if (!hasSyntax(schemeSyntax, scheme)) {
      yield `redirectSchemes has ${quoted(scheme)}: write the scheme alone, in lower case, such as cursor`;
    }
  }
}

const DEFAULT_TOKEN_LIFETIME = Duration.days(30);

const tokenLimits: DurationLimits = {
  min: Duration.days(1),
  max: Duration.days(365),
  reason: 'a token in a file must expire, and keeps the groups of its user as long as it lives',
};

/** In the emulator they exist without the setting, so that a client with a fixed header connects at once. */
export const personalTokenDefaults = ({ identityProvider }: SignInSettings): SignInSettings =>
  process.env[EMULATOR_VARIABLE] !== undefined && identityProvider?.mode !== 'direct' ? { personalTokens: {} } : {};

/** Yields an error message for each invalid setting. */
function* validatePersonalTokens({ personalTokens, identityProvider }: SignInSettings): Generator<string> {
  if (personalTokens === undefined) return;
  if (identityProvider?.mode === 'direct') {
    yield 'personalTokens is set, but the identity provider issues the tokens in direct mode: remove it';
  }
  const { maxLifetime = DEFAULT_TOKEN_LIFETIME } = personalTokens;
  const errors = [...validateDuration('personalTokens.maxLifetime', maxLifetime, tokenLimits)];
  yield* errors;
  if (errors.length > 0 || maxLifetime.isUnresolved()) return;
  if (!Number.isInteger(maxLifetime.toDays({ integral: false }))) {
    yield `personalTokens.maxLifetime is ${maxLifetime}: choose whole days`;
  }
}

/** The longest lifetime; `undefined` without personal access tokens. */
export const personalTokenLifetime = ({
  personalTokens,
}: Pick<SignInSettings, 'personalTokens'>): Duration | undefined =>
  personalTokens && (personalTokens.maxLifetime ?? DEFAULT_TOKEN_LIFETIME);
