import fc from 'fast-check';
import {
  ClientDocumentError,
  mayFetch,
  readClientMetadata,
  readKeySet,
} from '../../../lambda/core/oauth/clients/client-document.ts';

const reach = { ownHost: 'mcp.example.com', anywhere: false };
const id = 'https://client.example/client.json';

describe('a URL that a client chooses', () => {
  test.each([
    id,
    'https://claude.ai/oauth/mcp-oauth-client-metadata',
    'https://claude.ai/oauth/claude-code-client-metadata',
    'https://chatgpt.com/oauth/codex/client.json',
    'https://vscode.dev/.well-known/client.json',
    'https://xn--bcher-kva.example/client.json',
    'https://client.example/a%20b',
  ])('is accepted as its id: %s', (address) => {
    expect(mayFetch(address, 'client-id', reach)).toBe(true);
  });

  test.each([
    'http://client.example/client.json',
    'HTTPS://client.example/client.json',
    'https://client.example',
    'https://client.example/',
    'https://client.example/client.json#x',
    'https://client.example/client.json#',
    'https://client.example/client.json?x=1',
    'https://client.example/client.json?',
    'https://user@client.example/client.json',
    'https://user:pass@client.example/client.json',
    'https://@client.example/client.json',
    'https://client.example/a/../client.json',
    'https://client.example/./client.json',
    'https://client.example/a/%2e%2E/client.json',
    'https://client.example/a/.%2e',
    'https://client.example:443/client.json',
    'https://client.example:8443/client.json',
    'https://client.example:80/client.json',
    'https://Client.Example/client.json',
    'https://client.example./client.json',
    'https://client.example\\@evil.example/client.json',
    'https:/client.example/client.json',
    'https:client.example/client.json',
    ' https://client.example/client.json',
    'https://client.example/client.json\n',
    'https://client.example/cli\tent.json',
    'https://client.example/клиент.json',
    'https://bücher.example/client.json',
    'https://localhost/client.json',
    'https://intranet/client.json',
    'https://127.0.0.1/client.json',
    'https://127.1/client.json',
    'https://2130706433/client.json',
    'https://0x7f.1/client.json',
    'https://169.254.169.254/latest',
    'https://[::1]/client.json',
    'https://[::ffff:127.0.0.1]/client.json',
    'https://mcp.example.com/client.json',
    'https://MCP.example.com/client.json',
    `https://client.example/${'x'.repeat(1024)}`,
    'https://',
    'file:///etc/passwd',
    'javascript:alert(1)',
  ])('is rejected as its id: %j', (address) => {
    expect(mayFetch(address, 'client-id', reach)).toBe(false);
  });

  test('of a key set may have a query and no path', () => {
    expect(mayFetch('https://client.example/keys?v=2', 'keys', reach)).toBe(true);
    expect(mayFetch('https://client.example/', 'keys', reach)).toBe(true);
    expect(mayFetch('https://client.example:8443/keys', 'keys', reach)).toBe(false);
    expect(mayFetch('https://mcp.example.com/jwks.json', 'keys', reach)).toBe(false);
  });

  test('is in normalized form if it is accepted', () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ['https'], withQueryParameters: true, withFragments: true }), (address) => {
        if (!mayFetch(address, 'client-id', reach)) return;
        const { href, port, username, hash, search, pathname } = new URL(address);
        expect(href).toBe(address);
        expect([port, username, hash, search]).toEqual(['', '', '', '']);
        expect(pathname).not.toBe('/');
      }),
    );
  });

  test('may be local with the unsafe setting, but never this server', () => {
    const anywhere = { ownHost: '127.0.0.1:8787', anywhere: true };
    expect(mayFetch('https://127.0.0.1:4443/client.json', 'client-id', anywhere)).toBe(true);
    expect(mayFetch('https://localhost:4443/client.json', 'client-id', anywhere)).toBe(true);
    expect(mayFetch('https://127.0.0.1:8787/client.json', 'client-id', anywhere)).toBe(false);
    expect(mayFetch('https://localhost:4443/a/../client.json', 'client-id', anywhere)).toBe(false);
  });
});

describe('a client document', () => {
  const document = { client_id: id, client_name: 'Client', redirect_uris: ['https://client.example/cb'] };
  const publicKey = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: '1' };
  const read = (content: unknown) =>
    readClientMetadata(typeof content === 'string' ? content : JSON.stringify(content), id, reach);

  test('yields name and redirect URIs', () => {
    expect(read(document)).toEqual({ name: 'Client', redirectUris: ['https://client.example/cb'] });
  });

  test('may have members that are not used', () => {
    const chatGpt = {
      ...document,
      application_type: null,
      logo_uri: 'javascript:alert(1)',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
      response_types: ['code', 'id_token'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
      token_endpoint_auth_signing_alg: 'RS256',
      jwks_uri: 'https://client.example/jwks.json',
    };
    expect(read(chatGpt)).toEqual({
      name: 'Client',
      redirectUris: ['https://client.example/cb'],
      keys: { jwksUri: 'https://client.example/jwks.json' },
    });
  });

  test('may contain the keys', () => {
    const jwks = { keys: [publicKey] };
    expect(read({ ...document, token_endpoint_auth_method: 'private_key_jwt', jwks })).toMatchObject({
      keys: { jwks },
    });
    expect(read({ ...document, jwks })).not.toHaveProperty('keys');
  });

  test('yields a name without invisible characters, shortened', () => {
    expect(read({ ...document, client_name: '\u202eevil\u200b\u0000' }).name).toBe('evil');
    expect(read({ ...document, client_name: 'x'.repeat(300) }).name).toHaveLength(80);
    expect(read({ ...document, client_name: 'x'.repeat(501) }).name).toHaveLength(80);
  });

  const signing = { ...document, token_endpoint_auth_method: 'private_key_jwt' };
  test.each<[string, unknown]>([
    ['that is not JSON', '{'],
    ['that is an array', [document]],
    ['that is null', null],
    ['that is a number', 1],
    ['without client_id', { ...document, client_id: undefined }],
    ['for another address', { ...document, client_id: `${id}/` }],
    ['for the address in capitals', { ...document, client_id: id.replace('client', 'CLIENT') }],
    ['without a name', { ...document, client_name: undefined }],
    ['with an empty name', { ...document, client_name: '' }],
    ['with a name that is a number', { ...document, client_name: 1 }],
    ['without redirect URIs', { ...document, redirect_uris: undefined }],
    ['with an empty list of redirect URIs', { ...document, redirect_uris: [] }],
    ['with 51 redirect URIs', { ...document, redirect_uris: Array(51).fill('https://client.example/cb') }],
    ['with a redirect URI that is a number', { ...document, redirect_uris: [1] }],
    ['with redirect URIs in one string', { ...document, redirect_uris: 'https://client.example/cb' }],
    ['with a secret', { ...document, client_secret: 's' }],
    ['with an empty secret', { ...document, client_secret: null }],
    ['with the expiry of a secret', { ...document, client_secret_expires_at: 0 }],
    ['that authenticates by a secret', { ...document, token_endpoint_auth_method: 'client_secret_post' }],
    ['that authenticates by a secret in a header', { ...document, token_endpoint_auth_method: 'client_secret_basic' }],
    ['with a private key', { ...document, jwks: { keys: [{ ...publicKey, d: 'secret' }] } }],
    ['with a symmetric key', { ...document, jwks: { keys: [{ kty: 'oct', k: 'secret' }] } }],
    ['that signs without keys', signing],
    ['that signs with no keys', { ...signing, jwks: { keys: [] } }],
    ['that signs with two sets of keys', { ...signing, jwks: { keys: [publicKey] }, jwks_uri: 'https://c.example/k' }],
    ['with a key set at an http URL', { ...signing, jwks_uri: 'http://client.example/jwks.json' }],
    ['with a key set at a private address', { ...signing, jwks_uri: 'https://169.254.169.254/latest' }],
    ['with a key set at this server', { ...signing, jwks_uri: 'https://mcp.example.com/jwks.json' }],
  ])('%s is rejected', (_what, content) => {
    expect(() => read(content)).toThrow(ClientDocumentError);
  });

  test('is rejected with ClientDocumentError, whatever the text is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
        expect(() => read(content)).toThrow(ClientDocumentError);
        expect(() => readKeySet(content)).toThrow(ClientDocumentError);
      }),
    );
  });
});
