import { type HoldfastSettings, resolveSettings } from '../../lib/settings/holdfast-settings.ts';

const domain = {
  domainName: 'mcp.example.com',
  certificateArn: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b',
};
const identityProvider = { issuer: 'https://login.example.com', clientId: 'holdfast' };

const invalid: [setting: string, settings: object][] = [
  ['stage', { stage: 'production' }],
  ['staleSession', { staleSession: 'ignore' }],
  ['sessionTtlHours', { sessionTtlHours: 0 }],
  ['sessionTtlHours', { sessionTtlHours: Number.NaN }],
  ['accessTokenMinutes', { accessTokenMinutes: 2 }],
  ['accessTokenMinutes', { accessTokenMinutes: 10_000 }],
  ['accessTokenMinutes', { accessTokenMinutes: 61 }],
  ['grantIdleDays', { grantIdleDays: 60, grantAbsoluteDays: 30 }],
  ['grantAbsoluteDays', { grantAbsoluteDays: 4000 }],
  ['refreshWindowSeconds', { refreshWindowSeconds: 86_400 }],
  ['toolTimeoutMinutes', { toolTimeoutMinutes: 16 }],
  ['allowedOrigins', { allowedOrigins: ['https://inspector.example.com/'] }],
  ['allowedOrigins', { allowedOrigins: ['inspector.example.com'] }],
  ['allowedOrigins', { allowedOrigins: ['null'] }],
  ['allowedOrigins', { allowedOrigins: ['*'] }],
  ['allowedOrigins', { allowedOrigins: ['app://obsidian.md/path'] }],
  ['allowedOrigins', { allowedOrigins: ['app://one two'] }],
  ['auditMethods', { auditMethods: 'some' }],
  ['auditArguments', { auditArguments: 'yes' }],
  ['auditRetentionDays', { auditRetentionDays: 0 }],
  ['auditRetentionDays', { auditRetentionDays: 4000 }],
  ['authorizerCacheSeconds', { authorizerCacheSeconds: 3600 }],
  ['throttle', { throttle: { rate: 0, burst: 1 } }],
  ['throttle', { throttle: { rate: Number.POSITIVE_INFINITY, burst: 1 } }],
  ['oauthThrottle', { oauthThrottle: { rate: 10, burst: -1 } }],
  ['redirectSchemes', { redirectSchemes: ['javascript'] }],
  ['redirectSchemes', { redirectSchemes: ['HTTP'] }],
  ['redirectSchemes', { redirectSchemes: ['cursor://'] }],
  ['redirectSchemes', { redirectSchemes: ['*'] }],
  ['firewall', { firewall: true }],
  ['domain.domainName', { domain: { ...domain, domainName: 'https://mcp.example.com/' } }],
  ['domain.certificateArn', { domain: { ...domain, certificateArn: 'certificate/0a1b' } }],
  ['domain.hostedZone', { domain: { ...domain, hostedZone: { id: 'Z1', name: 'ample.com' } } }],
  ['identityProvider.issuer', { identityProvider: { ...identityProvider, issuer: 'http://login.example.com' } }],
  ['identityProvider.issuer', { identityProvider: { ...identityProvider, issuer: 'login.example.com' } }],
  ['identityProvider.clientId', { identityProvider: { ...identityProvider, clientId: '' } }],
  ['identityProvider.clientSecretArn', { identityProvider: { ...identityProvider, clientSecretArn: 'hunter2' } }],
  ['identityProvider.scopes', { identityProvider: { ...identityProvider, scopes: ['profile'] } }],
];

test.each(invalid)('%s is invalid in %j', (setting, settings) => {
  expect(() => resolveSettings(settings as HoldfastSettings)).toThrow(
    new RegExp(`^${setting.replace('.', '\\.')}[ .]`, 'm'),
  );
});

test('allowedOrigins may name http origins and origins of applications', () => {
  const allowedOrigins = ['http://intranet.example:8080', 'https://inspector.example.com', 'app://obsidian.md'];
  expect(resolveSettings({ allowedOrigins })).toMatchObject({ allowedOrigins });
});

test('the error about a client secret does not contain the secret', () => {
  const settings = { identityProvider: { ...identityProvider, clientSecretArn: 'hunter2' } };
  expect(() => resolveSettings(settings)).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
  );
});

test('a certificate of another region is rejected when the region is known', () => {
  expect(() => resolveSettings({ domain }, 'us-east-1')).toThrow(/certificateArn is in eu-west-1/);
  expect(() => resolveSettings({ domain }, 'eu-west-1')).not.toThrow();
  expect(() => resolveSettings({ domain })).not.toThrow();
});

test('the error lists every invalid setting', () => {
  expect(() => resolveSettings({ signingKeys: [], sessionTtlHours: -1 })).toThrow(/sessionTtlHours.*\n.*signingKeys/);
});

test('an undefined setting has its default', () => {
  expect(resolveSettings({ stage: undefined, sessionTtlHours: undefined })).toEqual(resolveSettings({}));
});

test('a hosted zone can be the domain or a parent of it', () => {
  for (const name of ['example.com', 'mcp.example.com']) {
    expect(() => resolveSettings({ domain: { ...domain, hostedZone: { id: 'Z1', name } } })).not.toThrow();
  }
});
