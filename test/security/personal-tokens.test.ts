import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import {
  type GrantRow,
  type ResultPage,
  TOKENS_PATH,
  type TokenRow,
} from '../../lambda/core/dashboard/dashboard-api.ts';
import type { PersonalToken } from '../../lambda/core/oauth/tokens/personal-tokens.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { json } from '../support/wire-checks.ts';

/** Personal access tokens: those of `npm start`, where they are on. */

jest.setTimeout(60_000);

let cloud: TestCloud;
let ada: DashboardClient;
let alan: DashboardClient;
let grace: DashboardClient;
beforeAll(async () => {
  cloud = await TestCloud.start();
  ada = await DashboardClient.signIn(cloud.origin, 'ada');
  alan = await DashboardClient.signIn(cloud.origin, 'alan');
  grace = await DashboardClient.signIn(cloud.origin, 'grace');
});
afterAll(() => cloud?.stop());

const statusWith = async (token: string) => (await postMcp(cloud.origin, token, initialize)).status;
const tokensOf = async (client: DashboardClient, query = {}) =>
  (await client.get<ResultPage<TokenRow>>('tokens', query)).items;
const claimsOf = ({ token }: PersonalToken) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
const codeOf = async (response: Response) => [response.status, ((await json(response)).error as { code: string }).code];
const request = { name: 'laptop', scopes: ['mcp'], days: 30 };

const info = { name: 'with-header', version: '1' };
const v2 = (mode: 'legacy' | { pin: string }) => async (url: URL, requestInit: RequestInit) => {
  const client = new Client(info, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  return client;
};
const clients: [string, (url: URL, requestInit: RequestInit) => Promise<Pick<Client, 'callTool' | 'close'>>][] = [
  ['@modelcontextprotocol/client, 2026-07-28', v2({ pin: '2026-07-28' })],
  ['@modelcontextprotocol/client, 2025-11-25', v2('legacy')],
  [
    '@modelcontextprotocol/sdk',
    async (url, requestInit) => {
      const client = new V1Client(info);
      await client.connect(new V1Transport(url, { requestInit }));
      return client as never;
    },
  ],
];

test.each(clients)(
  'T1: a client with a personal token in a fixed header calls tools as its user: %s',
  async (_, connect) => {
    const { token } = await ada.makeToken();
    const client = await connect(new URL(cloud.mcpUrl), { headers: { Authorization: `Bearer ${token}` } });
    const { content } = await client.callTool({ name: 'whoami', arguments: {} });
    expect(JSON.stringify(content)).toContain(ada.me.user);
    await client.close();
  },
);

test('T1: the command of curl in the documentation calls a tool with a personal token', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/personal-access-tokens.md'), 'utf8');
  const [, command] = /^```sh\n(curl [^`]+)```$/m.exec(page)!;
  const { token } = await ada.makeToken();
  const run = (script: string) =>
    promisify(execFile)('bash', ['-c', script], { env: { ...process.env, SHOP_TOKEN: token } });
  const { stdout, stderr } = await run(command!.replace('https://mcp.example.com', cloud.origin));
  expect([stdout, stderr]).toEqual([expect.stringContaining(ada.me.user), '']);
});

test('T1: the page lists a token with its last use and its expiry, and never shows it again', async () => {
  const made = await alan.makeToken({ name: 'CI \u202ejob', days: 7 });
  expect(made.token).toMatch(/^hfp_ey/);
  expect(claimsOf(made)).toMatchObject({ grant: made.grant, scope: 'mcp' });
  expect(claimsOf(made).exp - claimsOf(made).iat).toBe(7 * 86_400);
  const [unused] = await tokensOf(alan);
  expect(unused).toMatchObject({ id: made.grant, clientName: 'CI job', status: 'active', endsAt: made.expiresAt });
  expect(unused).not.toHaveProperty('lastUsedAt');
  expect(await statusWith(made.token)).toBe(200);
  const listed = await tokensOf(alan);
  expect(listed[0]!.lastUsedAt).toBeGreaterThan(Date.now() - 60_000);
  expect(JSON.stringify(listed)).not.toContain(made.token.split('.')[2]);
});

test.each([
  ['no cookie', { cookie: undefined }, 401],
  ['another origin', { origin: 'https://attacker.example' }, 403],
  ['no CSRF token', { 'x-csrf-token': undefined }, 403],
  ['the CSRF token of another user', { 'x-csrf-token': 'other' }, 403],
  ['the page of another site', { 'sec-fetch-site': 'cross-site' }, 403],
])('T2: a request with %s makes no token', async (_, headers, status) => {
  const before = (await tokensOf(ada)).length;
  const cookie = 'cookie' in headers ? { cookie: '' } : {};
  expect((await ada.post(TOKENS_PATH, request, { ...headers, ...cookie })).status).toBe(status);
  expect(await tokensOf(ada)).toHaveLength(before);
});

test('T2: the response with the token is readable by no other site and by no cache', async () => {
  const response = await ada.post(TOKENS_PATH, request);
  expect(response.headers.get('access-control-allow-origin')).toBeNull();
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect((await ada.post(TOKENS_PATH, request, { cookie: '' })).headers.get('access-control-allow-origin')).toBeNull();
});

test.each([
  ['an unknown scope', { scopes: ['mcp', 'admin'] }],
  ['no scope', { scopes: [] }],
  ['scopes that are no list', { scopes: 'mcp' }],
  ['a longer lifetime than the setting', { days: 31 }],
  ['a lifetime of 0', { days: 0 }],
  ['a fraction of a day', { days: 1.5 }],
  ['a lifetime that is no number', { days: '30' }],
  ['an invisible name', { name: '\u200b\u2800' }],
  ['a name of 61 characters', { name: 'n'.repeat(61) }],
  ['no name', { name: undefined }],
])('T3: a request for %s makes no token', async (_, change) => {
  expect(await codeOf(await ada.post(TOKENS_PATH, { ...request, ...change }))).toEqual([400, 'invalid_request']);
});

test.each([
  ['empty body', ''],
  ['list', '[]'],
  ['body that is null', 'null'],
  ['incomplete body', '{'],
  ['body of 5,000 characters', `{"name":"${'n'.repeat(5000)}"}`],
])('T3: an invalid body makes no token: %s', async (_, body) => {
  expect(await codeOf(await ada.post(TOKENS_PATH, body))).toEqual([400, 'invalid_request']);
});

test('T4: a personal token without its prefix, and another token with it, are rejected', async () => {
  const { token } = await ada.makeToken();
  const { tokens } = await cloud.signedIn();
  expect(await statusWith(token)).toBe(200);
  expect(await statusWith(token.slice('hfp_'.length))).toBe(401);
  expect(await statusWith(`hfp_${token}`)).toBe(401);
  expect(await statusWith(`hfp_${tokens.access_token}`)).toBe(401);
  expect(await statusWith(`HFP_${token.slice('hfp_'.length)}`)).toBe(401);
});

test('T5: a revoked token is rejected at its next request, and the others of its user are not', async () => {
  const [first, second] = [await ada.makeToken(), await ada.makeToken()];
  expect(await statusWith(first.token)).toBe(200);
  expect((await ada.post(`grants/${first.grant}/revoke`)).status).toBe(200);
  expect([await statusWith(first.token), await statusWith(second.token)]).toEqual([401, 200]);
});

test('T5: the revocation of a user by an admin, and the erasure of a user, end every token', async () => {
  for (const path of ['revoke-all', 'erase']) {
    const user = await DashboardClient.signIn(cloud.origin, 'alan');
    const { token } = await user.makeToken();
    expect(await statusWith(token)).toBe(200);
    expect((await grace.post(path, { user: user.me.user })).status).toBe(200);
    expect(await statusWith(token)).toBe(401);
    expect((await user.post(TOKENS_PATH, request)).status).toBe(401);
  }
  expect((await cloud.items('G#')).filter(({ user }) => user === alan.me.user)).toEqual([]);
  alan = await DashboardClient.signIn(cloud.origin, 'alan');
});

test('T5: a client cannot revoke a personal token at /revoke', async () => {
  const { token } = await ada.makeToken();
  const client = await OAuthClient.register(cloud.origin);
  for (const presented of [token, token.slice('hfp_'.length)]) await client.revoke(presented);
  expect(await statusWith(token)).toBe(200);
});

test('T6: another user sees and revokes no token, an admin does', async () => {
  const { token, grant } = await ada.makeToken();
  expect((await tokensOf(alan, { user: ada.me.user })).map(({ user }) => user)).not.toContain(ada.me.user);
  expect((await alan.post(`grants/${grant}/revoke`)).status).toBe(404);
  expect(await statusWith(token)).toBe(200);
  const listed = (await tokensOf(grace, { user: ada.me.user })).map(({ id }) => id);
  expect(listed).toContain(grant);
  const apps = (await grace.get<ResultPage<GrantRow>>('grants', { user: ada.me.user })).items;
  expect(apps.find(({ id }) => id === grant)).toMatchObject({ isToken: true });
  expect((await grace.post(`grants/${grant}/revoke`)).status).toBe(200);
  expect(await statusWith(token)).toBe(401);
});
