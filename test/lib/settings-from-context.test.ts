import { App } from 'aws-cdk-lib';
import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';
import { settingsFromContext } from '../../lib/settings/settings-from-context.ts';

const settingsOf = (context: Record<string, string>) => settingsFromContext(new App({ context }).node);

test('an empty context yields the defaults', () => {
  expect(resolveSettings(settingsOf({}))).toEqual(resolveSettings({}));
});

test('the context provides an identity provider', () => {
  expect(
    settingsOf({
      idpIssuer: 'https://login.example.com',
      idpClientId: 'holdfast',
      idpClientSecretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf',
      idpAuthentication: 'private_key_jwt',
      idpScopes: 'openid offline_access',
      idpName: 'Example Login',
    }).identityProvider,
  ).toEqual({
    issuer: 'https://login.example.com',
    clientId: 'holdfast',
    clientSecret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf',
    authentication: 'private_key_jwt',
    scopes: ['openid', 'offline_access'],
    name: 'Example Login',
  });
});

test('the context provides a domain, its hosted zone and a firewall', () => {
  const certificateArn = 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b';
  const context = { domainName: 'mcp.example.com', certificateArn, hostedZoneId: 'Z1', hostedZoneName: 'example.com' };
  expect(settingsOf({ ...context, firewall: 'true', stage: 'prod' })).toEqual({
    stage: 'prod',
    firewall: true,
    identityProvider: undefined,
    domain: {
      domainName: 'mcp.example.com',
      certificate: certificateArn,
      hostedZone: { hostedZoneId: 'Z1', zoneName: 'example.com' },
    },
  });
});

test.each([
  [{ idpIssuer: 'https://login.example.com' }, 'idpClientId'],
  [{ domainName: 'mcp.example.com' }, 'certificateArn'],
  [{ domainName: 'mcp.example.com', certificateArn: 'arn:…', hostedZoneId: 'Z1' }, 'hostedZoneName'],
  [{ idpScopes: 'openid' }, 'idpIssuer'],
  [{ hostedZoneId: 'Z1', hostedZoneName: 'example.com' }, 'domainName'],
] as [Record<string, string>, string][])('%j is rejected without %s', (context, missing) => {
  expect(() => settingsOf(context)).toThrow(missing);
});

test('the context provides the redirect schemes, which have a default', () => {
  expect(settingsOf({ redirectSchemes: 'cursor, acme' }).redirectSchemes).toEqual(['cursor', 'acme']);
  expect(resolveSettings(settingsOf({})).redirectSchemes).toEqual(['claude', 'cursor', 'vscode', 'vscode-insiders']);
});

test('the context provides numbers of the functions', () => {
  const context = { memorySize: '1024', toolTimeoutMinutes: '0.5', tracing: 'true', reservedConcurrentExecutions: '3' };
  const settings = settingsOf(context);
  expect(settings).toMatchObject({ memorySize: 1024, tracing: true, reservedConcurrentExecutions: 3 });
  expect(settings.toolTimeout?.toSeconds()).toBe(30);
  expect(() => settingsOf({ memorySize: 'large' })).toThrow('The context key memorySize is "large": write a number');
});

test.each(['clients', 'workloads', 'enterpriseIssuers'])('the context key %s takes a JSON array of objects', (key) => {
  const message = `The context key ${key} is not a JSON array of objects: write [{`;
  expect(() => settingsOf({ [key]: '{}' })).toThrow(message);
  expect(() => settingsOf({ [key]: '[1]' })).toThrow(message);
  expect(() => settingsOf({ [key]: '[' })).toThrow(`The context key ${key} is not valid JSON`);
});

test('a flag must be true or false', () => {
  expect(() => settingsOf({ firewall: 'yes' })).toThrow(/firewall/);
});

test.each([
  ['stagge', 'stage'],
  ['idpissuer', 'idpIssuer'],
  ['Domainname', 'domainName'],
  ['alarmEmial', 'alarmEmail'],
])('the misspelt context key %s is rejected with the nearest one', (given, meant) => {
  expect(() => settingsOf({ [given]: 'x' })).toThrow(`The context key ${given} does not exist: did you mean ${meant}?`);
});

test('context keys of the app itself and of the CDK are accepted', () => {
  const context = { owner: 'ada', team: 'tools', '@aws-cdk/core:stackRelativeExports': 'true', 'aws:cdk:version': '2' };
  expect(settingsOf(context)).toEqual(settingsOf({}));
});
