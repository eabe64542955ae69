import { App } from 'aws-cdk-lib';
import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';
import { type IdentityProviderSettings, identityEnvironment } from '../../lib/settings/identity-provider-settings.ts';
import { type ProviderProfileName, providerProfiles } from '../../lib/settings/provider-profiles.ts';
import { settingsFromContext } from '../../lib/settings/settings-from-context.ts';

const clientSecret = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf';
const tenant = '6f0c8d5e-1111-2222-3333-0123456789ab';

/** The settings of each provider that docs/identity-providers describes. */
const complete: Record<ProviderProfileName, IdentityProviderSettings> = {
  oidc: { issuer: 'https://login.example.com', clientId: 'holdfast' },
  cognito: { issuer: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI', clientId: 'holdfast' },
  workos: { issuer: 'https://example.authkit.app', clientId: 'client_01', clientSecret },
  auth0: { issuer: 'https://example.eu.auth0.com/', clientId: 'holdfast', clientSecret },
  okta: { issuer: 'https://example.okta.com/oauth2/default', clientId: '0oa1', clientSecret },
  entra: { issuer: `https://login.microsoftonline.com/${tenant}/v2.0`, clientId: tenant, clientSecret },
  google: { issuer: 'https://accounts.google.com', clientId: '1.apps.googleusercontent.com', clientSecret },
  keycloak: { issuer: 'https://login.example.com/realms/example', clientId: 'holdfast', clientSecret },
};

const profiles = Object.keys(providerProfiles) as ProviderProfileName[];

const resolved = (identityProvider: IdentityProviderSettings) => resolveSettings({ identityProvider }).identityProvider;

test.each(profiles)('the profile %s accepts its documented settings', (profile) => {
  const identityProvider = { ...complete[profile], profile };
  expect(resolved(identityProvider)).toEqual(identityProvider);
});

test.each(profiles)('the profile %s requests an id token', (profile) => {
  expect(providerProfiles[profile].scopes).toContain('openid');
});

const direct = { profile: 'workos', mode: 'direct', issuer: 'https://example.authkit.app' };

const invalid: [what: string, provider: object, setting: string][] = [
  ['an invalid scope', { ...complete.oidc, scopes: ['openid', "o'clock"] }, 'scopes'],
  ['no scopes in direct mode', { ...direct, scopes: [] }, 'scopes'],
  ['an unknown profile', { ...complete.oidc, profile: 'facebook' }, 'profile'],
  ['a profile named like a member of Object.prototype', { ...complete.oidc, profile: 'constructor' }, 'profile'],
  ['an unknown mode', { ...complete.oidc, mode: 'proxy' }, 'mode'],
  ['an issuer with plain http', { ...complete.oidc, issuer: 'http://login.example.com' }, 'issuer'],
  ['an unknown authentication', { ...complete.oidc, authentication: 'client_secret_jwt' }, 'authentication'],
  ['the authentication none with a secret', { ...complete.okta, authentication: 'none' }, 'authentication'],
  ...(['client_secret_post', 'client_secret_basic', 'private_key_jwt'] as const).map(
    (authentication): [string, object, string] => [
      `the authentication ${authentication} without a secret`,
      { ...complete.oidc, authentication },
      'authentication',
    ],
  ),
  ['an authentication in direct mode', { ...direct, authentication: 'none' }, 'authentication'],
  ['no client id', { issuer: complete.oidc.issuer }, 'clientId'],
  ...['common', 'organizations', 'consumers', 'example.onmicrosoft.com'].map((name): [string, object, string] => [
    `the tenant ${name} of Entra`,
    { ...complete.entra, profile: 'entra', issuer: `https://login.microsoftonline.com/${name}/v2.0` },
    'issuer',
  ]),
  [
    'an Entra issuer of version 1',
    { ...complete.entra, profile: 'entra', issuer: `https://sts.windows.net/${tenant}/` },
    'issuer',
  ],
  [
    'the parameter resource with Entra',
    { ...complete.entra, profile: 'entra', parameters: { resource: 'https://a' } },
    'parameters',
  ],
  ['Entra without a secret', { ...complete.entra, profile: 'entra', clientSecret: undefined }, 'clientSecret'],
  ['Google without a secret', { ...complete.google, profile: 'google', clientSecret: undefined }, 'clientSecret'],
  [
    'an issuer with Google that is not Google’s',
    { ...complete.google, profile: 'google', issuer: 'https://google.com' },
    'issuer',
  ],
  [
    'an Auth0 issuer without the trailing slash',
    { ...complete.auth0, profile: 'auth0', issuer: 'https://example.auth0.com' },
    'issuer',
  ],
  [
    'a Keycloak issuer without a realm',
    { ...complete.keycloak, profile: 'keycloak', issuer: 'https://a.example' },
    'issuer',
  ],
  [
    'a user pool domain as the issuer',
    { ...complete.cognito, profile: 'cognito', issuer: 'https://a.example' },
    'issuer',
  ],
  ['a parameter that Holdfast sets', { ...complete.oidc, parameters: { redirect_uri: 'https://a' } }, 'parameters'],
  ['a claim name with a space', { ...complete.oidc, groupClaims: ['my groups'] }, 'groupClaims'],
  ['an empty group', { ...complete.oidc, groups: [''] }, 'groups'],
  ['a group with * inside', { ...complete.oidc, groups: ['team-*-admins'] }, 'groups'],
  ['an audience outside direct mode', { ...complete.auth0, profile: 'auth0', audience: 'https://a' }, 'audience'],
  [
    'an exchange client without an id',
    { ...complete.oidc, exchangeClient: { clientId: '', clientSecret } },
    'exchangeClient.clientId',
  ],
  [
    'an exchange client with a secret as text',
    { ...complete.oidc, exchangeClient: { clientId: 'api', clientSecret: 'x' } },
    'exchangeClient.clientSecret',
  ],
  [
    'an exchange client without a secret',
    { ...complete.oidc, exchangeClient: { clientId: 'api' } },
    'exchangeClient.clientSecret',
  ],
  [
    'an exchange client in direct mode',
    { ...direct, exchangeClient: { clientId: 'api', clientSecret } },
    'exchangeClient',
  ],
  ['a key set URL outside direct mode', { ...complete.oidc, jwksUri: 'https://a.example/jwks' }, 'jwksUri'],
  ['a client secret in direct mode without a client id', { ...direct, clientSecret }, 'clientSecret'],
  [
    'dashboard scopes in direct mode without a client id',
    { ...direct, dashboardScopes: ['openid'] },
    'dashboardScopes',
  ],
  [
    'dashboard scopes without openid in direct mode',
    { ...direct, clientId: 'holdfast', dashboardScopes: ['email'] },
    'dashboardScopes',
  ],
  ['a client secret as text in direct mode', { ...direct, clientId: 'holdfast', clientSecret: 'x' }, 'clientSecret'],
  ['an empty client id in direct mode', { ...direct, clientId: '' }, 'clientId'],
  ['parameters in direct mode', { ...direct, parameters: { prompt: 'login' } }, 'parameters'],
  ['an empty audience in direct mode', { ...direct, audience: '' }, 'audience'],
  ['a key set URL with plain http', { ...direct, jwksUri: 'http://a.example/jwks' }, 'jwksUri'],
  ...(['cognito', 'okta', 'entra', 'google'] as const).map((profile): [string, object, string] => [
    `direct mode with ${profile}`,
    { ...direct, profile, issuer: complete[profile].issuer },
    'mode',
  ]),
];

test.each(invalid)('%s is rejected', (_what, identityProvider, setting) => {
  expect(() => resolved(identityProvider as IdentityProviderSettings)).toThrow(
    new RegExp(`^identityProvider\\.${setting} `, 'm'),
  );
});

test.each<[string, Partial<IdentityProviderSettings>, string | undefined]>([
  ['the configured one', { profile: 'okta', clientSecret, authentication: 'private_key_jwt' }, 'private_key_jwt'],
  ['that of the profile', { profile: 'okta', clientSecret }, 'client_secret_basic'],
  ['chosen by the function for a profile without one', { clientSecret }, undefined],
  ['none without a secret', { profile: 'workos' }, 'none'],
])('the client authentication is %s', (_what, change, expected) => {
  expect(identityEnvironment({ ...complete.oidc, ...change }).IDP_AUTHENTICATION).toBe(expected);
});

test.each<[string, Partial<IdentityProviderSettings>, string | undefined]>([
  ['the endpoint at Okta', { profile: 'okta', clientSecret, authentication: 'private_key_jwt' }, 'endpoint'],
  ['the issuer at other providers', { clientSecret, authentication: 'private_key_jwt' }, undefined],
  ['not set without assertions', { profile: 'okta', clientSecret }, undefined],
])('the audience of assertions is %s', (_what, change, expected) => {
  expect(identityEnvironment({ ...complete.oidc, ...change }).IDP_ASSERTION_AUDIENCE).toBe(expected);
});

test('upstream tokens are rejected in direct mode', () => {
  const settings = { identityProvider: direct as IdentityProviderSettings, upstreamTokens: true };
  expect(() => resolveSettings(settings)).toThrow(/^upstreamTokens is true/m);
  expect(() => resolveSettings({ ...settings, upstreamTokens: false })).not.toThrow();
});

test('a loopback issuer can use plain http', () => {
  for (const host of ['localhost', '127.0.0.1']) {
    expect(() => resolved({ ...complete.oidc, issuer: `http://${host}:9000/pool` })).not.toThrow();
  }
});

test('settings override those of the profile', () => {
  const overrides = {
    scopes: ['openid', 'groups'],
    groupClaims: ['teams'],
    name: 'Example Login',
    parameters: { prompt: 'select_account consent', hd: 'example.com' },
  };
  expect(identityEnvironment({ ...complete.google, profile: 'google', ...overrides })).toMatchObject({
    IDP_SCOPES: 'openid groups',
    IDP_GROUP_CLAIMS: 'teams',
    IDP_NAME: 'Example Login',
    IDP_PARAMETERS: 'access_type=offline&prompt=select_account+consent&hd=example.com',
  });
});

test('the groups that settings name are kept before those of identityProvider.groups', () => {
  const groupsOf = (provider: object) =>
    JSON.parse(identityEnvironment({ ...complete.oidc, ...provider }, false, ['admins', 'staff']).IDP_GROUPS);
  expect(groupsOf({})).toEqual(['admins', 'staff', '*']);
  expect(groupsOf({ groups: ['team-*', 'All Staff'] })).toEqual(['admins', 'staff', 'team-*', 'All Staff']);
});

test('a provider without a profile has the name of its host', () => {
  expect(identityEnvironment(complete.oidc).IDP_NAME).toBe('login.example.com');
});

test('the context provides profile, mode and the other settings', () => {
  const fromContext = (context: Record<string, string>) =>
    settingsFromContext(new App({ context }).node).identityProvider;
  expect(
    fromContext({
      idpProfile: 'auth0',
      idpIssuer: 'https://example.eu.auth0.com/',
      idpClientId: 'holdfast',
      idpParameters: 'audience=https://api.example.com/&organization=org_1',
      idpGroupClaims: 'https://example.com/groups',
      idpGroups: 'team-*, staff',
    }),
  ).toMatchObject({
    profile: 'auth0',
    parameters: { audience: 'https://api.example.com/', organization: 'org_1' },
    groupClaims: ['https://example.com/groups'],
    groups: ['team-*', 'staff'],
  });
  expect(
    fromContext({
      idpMode: 'direct',
      idpIssuer: 'https://example.authkit.app',
      idpAudience: 'https://mcp.example.com',
    }),
  ).toMatchObject({ mode: 'direct', issuer: 'https://example.authkit.app', audience: 'https://mcp.example.com' });
  expect(() => fromContext({ idpProfile: 'google' })).toThrow('idpIssuer');
});

describe('a sign-in to the dashboard', () => {
  const requestOf = (settings: Partial<IdentityProviderSettings>, upstreamTokens = false) => {
    const environment = identityEnvironment({ ...complete.oidc, ...settings }, upstreamTokens);
    return [environment.IDP_DASHBOARD_SCOPES, environment.IDP_DASHBOARD_PARAMETERS];
  };

  test('requests the scopes of the settings without offline_access', () => {
    const scopes = ['openid', 'email', 'memberships', 'offline_access'];
    expect(requestOf({ scopes })).toEqual(['openid email memberships', '']);
  });

  test('requests no scope that only tools need', () => {
    const scopes = ['openid', 'email', 'groups', 'memberships', 'calendar', 'offline_access'];
    expect(requestOf({ scopes, groupClaims: ['memberships'] }, true)).toEqual(['openid email groups memberships', '']);
  });

  test('requests the scopes that are set for it', () => {
    expect(requestOf({ dashboardScopes: ['openid', 'staff'] }, true)).toEqual(['openid staff', '']);
  });

  test('sends no parameter that is for the access token or asks for a consent, and all others', () => {
    const parameters = { audience: 'https://api', resource: 'https://api', access_type: 'offline', organization: 'a' };
    expect(requestOf({ parameters: { ...parameters, prompt: 'login consent' } })[1]).toBe(
      'organization=a&prompt=login',
    );
    expect(requestOf({ ...complete.google, profile: 'google' })[1]).toBe('');
  });
});
