import { Duration } from 'aws-cdk-lib';
import { type HoldfastSettings, resolveSettings } from '../../lib/settings/holdfast-settings.ts';
import type { Workload } from '../../lib/settings/machines/assertion-settings.ts';
import type { ConfiguredMachineClient } from '../../lib/settings/machines/machine-client-settings.ts';

const jwksUri = 'https://ci.example/jwks.json';
const machine = (change: object, name = 'nightly'): HoldfastSettings => ({
  machineClients: { [name]: { jwksUri, scopes: ['mcp'], ...change } as ConfiguredMachineClient },
});

function errorsOf(settings: HoldfastSettings): string[] {
  try {
    resolveSettings(settings);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n').slice(1);
  }
}

test.each<[string, HoldfastSettings]>([
  ['machineTokenTtl', { machineTokenTtl: Duration.minutes(1) }],
  ['machineTokenTtl', { machineTokenTtl: Duration.minutes(61) }],
  ['machineClients["Nightly"]', machine({}, 'Nightly')],
  ['machineClients["hmc_1"]', machine({}, 'hmc_1')],
  [
    'machineClients["studio"]',
    { ...machine({}, 'studio'), clients: [{ id: 'studio', name: 'S', redirectUris: ['https://s.example/cb'] }] },
  ],
  ['machineClients["nightly"]', machine({ jwksUri: undefined })],
  ['machineClients["nightly"]', machine({ jwks: { keys: [{ kty: 'EC' }] } })],
  ['machineClients["nightly"].jwksUri', machine({ jwksUri: 'http://ci.example/jwks.json' })],
  ['machineClients["nightly"].jwks.keys', machine({ jwksUri: undefined, jwks: { keys: [] } })],
  ['machineClients["nightly"].jwks.keys[0]', machine({ jwksUri: undefined, jwks: { keys: [{ kty: 'EC', d: 'x' }] } })],
  ['machineClients["nightly"].scopes', machine({ scopes: [] })],
  ['machineClients["nightly"].scopes', machine({ scopes: ['unknown'] })],
])('%s is invalid in %j', (setting, settings) => {
  const errors = errorsOf(settings);
  expect(errors.filter((line) => line.startsWith(setting))).toHaveLength(1);
});

test('machine clients with keys, and none but those of the command line, are valid', () => {
  expect(errorsOf(machine({}))).toEqual([]);
  expect(errorsOf({ machineClients: {}, machineTokenTtl: Duration.minutes(5) })).toEqual([]);
});

const direct = { mode: 'direct', issuer: 'https://idp.example', profile: 'workos' } as const;

test.each<[string, string, HoldfastSettings]>([
  ['less than a day', 'personalTokens.maxLifetime', { personalTokens: { maxLifetime: Duration.hours(23) } }],
  ['no time', 'personalTokens.maxLifetime', { personalTokens: { maxLifetime: Duration.days(0) } }],
  ['more than a year', 'personalTokens.maxLifetime', { personalTokens: { maxLifetime: Duration.days(366) } }],
  ['a part of a day', 'personalTokens.maxLifetime', { personalTokens: { maxLifetime: Duration.hours(36) } }],
  ['a number', 'personalTokens.maxLifetime', { personalTokens: { maxLifetime: 30 as never } }],
  ['direct mode', 'personalTokens is set', { personalTokens: {}, identityProvider: direct }],
])('personal tokens are invalid with %s', (_, setting, settings) => {
  const errors = errorsOf(settings);
  expect(errors.filter((line) => line.startsWith(setting))).toHaveLength(1);
  expect(errors.filter((line) => line.startsWith('personalTokens'))).toHaveLength(1);
});

test.each([undefined, Duration.days(1), Duration.hours(48), Duration.days(365)])(
  'personal tokens are valid with a longest lifetime of %s',
  (maxLifetime) => {
    expect(errorsOf({ personalTokens: { ...(maxLifetime && { maxLifetime }) } })).toEqual([]);
  },
);

const workload = (change: Partial<Workload>): HoldfastSettings => ({
  workloads: [{ name: 'deploy', profile: 'github', subject: 'repo:acme/shop:*', scopes: ['mcp'], ...change }],
});

test.each<[string, Partial<Workload>]>([
  ['subject', { subject: '*' }],
  ['subject', { subject: '' }],
  ['subject', { subject: 'repo:*' }],
  ['subject', { subject: 'repo:acme*' }],
  ['subject', { subject: 'repo:*/shop:ref:refs/heads/main' }],
  ['subject', { subject: 'repo:acme/shop*' }],
  ['subject', { subject: 'repo:acme/shop:*:main' }],
  ['subject', { subject: 'repo:\u0430cme/shop:ref' }],
  ['subject', { subject: 'repo:acme/shop' }],
  ['subject', { profile: 'kubernetes', issuer: 'https://c.example', subject: 'system:serviceaccount:*' }],
  ['subject', { profile: 'aws', issuer: 'https://a.example', subject: 'arn:aws:iam::*' }],
  ['subject', { profile: 'gcp', subject: '*' }],
  ['subject', { profile: 'azure', issuer: 'https://a.example', subject: '*' }],
  ['subject', { profile: undefined, issuer: 'https://p.example', subject: 'x:*' }],
  ['issuer', { profile: 'kubernetes', subject: 'system:serviceaccount:ci:job' }],
  ['issuer', { issuer: 'http://p.example' }],
  ['profile', { profile: 'gitlab' as 'github' }],
  ['name', { name: 'De ploy' }],
  ['name', { name: undefined as unknown as string }],
  ['scopes', { scopes: ['unknown'] }],
  ['scopes', { scopes: [] }],
  ['jwksUri', { jwksUri: 'http://p.example/keys' }],
  ['jwks', { jwks: { keys: [{ kty: 'oct' }] } }],
])('the %s of a workload is invalid in %j', (setting, change) => {
  const errors = errorsOf(workload(change));
  expect(errors.filter((line) => line.startsWith(`workloads[0].${setting}`))).toHaveLength(1);
});

test.each<Partial<Workload>>([
  {},
  { subject: 'repo:acme/*' },
  { subject: 'repo:acme/shop:ref:refs/heads/main' },
  { profile: 'kubernetes', issuer: 'https://c.example', subject: 'system:serviceaccount:ci:*' },
  { profile: 'aws', issuer: 'https://a.example', subject: 'arn:aws:iam::111122223333:role/report' },
  { profile: 'gcp', subject: '103456789012345678901' },
  { profile: 'azure', issuer: 'https://a.example/', subject: '00000000-1111-2222-3333-444444444444' },
  { profile: undefined, issuer: 'https://p.example', subject: 'project:shop:*' },
])('a workload %j is valid', (change) => {
  expect(errorsOf(workload(change))).toEqual([]);
});

test('two workloads, or a workload and a client, with one name are invalid', () => {
  const [rule] = workload({}).workloads!;
  expect(errorsOf({ workloads: [rule!, rule!] })).toHaveLength(1);
  expect(errorsOf({ ...machine({}, 'deploy'), workloads: [rule!] })).toHaveLength(1);
});

test('assertions of other issuers are invalid in direct mode and without a provider that issues them', () => {
  expect(errorsOf({ ...workload({}), identityProvider: direct }).join()).toContain('in direct mode');
  expect(errorsOf({ enterpriseAuthorization: true }).join()).toContain('enterpriseAuthorization is true without');
  expect(errorsOf({ enterpriseIssuers: [{ issuer: 'http://acme.example' }] }).join()).toContain(
    'enterpriseIssuers[0].issuer',
  );
  expect(errorsOf({ enterpriseIssuers: [{ issuer: 'https://acme.okta.com' }] })).toEqual([]);
});
