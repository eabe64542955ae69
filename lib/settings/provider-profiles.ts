import type {
  AssertionAudience,
  ClientAuthenticationMethod,
  ExchangeForm,
} from '../../lambda/shared/upstream-authentication.ts';

/** The differences of one identity provider from others. */
export type ProviderProfile = {
  /** The provider's name on the consent page. Without it, the page shows the host of the issuer. */
  name?: string;
  /** Scopes that yield an id token and, where the provider issues one, a refresh token. */
  scopes: readonly string[];
  /** Further parameters of the authorization request. */
  parameters?: Readonly<Record<string, string>>;
  /**
   * `prompt` by which a signed-in user can choose another account, in place of one in `parameters`.
   * @default - `login`, which every provider supports (OIDC Core §3.1.2.1)
   */
  accountPrompt?: string;
  /** Parameters of the authorization request that the provider rejects, with the reason. */
  rejectedParameters?: Readonly<Record<string, string>>;
  /**
   * How Holdfast authenticates (OIDC Core §9).
   * @default - by a secret, in a way that the provider's discovery document lists
   */
  authentication?: ClientAuthenticationMethod;
  /**
   * The audience of assertions that it accepts, with the authentication `private_key_jwt`.
   * @default 'issuer'
   */
  assertionAudience?: AssertionAudience;
  /**
   * How a tool's request for a token for another API is made.
   * @default 'token-exchange'
   */
  exchange?: ExchangeForm;
  /** `true` if the provider requires a client secret of web applications. */
  needsSecret?: true;
  /** The syntax of its issuer, and an example. */
  issuer?: { syntax: RegExp; example: string };
  /** Claims of the id token that contain the user's groups. */
  groupClaims: readonly string[];
  /** Removed from the start of each group. */
  groupPrefix?: string;
  /** `true` if claims that the id token lacks may be at the userinfo endpoint (OIDC Core §5.4). */
  userInfo?: true;
  /**
   * Whether Holdfast revokes the refresh token of a revoked grant at the provider as well. `false` where that would end
   * the user's other grants too: the provider knows all clients as one, Holdfast. Holdfast then only deletes the token.
   */
  revokes: boolean;
  /** Why the provider does not support `mode: 'direct'`; absent if it does. */
  notDirect?: string;
};

const withRefreshToken = ['openid', 'profile', 'email', 'offline_access'];
const withoutAudience =
  'its access tokens cannot have an MCP server as their audience, and MCP clients cannot register with it';

/**
 * The identity providers, from their documentation as of November 2026. Contract tests run Holdfast against simulated
 * providers with this behaviour (test/adapters/openid.test.ts), not against the real ones.
 */
export const providerProfiles = {
  /** Any provider with an OpenID Connect discovery document. */
  oidc: {
    scopes: ['openid', 'profile', 'email'],
    groupClaims: ['groups'],
    userInfo: true,
    revokes: true,
  },
  /** A user pool. It issues a refresh token without `offline_access`, and rejects unknown scopes, that one included. */
  cognito: {
    name: 'Amazon Cognito',
    scopes: ['openid', 'profile', 'email'],
    authentication: 'client_secret_post',
    issuer: {
      syntax: /^https:\/\/cognito-idp\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/[\w-]+$/,
      example: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI',
    },
    groupClaims: ['cognito:groups'],
    revokes: true,
    notDirect: withoutAudience,
  },
  workos: {
    name: 'WorkOS',
    scopes: withRefreshToken,
    authentication: 'client_secret_post',
    groupClaims: ['roles', 'role'],
    revokes: true,
  },
  /** Its issuer ends in a slash. An Action has to add groups to the tokens: name its claim in `groupClaims`. */
  auth0: {
    name: 'Auth0',
    scopes: withRefreshToken,
    authentication: 'client_secret_post',
    issuer: { syntax: /\/$/, example: 'https://example.eu.auth0.com/' },
    groupClaims: ['groups'],
    // By default, revoking one refresh token deletes the user's whole grant to the application.
    revokes: false,
  },
  okta: {
    name: 'Okta',
    scopes: withRefreshToken,
    authentication: 'client_secret_basic',
    assertionAudience: 'endpoint',
    // Okta, "Set up OAuth 2.0 On-Behalf-Of Token Exchange": its request has no requested_token_type.
    exchange: 'untyped-token-exchange',
    groupClaims: ['groups'],
    userInfo: true,
    revokes: true,
    notDirect: withoutAudience,
  },
  /** The groups claim contains object ids, and is absent for users in more than 200 groups; roles contains names. */
  entra: {
    name: 'Microsoft',
    scopes: withRefreshToken,
    // Microsoft identity platform, "Request an authorization code": one of login, none, consent and select_account.
    accountPrompt: 'select_account',
    rejectedParameters: { resource: 'together with scopes it causes the error AADSTS9010010' },
    authentication: 'client_secret_post',
    assertionAudience: 'endpoint',
    exchange: 'on-behalf-of',
    needsSecret: true,
    issuer: {
      // With `common` or a domain instead of the tenant id, the discovery document and the tokens have different issuers.
      syntax: /^https:\/\/[^/]+\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/v2\.0$/,
      example:
        'https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0, with the id of your tenant',
    },
    groupClaims: ['groups', 'roles'],
    revokes: true,
    notDirect: withoutAudience,
  },
  /** `access_type` requests the refresh token, instead of `offline_access`. Google issues it only after a consent. */
  google: {
    name: 'Google',
    scopes: ['openid', 'profile', 'email'],
    parameters: { access_type: 'offline', prompt: 'consent' },
    // Google, "OpenID Connect", prompt: a list of none, consent and select_account; it has no login.
    accountPrompt: 'select_account consent',
    authentication: 'client_secret_post',
    needsSecret: true,
    issuer: { syntax: /^https:\/\/accounts\.google\.com$/, example: 'https://accounts.google.com' },
    groupClaims: [],
    // Revoking one token withdraws the user's whole consent.
    revokes: false,
    notDirect: withoutAudience,
  },
  /**
   * Without `offline_access`, its refresh tokens expire with the user's session at Keycloak, by default in 30 minutes. By
   * default, its mapper writes groups as full paths, such as /admins.
   */
  keycloak: {
    name: 'Keycloak',
    scopes: withRefreshToken,
    authentication: 'client_secret_post',
    issuer: { syntax: /\/realms\/[^/]+$/, example: 'https://login.example.com/realms/example' },
    groupClaims: ['groups'],
    groupPrefix: '/',
    userInfo: true,
    revokes: true,
  },
} as const satisfies Record<string, ProviderProfile>;

export type ProviderProfileName = keyof typeof providerProfiles;
