import { isLoopbackHost } from '../../lambda/shared/loopback.ts';
import { type ProviderProfile, type ProviderProfileName, providerProfiles } from './provider-profiles.ts';
import { scopeSyntax } from './scope-validation.ts';

/** The identity provider that users sign in with, as an OIDC client of it needs to know it. */
export interface IdentityProviderSettings {
  /**
   * Which provider it is: says what has to be asked for, and how (lib/settings/provider-profiles.ts).
   * @default 'oidc'
   */
  readonly profile?: ProviderProfileName;
  /**
   * Who issues access tokens. `facade`: Holdfast, after users have signed in at the provider; works with any provider and
   * any assistant. `direct`: the provider, where it is an authorization server for MCP itself; assistants register there,
   * the provider asks for consent, and tools cannot have its tokens.
   * @default 'facade'
   */
  readonly mode?: 'facade' | 'direct';
  /** The `iss` of its tokens. Its discovery document is found below it. */
  readonly issuer: string;
  /**
   * The application that Holdfast is there.
   * @default - none, which is right in `direct` mode alone
   */
  readonly clientId?: string;
  /**
   * ARN of the Secrets Manager secret that holds the client secret as plain text.
   * @default - a public client, which proves itself by PKCE alone
   */
  readonly clientSecretArn?: string;
  /**
   * What to ask the provider for. Some providers hand out a refresh token only for `offline_access`.
   * @default - what the profile says
   */
  readonly scopes?: string[];
  /**
   * Further parameters of the authorization request, such as Auth0's `audience` or a fixed `resource`.
   * @default - what the profile says
   */
  readonly parameters?: Record<string, string>;
  /**
   * Claims that hold the user's groups, in the id token or, in `direct` mode, the access token.
   * @default - what the profile says
   */
  readonly groupClaims?: string[];
  /**
   * How the consent page names the provider.
   * @default - what the profile says, or the host of the issuer
   */
  readonly name?: string;
  /**
   * `direct` mode: the `aud` that its access tokens have to carry.
   * @default - the URL of the MCP endpoint
   */
  readonly audience?: string;
  /**
   * `direct` mode: where its keys are.
   * @default - what its discovery document says
   */
  readonly jwksUri?: string;
}

export const profileOf = ({ profile = 'oidc' }: Pick<IdentityProviderSettings, 'profile'>): ProviderProfile =>
  providerProfiles[profile];

/** The provider with the profile's word wherever the owner says nothing. */
export function withProfile(provider: IdentityProviderSettings) {
  const profile = profileOf(provider);
  return {
    ...provider,
    scopes: provider.scopes ?? profile.scopes,
    parameters: { ...profile.parameters, ...provider.parameters },
    groupClaims: provider.groupClaims ?? profile.groupClaims,
    name: provider.name ?? profile.name ?? new URL(provider.issuer).host,
  };
}

/** What the OAuth function needs to be a client of the provider. */
export function identityEnvironment(provider: IdentityProviderSettings) {
  const { scopes, parameters, groupClaims, name } = withProfile(provider);
  return {
    ...refreshEnvironment(provider),
    IDP_SCOPES: scopes.join(' '),
    IDP_PARAMETERS: new URLSearchParams(parameters).toString(),
    IDP_GROUP_CLAIMS: groupClaims.join(' '),
    IDP_REVOKES: profileOf(provider).revokes ? 'true' : undefined,
    IDP_NAME: name,
  };
}

/** What a function needs to refresh the provider's tokens. */
export function refreshEnvironment(provider: IdentityProviderSettings) {
  const { issuer, clientId, clientSecretArn } = provider;
  if (clientId === undefined) throw new Error('Only in direct mode is there no client');
  return {
    IDP_ISSUER: issuer,
    IDP_CLIENT_ID: clientId,
    IDP_CLIENT_SECRET_ARN: clientSecretArn,
    IDP_AUTHENTICATION: profileOf(provider).authentication,
  };
}

const secretArn = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+-[A-Za-z0-9]{6}$/;

/** Parameters of the authorization request that are Holdfast's own. */
const ownParameters = [
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

/** What is insecure or cannot work, as sentences for the owner. */
export function* validateIdentityProvider(provider: IdentityProviderSettings): Generator<string> {
  const { profile: name = 'oidc', mode = 'facade', issuer } = provider;
  if (!Object.hasOwn(providerProfiles, name)) {
    return yield `identityProvider.profile is ${quoted(name)}: choose ${Object.keys(providerProfiles).join(', ')}`;
  }
  if (mode !== 'facade' && mode !== 'direct') {
    return yield `identityProvider.mode is ${quoted(mode)}: choose facade or direct`;
  }
  const profile = profileOf(provider);
  const url = URL.parse(issuer);
  if (url === null || !isSecure(url) || url.search !== '' || url.hash !== '') {
    yield `identityProvider.issuer is ${quoted(issuer)}: write the https URL that is the iss of its tokens`;
  } else if (profile.issuer?.form.test(issuer) === false) {
    yield `identityProvider.issuer is ${quoted(issuer)}: for ${name} it looks like ${profile.issuer.example}`;
  }
  for (const claim of provider.groupClaims ?? []) {
    if (!/^\S+$/.test(claim)) yield `identityProvider.groupClaims has ${quoted(claim)}: a name has no spaces`;
  }
  for (const scope of provider.scopes ?? []) {
    if (!scopeSyntax.test(scope))
      yield `identityProvider.scopes has ${quoted(scope)}: a scope has no spaces, quotes, $ or \\`;
  }
  yield* mode === 'direct' ? refusedDirect(provider, profile) : refusedClient(provider, profile);
}

function* refusedClient(provider: IdentityProviderSettings, profile: ProviderProfile): Generator<string> {
  const { profile: name, clientId, clientSecretArn, scopes, parameters = {} } = provider;
  if (!clientId) {
    yield 'identityProvider.clientId is empty: register Holdfast there, with the callback the stack prints';
  }
  if (clientSecretArn === undefined && profile.needsSecret) {
    yield `identityProvider.clientSecretArn is missing: ${name} lets no web application in without a secret`;
  }
  if (clientSecretArn !== undefined && !secretArn.test(clientSecretArn)) {
    yield 'identityProvider.clientSecretArn is no complete ARN of a secret: put the client secret into Secrets Manager and name it here';
  }
  if (scopes !== undefined && !scopes.includes('openid')) {
    yield `identityProvider.scopes is ${quoted(scopes)}: without openid there is no id token to know the user by`;
  }
  for (const parameter of Object.keys(parameters)) {
    if (ownParameters.includes(parameter)) {
      yield `identityProvider.parameters has ${quoted(parameter)}: Holdfast sets this one itself`;
    }
    const reason = profile.refusedParameters?.[parameter];
    if (reason !== undefined)
      yield `identityProvider.parameters has ${quoted(parameter)}, which ${name} does not take: ${reason}`;
  }
  for (const member of ['audience', 'jwksUri'] as const) {
    if (provider[member] !== undefined) {
      yield `identityProvider.${member} is given without mode: 'direct'. Auth0's audience, if you mean that, belongs into parameters`;
    }
  }
}

function* refusedDirect(provider: IdentityProviderSettings, profile: ProviderProfile): Generator<string> {
  const { profile: name, audience, jwksUri } = provider;
  if (profile.notDirect !== undefined)
    yield `identityProvider.mode is direct, which ${name} cannot: ${profile.notDirect}`;
  for (const member of ['clientId', 'clientSecretArn', 'parameters', 'name'] as const) {
    if (provider[member] !== undefined) {
      yield `identityProvider.${member} is given with mode: 'direct', where Holdfast is no client of the provider: leave it out`;
    }
  }
  if (provider.scopes?.length === 0) yield 'identityProvider.scopes is empty: name what assistants are to ask for';
  if (audience === '')
    yield 'identityProvider.audience is empty: any token of the provider would be good for this server';
  const keys = jwksUri === undefined ? undefined : URL.parse(jwksUri);
  if (keys === null || (keys !== undefined && !isSecure(keys))) {
    yield `identityProvider.jwksUri is ${quoted(jwksUri)}: write an https URL`;
  }
}

/** Plain http is for a provider on the same computer, which only the local emulator can reach. */
const isSecure = (url: URL) => url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url));

const quoted = (value: unknown) => JSON.stringify(value);
