import { App } from 'aws-cdk-lib';
import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';
import { type IdentityProviderSettings, identityEnvironment } from '../../lib/settings/identity-provider-settings.ts';
import { type ProviderProfileName, providerProfiles } from '../../lib/settings/provider-profiles.ts';
import { settingsFromContext } from '../../lib/settings/settings-from-context.ts';

const clientSecretArn = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf';
const tenant = '6f0c8d5e-1111-2222-3333-0123456789ab';

/** What an owner writes who has followed docs/identity-providers. */
const complete: Record<ProviderProfileName, IdentityProviderSettings> = {
  oidc: { issuer: 'https://login.example.com', clientId: 'holdfast' },
  cognito: { issuer: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI', clientId: 'holdfast' },
  workos: { issuer: 'https://example.authkit.app', clientId: 'client_01', clientSecretArn },
  auth0: { issuer: 'https://example.eu.auth0.com/', clientId: 'holdfast', clientSecretArn },
  okta: { issuer: 'https://example.okta.com/oauth2/default', clientId: '0oa1', clientSecretArn },
  entra: { issuer: `https://login.microsoftonline.com/${tenant}/v2.0`, clientId: tenant, clientSecretArn },
  google: { issuer: 'https://accounts.google.com', clientId: '1.apps.googleusercontent.com', clientSecretArn },
  keycloak: { issuer: 'https://login.example.com/realms/example', clientId: 'holdfast', clientSecretArn },
};

const profiles = Object.keys(providerProfiles) as ProviderProfileName[];

const settled = (identityProvider: IdentityProviderSettings) => resolveSettings({ identityProvider }).identityProvider;

test.each(profiles)('the profile %s takes what its owner has to say', (profile) => {
  const identityProvider = { ...complete[profile], profile };
  expect(settled(identityProvider)).toEqual(identityProvider);
});

test.each(profiles)('the profile %s asks for an id token', (profile) => {
  expect(providerProfiles[profile].scopes).toContain('openid');
});

const direct = { profile: 'workos', mode: 'direct', issuer: 'https://example.authkit.app' };

const refused: [what: string, provider: object, setting: string][] = [
  ['what is no scope', { ...complete.oidc, scopes: ['openid', "o'clock"] }, 'scopes'],
  ['no scopes in direct mode', { ...direct, scopes: [] }, 'scopes'],
  ['an unknown profile', { ...complete.oidc, profile: 'facebook' }, 'profile'],
  ['what every object has, for a profile', { ...complete.oidc, profile: 'constructor' }, 'profile'],
  ['an unknown mode', { ...complete.oidc, mode: 'proxy' }, 'mode'],
  ['plain http', { ...complete.oidc, issuer: 'http://login.example.com' }, 'issuer'],
  ['no client', { issuer: complete.oidc.issuer }, 'clientId'],
  ...['common', 'organizations', 'consumers', 'example.onmicrosoft.com'].map((name): [string, object, string] => [
    `${name} for a tenant of Entra`,
    { ...complete.entra, profile: 'entra', issuer: `https://login.microsoftonline.com/${name}/v2.0` },
    'issuer',
  ]),
  [
    'version 1 of Entra',
    { ...complete.entra, profile: 'entra', issuer: `https://sts.windows.net/${tenant}/` },
    'issuer',
  ],
  [
    'a resource for Entra',
    { ...complete.entra, profile: 'entra', parameters: { resource: 'https://a' } },
    'parameters',
  ],
  ['Entra without a secret', { ...complete.entra, profile: 'entra', clientSecretArn: undefined }, 'clientSecretArn'],
  ['Google without a secret', { ...complete.google, profile: 'google', clientSecretArn: undefined }, 'clientSecretArn'],
  ['another issuer for Google', { ...complete.google, profile: 'google', issuer: 'https://google.com' }, 'issuer'],
  ['Auth0 without the slash', { ...complete.auth0, profile: 'auth0', issuer: 'https://example.auth0.com' }, 'issuer'],
  ['Keycloak without a realm', { ...complete.keycloak, profile: 'keycloak', issuer: 'https://a.example' }, 'issuer'],
  ['the domain of a user pool', { ...complete.cognito, profile: 'cognito', issuer: 'https://a.example' }, 'issuer'],
  ['a parameter that is Holdfast’s own', { ...complete.oidc, parameters: { redirect_uri: 'https://a' } }, 'parameters'],
  ['a claim with a space in it', { ...complete.oidc, groupClaims: ['my groups'] }, 'groupClaims'],
  [
    'an audience of tokens outside direct mode',
    { ...complete.auth0, profile: 'auth0', audience: 'https://a' },
    'audience',
  ],
  ['a key set outside direct mode', { ...complete.oidc, jwksUri: 'https://a.example/jwks' }, 'jwksUri'],
  ['a client in direct mode', { ...direct, clientId: 'holdfast' }, 'clientId'],
  ['a secret in direct mode', { ...direct, clientSecretArn }, 'clientSecretArn'],
  ['parameters in direct mode', { ...direct, parameters: { prompt: 'login' } }, 'parameters'],
  ['no audience at all in direct mode', { ...direct, audience: '' }, 'audience'],
  ['a key set over plain http', { ...direct, jwksUri: 'http://a.example/jwks' }, 'jwksUri'],
  ...(['cognito', 'okta', 'entra', 'google'] as const).map((profile): [string, object, string] => [
    `direct mode with ${profile}`,
    { ...direct, profile, issuer: complete[profile].issuer },
    'mode',
  ]),
];

test.each(refused)('%s is refused', (_what, identityProvider, setting) => {
  expect(() => settled(identityProvider as IdentityProviderSettings)).toThrow(
    new RegExp(`^identityProvider\\.${setting} `, 'm'),
  );
});

test('tokens of the provider cannot be had in direct mode', () => {
  const settings = { identityProvider: direct as IdentityProviderSettings, upstreamTokens: true };
  expect(() => resolveSettings(settings)).toThrow(/^upstreamTokens is true/m);
  expect(() => resolveSettings({ ...settings, upstreamTokens: false })).not.toThrow();
});

test('a provider on the same computer may do without https', () => {
  for (const host of ['localhost', '127.0.0.1']) {
    expect(() => settled({ ...complete.oidc, issuer: `http://${host}:9000/pool` })).not.toThrow();
  }
});

test('what the owner says comes before the profile', () => {
  const own = {
    scopes: ['openid', 'groups'],
    groupClaims: ['teams'],
    name: 'Example Login',
    parameters: { prompt: 'select_account consent', hd: 'example.com' },
  };
  expect(identityEnvironment({ ...complete.google, profile: 'google', ...own })).toMatchObject({
    IDP_SCOPES: 'openid groups',
    IDP_GROUP_CLAIMS: 'teams',
    IDP_NAME: 'Example Login',
    IDP_PARAMETERS: 'access_type=offline&prompt=select_account+consent&hd=example.com',
  });
});

test('a provider without a profile is named by its host', () => {
  expect(identityEnvironment(complete.oidc).IDP_NAME).toBe('login.example.com');
});

test('the context chooses profile, mode and the rest', () => {
  const fromContext = (context: Record<string, string>) =>
    settingsFromContext(new App({ context }).node).identityProvider;
  expect(
    fromContext({
      idpProfile: 'auth0',
      idpIssuer: 'https://example.eu.auth0.com/',
      idpClientId: 'holdfast',
      idpParameters: 'audience=https://api.example.com/&organization=org_1',
      idpGroupClaims: 'https://example.com/groups',
    }),
  ).toMatchObject({
    profile: 'auth0',
    parameters: { audience: 'https://api.example.com/', organization: 'org_1' },
    groupClaims: ['https://example.com/groups'],
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
