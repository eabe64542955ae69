import { App, Duration } from 'aws-cdk-lib';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { EMULATOR_VARIABLE } from '../../lib/package-files.ts';
import { rejectMisspeltProps } from '../../lib/prop-names.ts';
import { type HoldfastSettings, resolveSettings } from '../../lib/settings/holdfast-settings.ts';

const domain = {
  domainName: 'mcp.example.com',
  certificate: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b',
};
const identityProvider = { issuer: 'https://login.example.com', clientId: 'holdfast' };

const invalid: [setting: string, settings: object][] = [
  ['stage', { stage: 'production' }],
  ['staleSession', { staleSession: 'ignore' }],
  ['sessionTtl', { sessionTtl: Duration.hours(0) }],
  ['sessionTtl', { sessionTtl: Duration.hours(Number.NaN) }],
  ['accessTokenTtl', { accessTokenTtl: Duration.minutes(2) }],
  ['accessTokenTtl', { accessTokenTtl: Duration.minutes(10_000) }],
  ['accessTokenTtl', { accessTokenTtl: Duration.minutes(61) }],
  ['grantIdleTimeout', { grantIdleTimeout: Duration.days(60), grantAbsoluteTimeout: Duration.days(30) }],
  ['grantAbsoluteTimeout', { grantAbsoluteTimeout: Duration.days(4000) }],
  ['refreshWindow', { refreshWindow: Duration.days(1) }],
  ['toolTimeout', { toolTimeout: Duration.minutes(16) }],
  ['toolTimeout', { toolTimeout: 5 }],
  ['listenTimeout', { toolTimeout: Duration.minutes(1), listenTimeout: Duration.seconds(55) }],
  ['allowedOrigins', { allowedOrigins: ['https://inspector.example.com/'] }],
  ['allowedOrigins', { allowedOrigins: ['inspector.example.com'] }],
  ['allowedOrigins', { allowedOrigins: ['null'] }],
  ['allowedOrigins', { allowedOrigins: ['*'] }],
  ['allowedOrigins', { allowedOrigins: ['app://obsidian.md/path'] }],
  ['allowedOrigins', { allowedOrigins: ['app://one two'] }],
  ['auditMethods', { auditMethods: 'some' }],
  ['auditArguments', { auditArguments: 'yes' }],
  ['auditErrors', { auditErrors: 'stack' }],
  ['auditTools', { auditTools: true, identityProvider: { mode: 'direct', issuer: 'https://login.example.com' } }],
  [
    'scopes',
    {
      auditTools: true,
      scopes: { scopes: { mcp: { description: 'a' }, 'audit:read': { description: 'b' } }, tools: {} },
    },
  ],
  ['auditRetention', { auditRetention: Duration.days(0) }],
  ['auditRetention', { auditRetention: Duration.days(4000) }],
  ['telemetry', { telemetry: {} }],
  ['telemetry', { telemetry: { endpoint: 'https://otlp.example.com', xRay: true } }],
  ['telemetry.endpoint', { telemetry: { endpoint: 'http://otlp.example.com' } }],
  ['telemetry.endpoint', { telemetry: { endpoint: 'https://key@otlp.example.com' } }],
  ['telemetry.headers', { telemetry: { endpoint: 'https://otlp.example.com', headers: 'x-key=hunter2' } }],
  ['telemetry.signals', { telemetry: { endpoint: 'https://otlp.example.com', signals: [] } }],
  ['telemetry.signals', { telemetry: { endpoint: 'https://otlp.example.com', signals: ['logs'] } }],
  ['telemetry.signals', { telemetry: { xRay: true, signals: ['metrics'] } }],
  ['telemetry.serviceName', { telemetry: { endpoint: 'https://otlp.example.com', serviceName: '' } }],
  ['authorizerCacheTtl', { authorizerCacheTtl: Duration.minutes(6) }],
  ['throttle', { throttle: { rate: 0, burst: 1 } }],
  ['throttle', { throttle: { rate: Number.POSITIVE_INFINITY, burst: 1 } }],
  ['oauthThrottle', { oauthThrottle: { rate: 10, burst: -1 } }],
  ['redirectSchemes', { redirectSchemes: ['javascript'] }],
  ['redirectSchemes', { redirectSchemes: ['HTTP'] }],
  ['redirectSchemes', { redirectSchemes: ['cursor://'] }],
  ['redirectSchemes', { redirectSchemes: ['*'] }],
  ['firewall', { firewall: true }],
  ['domain.domainName', { domain: { ...domain, domainName: 'https://mcp.example.com/' } }],
  ['domain.certificate', { domain: { ...domain, certificate: 'certificate/0a1b' } }],
  ['domain.hostedZone', { domain: { ...domain, hostedZone: { hostedZoneId: 'Z1', zoneName: 'ample.com' } } }],
  ['identityProvider.issuer', { identityProvider: { ...identityProvider, issuer: 'http://login.example.com' } }],
  ['identityProvider.issuer', { identityProvider: { ...identityProvider, issuer: 'login.example.com' } }],
  ['identityProvider.clientId', { identityProvider: { ...identityProvider, clientId: '' } }],
  ['identityProvider.clientSecret', { identityProvider: { ...identityProvider, clientSecret: 'hunter2' } }],
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
  const settings = { identityProvider: { ...identityProvider, clientSecret: 'hunter2' } };
  expect(() => resolveSettings(settings)).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
  );
});

test('a certificate of another region is rejected when the region is known', () => {
  expect(() => resolveSettings({ domain }, 'us-east-1')).toThrow(/certificate is in eu-west-1/);
  expect(() => resolveSettings({ domain }, 'eu-west-1')).not.toThrow();
  expect(() => resolveSettings({ domain })).not.toThrow();
});

test('the error lists every invalid setting', () => {
  expect(() => resolveSettings({ signingKeys: [], sessionTtl: Duration.hours(0) })).toThrow(
    /sessionTtl.*\n.*signingKeys/,
  );
});

test('more than four keys of one purpose are rejected', () => {
  const names = ['1', '2', '3', '4', '5'];
  expect(() => resolveSettings({ signingKeys: names })).toThrow('signingKeys has 5 names');
  expect(() => resolveSettings({ signingKeys: names.slice(1) })).not.toThrow();
});

test('an undefined setting has its default', () => {
  expect(resolveSettings({ stage: undefined, sessionTtl: undefined })).toEqual(resolveSettings({}));
});

test('users have names in the local emulator, unless a setting says otherwise, and keys elsewhere', () => {
  expect(resolveSettings({}).showNames).toBe('no');
  process.env[EMULATOR_VARIABLE] = 'true';
  try {
    expect(resolveSettings({}).showNames).toBe('name');
    expect(resolveSettings({ showNames: 'no' }).showNames).toBe('no');
  } finally {
    delete process.env[EMULATOR_VARIABLE];
  }
});

test('a hosted zone can be the domain or a parent of it', () => {
  for (const name of ['example.com', 'mcp.example.com']) {
    expect(() =>
      resolveSettings({ domain: { ...domain, hostedZone: { hostedZoneId: 'Z1', zoneName: name } } }),
    ).not.toThrow();
  }
});

test.each([
  ['srever', 'server'],
  ['Server', 'server'],
  ['sessionTTL', 'sessionTtl'],
  ['stakName', 'stackName'],
])('the misspelt prop %s of a JavaScript project is rejected with the nearest one', (given, meant) => {
  const props = { [given]: 'x' };
  expect(() => new HoldfastStack(new App(), 'Owner', props)).toThrow(
    `The setting ${given} does not exist: did you mean ${meant}?`,
  );
});

test('props of a stack, and those of a newer CDK, are accepted beside settings', () => {
  const props = { stackName: 'Owner', env: { region: 'eu-west-1' }, stage: 'dev', somethingQuiteNew: true };
  expect(() => rejectMisspeltProps(props)).not.toThrow();
});
