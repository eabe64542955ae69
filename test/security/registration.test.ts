import { initialize, OAuthClient, postMcp, register } from '../../bench/harness/raw-oauth-client.ts';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { json, open, refusal } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

const someUri = { redirect_uris: ['https://c.example/cb'] };
const assertion = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

test.each<[string, Record<string, string>]>([
  ['a secret', { client_secret: 'guess' }],
  ['an empty id and a secret', { client_id: '', client_secret: 'guess' }],
  ['an assertion', { client_assertion: 'e30.e30.', client_assertion_type: assertion }],
  ['an assertion without type', { client_assertion: 'e30.e30.' }],
  ['no id', { client_id: '' }],
])('A72: a public client that sends %s is rejected and its code stays valid', async (_what, change) => {
  const { client, code } = await target.withCode();
  expect(await refusal(await client.redeem(code, change))).toEqual([401, 'invalid_client']);
  expect((await client.redeem(code)).status).toBe(200);
});

test.each(['Basic Y2xpZW50OnNlY3JldA==', 'Bearer x', 'Basic', ''])(
  'A72: a public client that authenticates by header is rejected: %j',
  async (authorization) => {
    const { client, code } = await target.withCode();
    const body = new URLSearchParams({ client_id: client.id, grant_type: 'authorization_code', code });
    const answer = await fetch(`${target.origin}/token`, { method: 'POST', headers: { authorization }, body });
    expect(await refusal(answer)).toEqual([401, 'invalid_client']);
  },
);

test('A78: repeated registrations of the same metadata get one id and one item', async () => {
  const uris = ['http://127.0.0.1/a', 'https://client.example/cb'];
  const before = (await target.items('CL#')).length;
  const spellings = [
    { client_name: 'Same', redirect_uris: uris },
    { client_name: 'Same', redirect_uris: uris.toReversed() },
    { client_name: ' Same\u200b', redirect_uris: [...uris, uris[0]] },
    { client_name: 'Same', redirect_uris: uris, scope: 'x', jwks: { keys: [] }, software_id: 'x' },
  ];
  const answers = await Promise.all([...spellings, ...spellings].map((each) => register(target.origin, each)));
  const ids = await Promise.all(answers.map(async (answer) => (await json(answer)).client_id));
  expect(new Set(ids).size).toBe(1);
  expect((await target.items('CL#')).length).toBe(before + 1);
  const other = await json(await register(target.origin, { client_name: 'Other', redirect_uris: uris }));
  expect(other.client_id).not.toBe(ids[0]);
});

test('A78: an unused client expires after thirty days, a used one thirty days after its grants can end', async () => {
  const client = await target.client({ client_name: 'Rarely used', redirect_uris: ['http://127.0.0.1/callback'] });
  const unused = await target.item(`CL#${client.id}`);
  expect(unused).toMatchObject({ expiresAt: Number(unused.createdAt) + 30 * 86_400, ttl: unused.expiresAt });
  await client.tokensFor('ada');
  const used = await target.item(`CL#${client.id}`);
  expect(Number(used.ttl) - Number(unused.createdAt)).toBeGreaterThanOrEqual(120 * 86_400);
});

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

test.each<[string, unknown]>([
  ['a body that is not JSON', '{'],
  ['an empty body', ''],
  ['a form body', 'redirect_uris=https://c.example/cb'],
  ['a body in UTF-16', Buffer.from('{}', 'utf16le').toString('latin1')],
  ['a list as body', '[]'],
  ['null as body', 'null'],
  ['a number as body', '1'],
  ['a body of 65 KB', { ...someUri, client_name: 'x'.repeat(65 * 1024) }],
  ['brackets a thousand deep', `${'['.repeat(1000)}`],
  ['objects a thousand deep in place of URIs', `{"redirect_uris":${nested(1000)}}`],
  ['a prototype in place of members', '{"__proto__":{"redirect_uris":["https://c.example/cb"]}}'],
  ['a constructor in place of members', '{"constructor":{"prototype":{"redirect_uris":["https://c.example/cb"]}}}'],
  ['no redirect URI', { redirect_uris: [] }],
  ['no redirect URIs', {}],
  ['null for redirect URIs', { redirect_uris: null }],
  ['a string for redirect URIs', { redirect_uris: 'https://c.example/cb' }],
  ['numbers for redirect URIs', { redirect_uris: [1] }],
  ['lists for redirect URIs', { redirect_uris: [['https://c.example/cb']] }],
  ['a hundred redirect URIs', { redirect_uris: Array.from({ length: 100 }, (_, i) => `https://c.example/${i}`) }],
  ['an object for a name', { ...someUri, client_name: { toString: 'x' } }],
  ['a list for an application type', { ...someUri, application_type: ['web'] }],
])('A79: a registration with %s is rejected and stores nothing', async (_what, body) => {
  const before = await target.items('CL#');
  expect(await refusal(await register(target.origin, body))).toEqual([400, 'invalid_client_metadata']);
  expect(await target.items('CL#')).toEqual(before);
});

test.each<[string, object]>([
  ['a logo of 9 KB', { logo_uri: `data:image/png;base64,${'A'.repeat(9000)}` }],
  ['a name of 501 characters', { client_name: 'x'.repeat(501) }],
  ['a name of 9 KB', { client_name: 'x'.repeat(9000) }],
  ['an application type of 501 characters', { application_type: 'x'.repeat(501) }],
  [
    'contacts, a key set and a statement of 9 KB',
    { contacts: ['x'.repeat(9000)], jwks: { keys: [{ n: 'x' }] }, software_statement: 'x'.repeat(9000) },
  ],
])('A79: a registration with %s is accepted without the part that is not needed', async (_what, change) => {
  const answer = await register(target.origin, { ...someUri, ...change });
  expect(answer.status).toBe(201);
  const registered = await json(answer);
  expect(registered.redirect_uris).toEqual(someUri.redirect_uris);
  expect(JSON.stringify(registered).length).toBeLessThan(500);
});

test('A79: a __proto__ member is ignored', async () => {
  const body = '{"__proto__":{"polluted":true},"constructor":1,"redirect_uris":["https://c.example/cb"]}';
  const answer = await register(target.origin, body);
  expect(answer.status).toBe(201);
  expect(await json(answer)).not.toHaveProperty('polluted');
});

test.each(['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'tls_client_auth', null, 'none'])(
  'A80: a client with the authentication method %j is registered as public, without secret and nulls',
  async (token_endpoint_auth_method) => {
    const answer = await register(target.origin, {
      ...someUri,
      token_endpoint_auth_method,
      client_secret: 'x',
      client_uri: null,
      logo_uri: null,
      contacts: null,
    });
    expect(answer.status).toBe(201);
    const registered = await json(answer);
    expect(registered.token_endpoint_auth_method).toBe('none');
    expect(Object.keys(registered).filter((name) => /secret/.test(name))).toEqual([]);
    expect(Object.values(registered)).not.toContain(null);
  },
);

const common = { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] };
const publicClient = { ...common, token_endpoint_auth_method: 'none' };

/** The metadata that real clients register, and the redirect URI that each then requests. */
const realClients: Record<string, [metadata: Record<string, unknown>, redirectUri: string]> = {
  Claude: [
    {
      ...common,
      client_name: 'Claude',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
      scope: 'mcp',
      token_endpoint_auth_method: 'client_secret_post',
    },
    'https://claude.ai/api/mcp/auth_callback',
  ],
  'Claude Code': [
    {
      ...publicClient,
      client_name: 'Claude Code (holdfast)',
      redirect_uris: ['http://localhost:3118/callback'],
      application_type: 'native',
    },
    'http://localhost:3118/callback',
  ],
  Cursor: [
    {
      ...publicClient,
      client_name: 'Cursor',
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
    },
    'cursor://anysphere.cursor-mcp/oauth/callback',
  ],
  'VS Code': [
    {
      ...publicClient,
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      client_name: 'Visual Studio Code',
      client_uri: 'https://code.visualstudio.com',
      redirect_uris: [
        'https://insiders.vscode.dev/redirect',
        'https://vscode.dev/redirect',
        'http://127.0.0.1/',
        'http://127.0.0.1:33418/',
      ],
      application_type: 'native',
    },
    'http://127.0.0.1:52111/',
  ],
  'mcp-remote': [
    {
      ...publicClient,
      client_name: 'MCP CLI Proxy',
      client_uri: 'https://github.com/modelcontextprotocol/mcp-cli',
      software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
      software_version: '0.15.1',
      redirect_uris: ['http://localhost:3334/oauth/callback'],
    },
    'http://localhost:3334/oauth/callback',
  ],
  Inspector: [
    {
      ...publicClient,
      client_name: 'MCP Inspector',
      client_uri: 'https://github.com/modelcontextprotocol/inspector',
      redirect_uris: ['http://localhost:6274/oauth/callback', 'http://localhost:6274/oauth/callback/debug'],
      scope: '',
    },
    'http://localhost:6274/oauth/callback/debug',
  ],
  Codex: [
    { ...publicClient, client_name: 'Codex', redirect_uris: ['http://127.0.0.1:41589/callback'] },
    'http://127.0.0.1:60000/callback',
  ],
  ChatGPT: [
    {
      ...common,
      client_name: 'ChatGPT',
      redirect_uris: ['https://chatgpt.com/connector_platform_oauth_redirect'],
      response_types: ['code', 'id_token'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    'https://chatgpt.com/connector_platform_oauth_redirect',
  ],
  OpenCode: [
    {
      ...publicClient,
      client_name: 'OpenCode',
      client_uri: 'https://opencode.ai',
      redirect_uris: ['http://127.0.0.1:19876/mcp/oauth/callback'],
    },
    'http://127.0.0.1:19876/mcp/oauth/callback',
  ],
  'Gemini CLI': [
    {
      ...publicClient,
      client_name: 'Gemini CLI MCP Client',
      redirect_uris: ['http://localhost:7777/oauth/callback'],
      scope: 'mcp offline_access',
    },
    'http://localhost:7777/oauth/callback',
  ],
};

test.each(Object.entries(realClients))(
  'A81: the metadata of %s registers and leads to a call',
  async (_name, [metadata, redirect_uri]) => {
    const client = await OAuthClient.register(target.origin, metadata);
    const back = await approveAndSignIn(client.authorizationUrl({ redirect_uri }), 'ada');
    const answer = await client.redeem(back.searchParams.get('code')!, { redirect_uri });
    const { access_token } = (await json(answer)) as { access_token: string };
    expect((await postMcp(target.origin, access_token, initialize)).status).toBe(200);
  },
);

test.each(['dcr_chosen', 'https://evil.example/client.json', '', null, 7])(
  'A82: a client cannot choose its id: %j',
  async (client_id) => {
    const { client_id: given } = await json(
      await register(target.origin, { ...someUri, client_id, client_name: 'Chooser' }),
    );
    expect(given).toMatch(/^dcr_[\w-]{43}$/);
  },
);

test('A82: a registration cannot choose a URL as its client_id', async () => {
  const url = 'http://evil.example/client.json';
  await register(target.origin, { ...someUri, client_id: url });
  const client = await target.client(someUri);
  const page = await open(client.authorizationUrl({ client_id: url, redirect_uri: 'https://c.example/cb' }));
  expect([page.status, page.headers.get('location')]).toEqual([400, null]);
});
