import { App } from 'aws-cdk-lib';
import type { PreregisteredClientSettings } from '../../lib/settings/client-settings.ts';
import { type HoldfastSettings, resolveSettings } from '../../lib/settings/holdfast-settings.ts';
import { settingsFromContext } from '../../lib/settings/settings-from-context.ts';
import { resourcesOf, synthesize } from '../support/synthesized-template.ts';

const client: PreregisteredClientSettings = {
  id: 'studio',
  name: 'Studio',
  redirectUris: ['https://studio.example/cb'],
};
const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' };
const withClient = (change: object): HoldfastSettings => ({
  clients: [{ ...client, ...change } as PreregisteredClientSettings],
});

test.each<[string, HoldfastSettings]>([
  ['clientDocuments', { clientDocuments: 'closed' as 'off' }],
  ['dynamicRegistration', { dynamicRegistration: 'true' as 'off' }],
  ['clientDocuments', { clientDocuments: 'allow-list' }],
  ['dynamicRegistration', { dynamicRegistration: 'allow-list' }],
  ['clientDocumentHosts', { clientDocumentHosts: ['claude.ai'] }],
  ['dynamicRegistrationRedirects', { dynamicRegistration: 'off', dynamicRegistrationRedirects: ['claude.ai'] }],
  ['clientDocumentHosts', { clientDocuments: 'allow-list', clientDocumentHosts: ['*.claude.ai'] }],
  ['clientDocumentHosts', { clientDocuments: 'allow-list', clientDocumentHosts: ['https://claude.ai'] }],
  ['clientDocumentHosts', { clientDocuments: 'allow-list', clientDocumentHosts: ['localhost'] }],
  ['clientDocumentHosts', { clientDocuments: 'allow-list', clientDocumentHosts: ['Claude.ai'] }],
  ['dynamicRegistrationRedirects', { dynamicRegistration: 'allow-list', dynamicRegistrationRedirects: ['javascript'] }],
  ['clientDocuments', { clientDocuments: 'off', dynamicRegistration: 'off' }],
  ['unsafelyFetchClientDocumentsFromAnywhere', { stage: 'prod', unsafelyFetchClientDocumentsFromAnywhere: true }],
  ['clients[0].id', withClient({ id: '' })],
  ['clients[0].id', withClient({ id: undefined })],
  ['clients[0].id', withClient({ id: 'dcr_mine' })],
  ['clients[0].id', withClient({ id: 'https://studio.example/client.json' })],
  ['clients[1].id', { clients: [client, client] }],
  ['clients[0].name', withClient({ name: ' ' })],
  ['clients[0].redirectUris', withClient({ redirectUris: undefined })],
  ['clients[0].redirectUris', withClient({ redirectUris: [] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['http://studio.example/cb'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['http://localhost.evil.example/cb'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['https://studio.example/*'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['https://studio.example/cb#x'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['https://user@studio.example/cb'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['javascript:alert(1)'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['studio://cb'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['https://%65vil.example/cb'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['https://0x7f.1/cb'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['https://studio.example/a/../cb'] })],
  ['clients[0].redirectUris', withClient({ redirectUris: ['https://studio.example/cb?code=x'] })],
  ['clients[0].jwks.keys', withClient({ jwks: { keys: [] } })],
  ['clients[0].jwks.keys', withClient({ jwks: null })],
  ['clients[0].jwks.keys[0]', withClient({ jwks: { keys: [{ ...key, d: 'private' }] } })],
  ['clients[0].jwks.keys[0]', withClient({ jwks: { keys: [{ kty: 'oct', k: 'secret' }] } })],
  ['clients[0].jwks.keys[0].kty', withClient({ jwks: { keys: [{ ...key, kty: 'ec' }] } })],
])('%s is invalid in %j', (setting, settings) => {
  const lines = errorsOf(settings);
  expect(lines.some((line) => line.startsWith(`${setting} `) || line.startsWith(`${setting}.`))).toBe(true);
});

function errorsOf(settings: HoldfastSettings): string[] {
  try {
    resolveSettings(settings);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n').slice(1);
  }
}

test('the error about a private key does not contain the key', () => {
  expect(errorsOf(withClient({ jwks: { keys: [{ ...key, d: 'hunter2' }] } })).join()).not.toContain('hunter2');
});

test('clients that exceed the size of the environment are rejected with their size', () => {
  const clients = Array.from({ length: 40 }, (_, index) => ({ ...client, id: `studio-${index}` }));
  expect(() => resolveSettings({ clients })).toThrow(
    /clients and the allow-lists have \d{4} bytes as JSON: at most 2560/,
  );
  expect(() => resolveSettings({ clients: clients.slice(0, 20) })).not.toThrow();
});

test.each<[string, HoldfastSettings]>([
  ['a client with keys', withClient({ jwks: { keys: [key] } })],
  [
    'a client with loopback redirect URIs',
    withClient({ redirectUris: ['http://127.0.0.1/cb', 'http://localhost:8080/cb'] }),
  ],
  [
    'a client with a private-use scheme',
    withClient({ redirectUris: ['cursor://anysphere.cursor-mcp/oauth/callback'] }),
  ],
  ['a client with a scheme of RFC 8252 §7.1', withClient({ redirectUris: ['com.example.studio:/cb'] })],
  ['a client as the only one', { ...withClient({}), clientDocuments: 'off', dynamicRegistration: 'off' }],
  [
    'an allow-list of document hosts',
    { clientDocuments: 'allow-list', clientDocumentHosts: ['claude.ai', 'chatgpt.com'] },
  ],
  [
    'an allow-list of redirects',
    { dynamicRegistration: 'allow-list', dynamicRegistrationRedirects: ['claude.ai', 'localhost', 'cursor'] },
  ],
])('%s is valid', (_what, settings) => {
  expect(() => resolveSettings(settings)).not.toThrow();
});

test('the client settings are environment variables of the OAuth function only', () => {
  const template = synthesize({
    ...withClient({ jwks: { keys: [key] } }),
    clientDocuments: 'allow-list',
    clientDocumentHosts: ['claude.ai', 'chatgpt.com'],
    dynamicRegistration: 'off',
  });
  const functions = resourcesOf(template, 'AWS::Lambda::Function').filter(([, { Properties }]) => {
    return 'CLIENTS' in (Properties.Environment?.Variables ?? {});
  });
  expect(functions.map(([id]) => id)).toEqual([expect.stringMatching(/^OAuth/)]);
  const variables = functions[0]![1].Properties.Environment.Variables;
  expect(variables).toMatchObject({
    CLIENTS: JSON.stringify([{ ...client, jwks: { keys: [key] } }]),
    CLIENT_DOCUMENTS: 'allow-list',
    CLIENT_DOCUMENT_HOSTS: 'claude.ai chatgpt.com',
    DYNAMIC_REGISTRATION: 'off',
  });
  expect(variables).not.toHaveProperty('UNSAFELY_FETCH_CLIENT_DOCUMENTS_FROM_ANYWHERE');
});

test('the context provides every client setting', () => {
  const settingsOf = (context: Record<string, unknown>) => settingsFromContext(new App({ context }).node);
  const expected = {
    clients: [client],
    clientDocuments: 'allow-list',
    clientDocumentHosts: ['claude.ai', 'chatgpt.com'],
    dynamicRegistration: 'allow-list',
    dynamicRegistrationRedirects: ['localhost'],
    unsafelyFetchClientDocumentsFromAnywhere: true,
  };
  const context = {
    ...expected,
    clientDocumentHosts: 'claude.ai, chatgpt.com',
    dynamicRegistrationRedirects: 'localhost',
    unsafelyFetchClientDocumentsFromAnywhere: 'true',
  };
  expect(settingsOf(context)).toMatchObject(expected);
  expect(settingsOf({ ...context, clients: JSON.stringify([client]) })).toMatchObject(expected);
  for (const clients of ['{', '{}', { id: 'studio' }]) expect(() => settingsOf({ clients })).toThrow(/clients/);
});
