import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Token } from 'aws-cdk-lib/core';
import { isLoopbackHost } from '../../lambda/shared/loopback.ts';
import {
  type ClientAuthenticationMethod,
  clientAuthenticationMethods,
} from '../../lambda/shared/upstream-authentication.ts';
import { type ProviderProfile, type ProviderProfileName, providerProfiles } from './provider-profiles.ts';
import { scopeSyntax } from './scope-validation.ts';
import { hasSyntax, quoted } from './setting-validation.ts';
import { hostText, queryText } from './token-text.ts';

/** A client of the identity provider that exchanges upstream tokens. */
export interface ExchangeClient {
  readonly clientId: string;
  /** As `identityProvider.clientSecret`. */
  readonly clientSecret: ISecret | string;
}

/** The identity provider that users sign in with. Holdfast is an OIDC client of it. */
export interface IdentityProviderSettings {
  /**
   * The product. Determines scopes, parameters and client authentication (lib/settings/provider-profiles.ts).
   * @default 'oidc'
   */
  readonly profile?: ProviderProfileName;
  /**
   * The issuer of access tokens. `facade`: Holdfast, after users have signed in at the provider; works with any provider
   * and any MCP client. `direct`: the provider, if it is an authorization server for MCP itself; clients register with
   * it, it asks for consent, and tools cannot use its tokens.
   * @default 'facade'
   */
  readonly mode?: 'facade' | 'direct';
  /** The `iss` of the provider's tokens, and the base URL of its discovery document. */
  readonly issuer: string;
  /**
   * The client id of Holdfast at the provider. In `direct` mode it is for the sign-in to the dashboard alone.
   * @default - none; required unless the mode is `direct`, which has no dashboard then
   */
  readonly clientId?: string;
  /**
   * The Secrets Manager secret, or its ARN, that contains the client secret as plain text or, for `private_key_jwt`, the
   * private key as a JSON Web Key with `alg` and `kid`, and with `x5t#S256` where the provider has a certificate of it.
   * @default - a public client, with PKCE only
   */
  readonly clientSecret?: ISecret | string;
  /**
   * How Holdfast authenticates to the provider in token, refresh and revocation requests (OIDC Core §9). `none`: a public
   * client, with PKCE only.
   * @default - `none` without `clientSecret`; else that of the profile, or of a profile without one, `client_secret_post`
   * if the provider's discovery document lists it and `client_secret_basic` if not
   */
  readonly authentication?: ClientAuthenticationMethod;
  /**
   * The client that exchanges upstream tokens for those of other APIs (`context.upstreamToken({ audience })`), where the
   * provider permits that to another client than the one that users sign in with: a Custom API client at Auth0. It
   * authenticates by the same method.
   * @default - the client that users sign in with
   */
  readonly exchangeClient?: ExchangeClient;
  /**
   * Scopes of the authorization request. Some providers issue a refresh token only for `offline_access`. In `direct` mode
   * the scopes that clients request for basic use.
   * @default - the scopes of the profile; in `direct` mode without `openid` and `offline_access`
   */
  readonly scopes?: string[];
  /**
   * Scopes of a sign-in to the dashboard, whose tokens are not kept: those that yield the id token with name and groups.
   * @default - `scopes`, in `direct` mode those of the profile, without `offline_access`; with `upstreamTokens` only those of
   * OpenID Connect and of the groups
   */
  readonly dashboardScopes?: string[];
  /**
   * Further parameters of the authorization request, such as Auth0's `audience` or a fixed `resource`.
   * @default - the parameters of the profile
   */
  readonly parameters?: Record<string, string>;
  /**
   * Claims that contain the user's groups, in the id token or, in `direct` mode, the access token.
   * @default - the claims of the profile
   */
  readonly groupClaims?: string[];
  /**
   * Groups that tools see in `context.user.groups`: names, or starts of names with a final `*`. Groups that `adminsGroup`
   * and `sessionTtlByGroup` name are kept without this setting. Of one user, at most 50 groups and 2,048 bytes of
   * group names are kept: the groups of those settings first, and then in the order of this list.
   * @default ['*'] - all groups, within the limits
   */
  readonly groups?: string[];
  /**
   * The provider's name on the consent page.
   * @default - the name of the profile, or the host of the issuer
   */
  readonly name?: string;
  /**
   * `direct` mode: the `aud` that access tokens must have.
   * @default - the URL of the MCP endpoint
   */
  readonly audience?: string;
  /**
   * `direct` mode: the URL of the provider's key set.
   * @default - the `jwks_uri` of its discovery document
   */
  readonly jwksUri?: string;
}

export const profileOf = ({ profile = 'oidc' }: Pick<IdentityProviderSettings, 'profile'>): ProviderProfile =>
  providerProfiles[profile];

/** The settings, with those of the profile where they are absent. */
export function withProfile(provider: IdentityProviderSettings) {
  const profile = profileOf(provider);
  return {
    ...provider,
    scopes: provider.scopes ?? profile.scopes,
    parameters: { ...profile.parameters, ...provider.parameters },
    groupClaims: provider.groupClaims ?? profile.groupClaims,
    groupPrefix: profile.groupPrefix,
    groups: provider.groups ?? ['*'],
    name: provider.name ?? profile.name ?? hostText(provider.issuer),
  };
}

/**
 * `direct` mode: the scopes in challenge and metadata. Clients add `offline_access` themselves if the provider supports it
 * (MCP 2026-07-28, refresh tokens), and need no id token.
 */
export const directScopes = (provider: IdentityProviderSettings): readonly string[] =>
  provider.scopes ?? profileOf(provider).scopes.filter((scope) => scope !== 'openid' && scope !== 'offline_access');

/** Scopes that identify the user (OIDC Core §5.4), and those by which providers name groups. */
const identityScopes = ['openid', 'profile', 'email', 'address', 'phone', 'groups', 'roles'];

/**
 * The sign-in to the dashboard keeps no token. A request for offline access would leave a session at the provider, and ends
 * single sign-on at some (Keycloak); other scopes and parameters for the access token would ask users for their consent.
 */
function dashboardRequest(provider: IdentityProviderSettings, upstreamTokens: boolean) {
  const { parameters, groupClaims, dashboardScopes, mode, ...settings } = withProfile(provider);
  // The scopes of direct mode are for clients, which need no id token.
  const scopes = mode === 'direct' ? profileOf(provider).scopes : settings.scopes;
  const isNeeded = (scope: string) =>
    scope !== 'offline_access' && (!upstreamTokens || identityScopes.includes(scope) || groupClaims.includes(scope));
  const { access_type, audience, resource, prompt, ...others } = parameters as Record<string, string>;
  const prompts = (prompt ?? '').split(' ').filter((each) => each !== '' && each !== 'consent');
  return {
    scopes: dashboardScopes ?? scopes.filter(isNeeded),
    parameters: { ...others, ...(prompts.length > 0 && { prompt: prompts.join(' ') }) },
  };
}

/**
 * Environment variables of the OAuth function, which signs users in at the provider.
 * @param upstreamTokens whether tools use the tokens, and scopes may be for them alone
 * @param namedGroups groups that settings name
 */
export function identityEnvironment(
  provider: IdentityProviderSettings,
  upstreamTokens = false,
  namedGroups: readonly string[] = [],
) {
  const { scopes, parameters, name } = withProfile(provider);
  const dashboard = dashboardRequest(provider, upstreamTokens);
  return {
    ...refreshEnvironment(provider, namedGroups),
    IDP_SCOPES: scopes.join(' '),
    IDP_PARAMETERS: queryText(parameters),
    IDP_ACCOUNT_PROMPT: profileOf(provider).accountPrompt,
    IDP_DASHBOARD_SCOPES: dashboard.scopes.join(' '),
    IDP_DASHBOARD_PARAMETERS: queryText(dashboard.parameters),
    IDP_REVOKES: profileOf(provider).revokes ? 'true' : undefined,
    IDP_NAME: name,
  };
}

/** Environment variables of the function that signs users of the dashboard in, in direct mode. */
export function dashboardSignInEnvironment(provider: IdentityProviderSettings, namedGroups: readonly string[] = []) {
  const { scopes, parameters } = dashboardRequest(provider, false);
  return {
    ...refreshEnvironment(provider, namedGroups),
    IDP_DASHBOARD_SCOPES: scopes.join(' '),
    IDP_DASHBOARD_PARAMETERS: queryText(parameters),
  };
}

/** Environment variables of the functions whose tools use upstream tokens. */
export const toolTokenEnvironment = (provider: IdentityProviderSettings, namedGroups: readonly string[]) => ({
  ...refreshEnvironment(provider, namedGroups),
  IDP_EXCHANGE: profileOf(provider).exchange,
  IDP_EXCHANGE_CLIENT_ID: provider.exchangeClient?.clientId,
  IDP_EXCHANGE_CLIENT_SECRET_ARN: arnOf(provider.exchangeClient?.clientSecret),
});

const arnOf = (secret: ISecret | string | undefined) => (typeof secret === 'object' ? secret.secretArn : secret);

/** Environment variables of a function that refreshes upstream tokens. */
export function refreshEnvironment(provider: IdentityProviderSettings, namedGroups: readonly string[] = []) {
  const profile: ProviderProfile = profileOf(provider);
  const { authentication = profile.authentication, ...settings } = withProfile(provider);
  const { issuer, clientId, clientSecret, groupClaims, groupPrefix, groups } = settings;
  if (clientId === undefined) throw new Error('identityProvider.clientId is required to sign users in');
  return {
    IDP_ISSUER: issuer,
    IDP_CLIENT_ID: clientId,
    IDP_CLIENT_SECRET_ARN: arnOf(clientSecret),
    IDP_AUTHENTICATION: clientSecret === undefined ? 'none' : authentication,
    IDP_ASSERTION_AUDIENCE: authentication === 'private_key_jwt' ? profile.assertionAudience : undefined,
    IDP_GROUP_CLAIMS: groupClaims.join(' '),
    IDP_GROUP_PREFIX: groupPrefix,
    IDP_GROUPS: JSON.stringify([...namedGroups, ...groups]),
    IDP_USER_INFO: profile.userInfo && 'true',
  };
}

/** The complete ARN of a secret, with the random suffix of Secrets Manager. */
export const secretArnSyntax = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+-[A-Za-z0-9]{6}$/;

/** Parameters of the authorization request that Holdfast sets. */
const reservedParameters = [
  'client_id',
  'code_challenge',
  'code_challenge_method',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
];

/** Yields an error message for each setting that is insecure or cannot work. */
export function* validateIdentityProvider(provider: IdentityProviderSettings): Generator<string> {
  const { profile: profileName = 'oidc', mode = 'facade', issuer } = provider;
  if (!Object.hasOwn(providerProfiles, profileName)) {
    const choices = Object.keys(providerProfiles).join(', ');
    return yield `identityProvider.profile is ${quoted(profileName)}: choose one of ${choices}`;
  }
  if (mode !== 'facade' && mode !== 'direct') {
    return yield `identityProvider.mode is ${quoted(mode)}: choose facade or direct`;
  }
  const profile = profileOf(provider);
  if (!isIssuerUrl(issuer)) {
    yield `identityProvider.issuer is ${quoted(issuer)}: write the https URL that is the iss of its tokens`;
  } else if (profile.issuer !== undefined && !hasSyntax(profile.issuer.syntax, issuer)) {
    yield `identityProvider.issuer is ${quoted(issuer)}: an issuer of ${profileName} is like ${profile.issuer.example}`;
  }
  yield* validateGroups(provider);
  yield* validateScopeSyntax(provider);
  yield* mode === 'direct' ? validateDirectMode(provider, profile) : validateFacadeMode(provider, profile);
}

function* validateScopeSyntax(provider: IdentityProviderSettings): Generator<string> {
  for (const member of ['scopes', 'dashboardScopes'] as const) {
    for (const scope of provider[member] ?? []) {
      if (hasSyntax(scopeSyntax, scope)) continue;
      yield `identityProvider.${member} has ${quoted(scope)}: use no spaces, quotes, $ or \\ in a scope`;
    }
  }
}

function* validateGroups(provider: IdentityProviderSettings): Generator<string> {
  for (const claim of provider.groupClaims ?? []) {
    if (!hasSyntax(/^\S+$/, claim))
      yield `identityProvider.groupClaims has ${quoted(claim)}: use a claim name without spaces`;
  }
  for (const group of provider.groups ?? []) {
    if (!hasSyntax(/^[^*]+\*?$|^\*$/, group)) {
      yield `identityProvider.groups has ${quoted(group)}: write a name, or the start of names with a final *`;
    }
  }
}

function* validateFacadeMode(provider: IdentityProviderSettings, profile: ProviderProfile): Generator<string> {
  yield* validateClient(provider, profile);
  yield* validateExchangeClient(provider);
  yield* validateIdTokenScopes(provider, 'scopes', 'dashboardScopes');
  yield* validateParameters(provider, profile);
  for (const member of ['audience', 'jwksUri'] as const) {
    if (provider[member] !== undefined) {
      yield `identityProvider.${member} applies to mode: 'direct' only: remove it, or add Auth0's audience to parameters`;
    }
  }
}

/** Holdfast as a client of the provider. */
function* validateClient(provider: IdentityProviderSettings, { needsSecret }: ProviderProfile): Generator<string> {
  const { profile, clientId, clientSecret } = provider;
  if (!clientId) {
    yield "identityProvider.clientId is empty: register Holdfast there with the stack's output CallbackUrl";
  }
  if (clientSecret === undefined && needsSecret) {
    yield `identityProvider.clientSecret is missing: ${profile} requires a secret of web applications`;
  }
  if (clientSecret !== undefined) yield* validateSecretArn('clientSecret', clientSecret);
  yield* validateAuthentication(provider);
}

/** The value may be the secret itself, so the message does not repeat it. */
function* validateSecretArn(setting: string, secret: ISecret | string): Generator<string> {
  if (typeof secret !== 'string' || hasSyntax(secretArnSyntax, secret)) return;
  yield `identityProvider.${setting} is not a complete ARN: store the secret in Secrets Manager and give its ARN`;
}

function* validateExchangeClient({ exchangeClient }: IdentityProviderSettings): Generator<string> {
  if (exchangeClient === undefined) return;
  const { clientId, clientSecret } = exchangeClient;
  if (!clientId) yield 'identityProvider.exchangeClient.clientId is empty: write that of a client at the provider';
  if (!clientSecret)
    yield 'identityProvider.exchangeClient.clientSecret is missing: a client without one exchanges no tokens';
  else yield* validateSecretArn('exchangeClient.clientSecret', clientSecret);
}

function* validateIdTokenScopes(
  provider: IdentityProviderSettings,
  ...members: ('scopes' | 'dashboardScopes')[]
): Generator<string> {
  for (const member of members) {
    const given = provider[member];
    if (given === undefined || given.includes('openid')) continue;
    yield `identityProvider.${member} is ${quoted(given)}: add openid, which yields the id token that identifies the user`;
  }
}

function* validateAuthentication({ authentication, clientSecret }: IdentityProviderSettings): Generator<string> {
  if (authentication === undefined) return;
  const name = `identityProvider.authentication is ${quoted(authentication)}`;
  if (!clientAuthenticationMethods.includes(authentication)) {
    yield `${name}: choose one of ${clientAuthenticationMethods.join(', ')}`;
  } else if (authentication === 'none' && clientSecret !== undefined) {
    yield `${name}, but there is a clientSecret: remove one of them`;
  } else if (authentication !== 'none' && clientSecret === undefined) {
    const content = authentication === 'private_key_jwt' ? 'the private key' : 'the client secret';
    yield `${name}, which needs clientSecret: store ${content} in Secrets Manager and give its ARN`;
  }
}

function* validateParameters(
  { profile: profileName, parameters = {} }: IdentityProviderSettings,
  { rejectedParameters }: ProviderProfile,
): Generator<string> {
  for (const parameter of Object.keys(parameters)) {
    const name = `identityProvider.parameters has ${quoted(parameter)}`;
    if (reservedParameters.includes(parameter)) yield `${name}, which Holdfast sets: remove it`;
    const reason = rejectedParameters?.[parameter];
    if (reason !== undefined) yield `${name}, which ${profileName} rejects: ${reason}`;
  }
}

function* validateDirectMode(provider: IdentityProviderSettings, profile: ProviderProfile): Generator<string> {
  const { profile: profileName, audience, jwksUri } = provider;
  if (profile.notDirect !== undefined) {
    yield `identityProvider.mode is direct, which ${profileName} does not support: ${profile.notDirect}`;
  }
  for (const member of ['exchangeClient', 'parameters', 'name'] as const) {
    if (provider[member] === undefined) continue;
    yield `identityProvider.${member} does not apply to mode: 'direct', in which clients sign in by themselves: remove it`;
  }
  if (provider.clientId === undefined) {
    for (const member of ['clientSecret', 'authentication', 'dashboardScopes'] as const) {
      if (provider[member] === undefined) continue;
      yield `identityProvider.${member} is for the dashboard in mode: 'direct': add clientId, or remove it`;
    }
  } else {
    yield* validateClient(provider, profile);
    yield* validateIdTokenScopes(provider, 'dashboardScopes');
  }
  if (provider.scopes?.length === 0) yield 'identityProvider.scopes is empty: name the scopes that clients request';
  if (audience === '')
    yield 'identityProvider.audience is "": any token of the provider would be valid for this server';
  if (jwksUri !== undefined && !isSecureUrl(jwksUri)) {
    yield `identityProvider.jwksUri is ${quoted(jwksUri)}: write an https URL`;
  }
}

/** Permits plain http for a provider on the same computer, which only the local emulator can reach. */
function isSecureUrl(text: string): boolean {
  if (Token.isUnresolved(text)) return true;
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url)));
}

const isIssuerUrl = (text: string) => isSecureUrl(text) && hasSyntax(/^[^?#]*$/, text);
