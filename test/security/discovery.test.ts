import { TestCloud } from '../support/test-cloud.ts';
import { json, rawRequest } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

const wellKnown = (name: string) => `${target.origin}/.well-known/${name}`;
const authorizationServer = ['oauth-authorization-server', 'openid-configuration'];
const resource = ['oauth-protected-resource', 'oauth-protected-resource/mcp'];
const documents = [...authorizationServer, ...resource];

test.each<[string, [string, string][]]>([
  ['X-Forwarded-Host', [['X-Forwarded-Host', 'evil.example']]],
  ['Forwarded', [['Forwarded', 'host=evil.example;proto=https']]],
  [
    'X-Forwarded-Proto and -Port',
    [
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Port', '1'],
    ],
  ],
  ['X-Original-URL', [['X-Original-URL', 'https://evil.example/']]],
  [
    'Origin and Referer',
    [
      ['Origin', 'https://evil.example'],
      ['Referer', 'https://evil.example/'],
    ],
  ],
])('A1: metadata comes from configuration and ignores %s', async (_what, headers) => {
  for (const name of authorizationServer) {
    const { text } = await rawRequest(wellKnown(name), { headers });
    expect(JSON.parse(text)).toMatchObject({ issuer: target.origin, token_endpoint: `${target.origin}/token` });
    expect(text).not.toContain('evil.example');
  }
});

test('A1: metadata comes from configuration and ignores Host', async () => {
  const { port } = new URL(target.origin);
  const byOtherName = await rawRequest(wellKnown(authorizationServer[0]!), {
    headers: [['Host', `localhost:${port}`]],
  });
  expect(JSON.parse(byOtherName.text).issuer).toBe(target.origin);
  const misdirected = await rawRequest(wellKnown(authorizationServer[0]!), { headers: [['Host', 'evil.example']] });
  expect(misdirected.status).toBe(403);
  expect(misdirected.text).not.toMatch(/issuer|evil/);
});

test('A2: both well-known names serve the same authorization server metadata', async () => {
  const [oauth, openid] = await Promise.all(
    authorizationServer.map(async (name) => json(await fetch(wellKnown(name)))),
  );
  expect(openid).toEqual(oauth);
});

test.each([
  'oauth-authorization-server/mcp',
  'openid-configuration/mcp',
  'oauth-authorization-server/',
  'oauth-protected-resource/other',
  'oauth-protected-resource/mcp/',
  '../mcp/.well-known/openid-configuration',
])('A3: metadata of another issuer or resource does not exist: %s', async (name) => {
  const answer = await rawRequest(wellKnown(name));
  expect(answer.status).toBe(404);
  expect(JSON.parse(answer.text)).toHaveProperty('error');
});

test('A4: both well-known paths serve the protected resource metadata', async () => {
  for (const name of resource) {
    const answer = await fetch(wellKnown(name));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await json(answer)).toEqual({
      resource: `${target.origin}/mcp`,
      authorization_servers: [target.origin],
      scopes_supported: ['mcp'],
      bearer_methods_supported: ['header'],
    });
  }
});

test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('A5: metadata rejects %s', async (method) => {
  for (const name of [...documents.map(wellKnown), `${target.origin}/jwks.json`]) {
    const answer = await fetch(name, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
});

test('A5: metadata answers HEAD', async () => {
  for (const name of documents) {
    const answer = await fetch(wellKnown(name), { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  }
});

test('A6: metadata ignores query parameters and is cacheable', async () => {
  for (const name of documents) {
    const [plain, added] = await Promise.all(
      ['', '?issuer=https://evil.example&x=1&x=2'].map((q) => fetch(wellKnown(name) + q)),
    );
    expect(await added!.text()).toBe(await plain!.text());
    expect(added!.headers.get('cache-control')).toMatch(/^public, max-age=\d+, stale-if-error=\d+$/);
  }
});

test('A7: any site may read metadata, and none with credentials', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'GET' };
  for (const name of documents) {
    const preflight = await fetch(wellKnown(name), { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    for (const answer of [preflight, await fetch(wellKnown(name), { headers })]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    }
  }
});

test('A10: metadata advertises only what is implemented', async () => {
  const document = await json(await fetch(wellKnown('oauth-authorization-server')));
  expect(document).toMatchObject({
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  });
  expect(document.token_endpoint_auth_methods_supported).toContain('none');
  expect(JSON.stringify(document)).not.toMatch(
    /plain|"token"|id_token|implicit|fragment|form_post|client_secret|"password"/,
  );
});

test('A10: every advertised endpoint exists', async () => {
  const document = await json(await fetch(wellKnown('oauth-authorization-server')));
  const endpoints = Object.entries(document).filter(([name]) => /_endpoint$|_uri$/.test(name));
  expect(endpoints.length).toBeGreaterThanOrEqual(5);
  for (const [, url] of endpoints) {
    expect(String(url)).toMatch(new RegExp(`^${target.origin}/`));
    expect((await fetch(String(url))).status).not.toBe(404);
  }
});
