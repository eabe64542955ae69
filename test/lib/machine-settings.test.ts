import { Duration } from 'aws-cdk-lib';
import { type HoldfastSettings, resolveSettings } from '../../lib/settings/holdfast-settings.ts';
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
