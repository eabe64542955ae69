/** What one identity provider does otherwise than the next. */
export type ProviderProfile = {
  /** How the consent page names it; without a name, by the host of its issuer. */
  name?: string;
  /** What has to be asked for so that it answers with an id token and, where it can, a refresh token. */
  scopes: readonly string[];
  /** What else goes into the authorization request. */
  parameters?: Readonly<Record<string, string>>;
  /** Parameters that it does not take, and why. */
  refusedParameters?: Readonly<Record<string, string>>;
  /** How the client secret is sent (OIDC Core §9). */
  authentication: 'client_secret_post' | 'client_secret_basic';
  /** Whether it refuses a web application that has no secret. */
  needsSecret?: true;
  /** The shape of its issuer, and an example. */
  issuer?: { form: RegExp; example: string };
  /** Claims of the id token that name the user's groups. */
  groupClaims: readonly string[];
  /**
   * Whether the refresh token of a revoked grant is revoked there as well. Not where that ends the user's other grants
   * too: the provider knows all the assistants as one client, Holdfast. Without it the token is only forgotten.
   */
  revokes: boolean;
  /** Why it cannot be asked by assistants themselves (`mode: 'direct'`); absent where it can. */
  notDirect?: string;
};

const withRefreshToken = ['openid', 'profile', 'email', 'offline_access'];
const withoutAudience = 'its access tokens are not made out to an MCP server, and assistants cannot register there';

/**
 * The identity providers by what their documentation says of them, in November 2026. Contract tests hold Holdfast
 * against providers that behave like this (test/adapters/openid.test.ts); nothing has been run against the real ones.
 */
export const providerProfiles = {
  /** Any provider with an OpenID Connect discovery document. */
  oidc: {
    scopes: ['openid', 'profile', 'email'],
    authentication: 'client_secret_post',
    groupClaims: ['groups'],
    revokes: true,
  },
  /** A user pool. It hands out a refresh token unasked, and refuses scopes it does not know, `offline_access` included. */
  cognito: {
    name: 'Amazon Cognito',
    scopes: ['openid', 'profile', 'email'],
    authentication: 'client_secret_post',
    issuer: {
      form: /^https:\/\/cognito-idp\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/[\w-]+$/,
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
  /** Its issuer ends in a slash. Groups come in a claim that an Action adds: name it in `groupClaims`. */
  auth0: {
    name: 'Auth0',
    scopes: withRefreshToken,
    authentication: 'client_secret_post',
    issuer: { form: /\/$/, example: 'https://example.eu.auth0.com/' },
    groupClaims: ['groups'],
    // By default, revoking one refresh token there deletes the user's whole grant to the application.
    revokes: false,
  },
  okta: {
    name: 'Okta',
    scopes: withRefreshToken,
    authentication: 'client_secret_basic',
    groupClaims: ['groups'],
    revokes: true,
    notDirect: withoutAudience,
  },
  /** Groups come by their object ids, and not at all for users with more than 200; application roles come by name. */
  entra: {
    name: 'Microsoft',
    scopes: withRefreshToken,
    refusedParameters: { resource: 'beside scopes it is answered with the error AADSTS9010010' },
    authentication: 'client_secret_post',
    needsSecret: true,
    issuer: {
      // With `common` or a domain in place of the tenant's id, the document names another issuer than the tokens do.
      form: /^https:\/\/[^/]+\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/v2\.0$/,
      example:
        'https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0, with the id of your tenant',
    },
    groupClaims: ['groups', 'roles'],
    revokes: true,
    notDirect: withoutAudience,
  },
  /** It knows no `offline_access`: `access_type` asks for the refresh token, which comes with a consent alone. */
  google: {
    name: 'Google',
    scopes: ['openid', 'profile', 'email'],
    parameters: { access_type: 'offline', prompt: 'consent' },
    authentication: 'client_secret_post',
    needsSecret: true,
    issuer: { form: /^https:\/\/accounts\.google\.com$/, example: 'https://accounts.google.com' },
    groupClaims: [],
    // Revoking one token there takes the user's whole consent back.
    revokes: false,
    notDirect: withoutAudience,
  },
  /** Without `offline_access` its refresh tokens end with the user's session at Keycloak, by default in half an hour. */
  keycloak: {
    name: 'Keycloak',
    scopes: withRefreshToken,
    authentication: 'client_secret_post',
    issuer: { form: /\/realms\/[^/]+$/, example: 'https://login.example.com/realms/example' },
    groupClaims: ['groups'],
    revokes: true,
  },
} as const satisfies Record<string, ProviderProfile>;

export type ProviderProfileName = keyof typeof providerProfiles;
