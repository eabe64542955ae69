import { documentHeaders, publicDocuments } from '../../../lambda/core/oauth/endpoints/public-documents.ts';
import type { Facade } from '../../../lambda/core/oauth/facade.ts';
import { handleOAuthRequest } from '../../../lambda/core/oauth/oauth-routes.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const origin = 'https://mcp.example';
const key = { kty: 'EC', kid: 'key' };
const facade = {
  rules: {
    publicUrl: origin,
    scopes: { base: 'mcp', scopes: { mcp: { description: 'Use the tools' } } },
    clientDocuments: { mode: 'open', allowed: [] },
    dynamicRegistration: { mode: 'open', allowed: [] },
  },
  publicKeys: [key],
  clock: fakeClock(),
  log: () => undefined,
} as unknown as Facade;

const get = (path: string, method = 'GET') => handleOAuthRequest(facade, new Request(`${origin}${path}`, { method }));

test.each(Object.keys(publicDocuments))(
  '%s is the same document by a GET of the whole server and alone',
  async (path) => {
    const document = publicDocuments[path]!(facade);
    const response = await get(path);
    expect(await response.json()).toEqual(document.content);
    for (const [name, value] of Object.entries(documentHeaders(document)))
      expect(response.headers.get(name)).toBe(value);
  },
);

test('a public document is no answer to a POST', async () => {
  const { status, headers } = await get('/jwks.json', 'POST');
  expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});
