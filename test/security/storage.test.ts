import { decodeJwt } from 'jose';
import { callTool, initialize, postMcp, redirectUri, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { userKey } from '../../lambda/core/access/user-key.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { type Item, TestCloud } from '../support/test-cloud.ts';
import { expectPage, grantOf, open, refusal } from '../support/wire-checks.ts';

/** An attacker with write access to the table, and expired items that are not deleted yet. */

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
  // Of the tool that opens upstream tokens which do not open.
  target.expectFailures('tool_failed');
});
afterAll(() => target?.stop());

const now = () => Math.floor(Date.now() / 1000);
const sealedOf = ({ sealed }: Item) => String(sealed);

const upstreamTokens = (tokens: Tokens) => target.item(`T#${grantOf(tokens)}`);

/** Calls the tool that unseals the upstream tokens. */
async function userinfo({ access_token }: Tokens): Promise<string> {
  const started = await postMcp(target.origin, access_token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  return (await postMcp(target.origin, access_token, callTool('userinfo'), session)).text();
}

const mixtures: [string, (own: string[], other: string[]) => string[]][] = [
  ['whole', (_own, other) => other],
  ['the wrapped key alone', (own, other) => [other[0]!, own[1]!, own[2]!]],
  ['the ciphertext alone', (own, other) => [own[0]!, other[1]!, other[2]!]],
  ['with another nonce', (own, other) => [own[0]!, other[1]!, own[2]!]],
];

test.each(mixtures)('A112: upstream tokens sealed for another grant do not open: %s', async (_what, mix) => {
  const [ada, alan] = await Promise.all([target.signedIn('ada'), target.signedIn('alan')]);
  const [hers, his] = await Promise.all([upstreamTokens(ada.tokens), upstreamTokens(alan.tokens)]);
  expect(await userinfo(alan.tokens)).toContain('alan');
  const mixed = mix(sealedOf(his).split('.'), sealedOf(hers).split('.')).join('.');
  await target.put({ ...his, sealed: mixed, expiresAt: now() - 1 });
  expect(await userinfo(alan.tokens)).not.toMatch(/ada|alan@/);
  const answer = await alan.client.refresh(alan.tokens.refresh_token);
  expect(await refusal(answer)).toEqual([500, 'server_error']);
  await target.put(his);
  expect((await alan.client.refresh(alan.tokens.refresh_token)).status).toBe(200);
});

test.each([
  ['one bit of the ciphertext', (sealed: string) => sealed.replace(/.$/, (end) => (end === 'A' ? 'Q' : 'A'))],
  ['the end of the ciphertext', (sealed: string) => sealed.slice(0, -24)],
  ['all but the key', (sealed: string) => sealed.split('.')[0]!],
  ['everything', () => 'x'],
])('A112: sealed upstream tokens that lack %s do not open', async (_what, damage) => {
  const { client, tokens } = await target.signedIn();
  const item = await upstreamTokens(tokens);
  await target.put({ ...item, sealed: damage(sealedOf(item)), expiresAt: now() - 1 });
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([500, 'server_error']);
});

test('A112: the sealed key of refresh tokens does not open as upstream tokens', async () => {
  const { client, tokens } = await target.signedIn();
  const [item, key] = [await upstreamTokens(tokens), await target.item('K#refresh-mac')];
  await target.put({
    ...item,
    sealed: Object.values(key).find((value) => String(value).split('.').length === 3),
    expiresAt: now() - 1,
  });
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([500, 'server_error']);
});

/** Expires an item without deleting it, as DynamoDB does for up to two days. */
async function expire(item: Item): Promise<void> {
  const past = now() - 1;
  const times = ['expiresAt', 'idleExpiresAt', 'absoluteExpiresAt'].filter((name) => name in item);
  await target.put({ ...item, ...Object.fromEntries(times.map((name) => [name, past])) });
}

const itemCreatedBy = async (prefix: string, work: () => Promise<unknown>): Promise<Item> => {
  const before = new Set((await target.items(prefix)).map(({ pk }) => pk));
  await work();
  return (await target.items(prefix)).find(({ pk }) => !before.has(pk))!;
};

test('A113: an expired client is unknown at /authorize and /token', async () => {
  const client = await target.client({ client_name: 'Expired' });
  const code = await client.signIn('ada');
  await expire(await target.item(`CL#${client.id}`));
  expectPage(await open(client.authorizationUrl()));
  expect(await refusal(await client.redeem(code))).toEqual([401, 'invalid_client']);
});

test('A113: an expired authorization request cannot be approved', async () => {
  const [browser, client] = [new Browser(), await target.client()];
  const page = await browser.open(client.authorizationUrl(), redirectUri);
  for (const item of await target.items('AR#')) await expire(item);
  expectPage(await browser.submit(page, { answer: 'approve' }, redirectUri));
});

test('A113: an expired upstream state is rejected', async () => {
  const [browser, client] = [new Browser(), await target.client()];
  const consent = await browser.open(client.authorizationUrl(), redirectUri);
  const signIn = await browser.submit(consent, { answer: 'approve' });
  const back = await browser.submit(signIn, { username: 'ada', password: 'ada' }, `${target.origin}/callback`);
  for (const item of await target.items('UP#')) await expire(item);
  expectPage(await browser.open(back.url, redirectUri));
});

test('A113: an expired code is rejected', async () => {
  const client = await target.client();
  let code = '';
  const item = await itemCreatedBy('CO#', async () => {
    code = await client.signIn('ada');
  });
  await expire(item);
  expect(await refusal(await client.redeem(code))).toEqual([400, 'invalid_grant']);
});

test.each(['idleExpiresAt', 'absoluteExpiresAt'])('A113: a grant with a past %s has expired', async (name) => {
  const { client, tokens } = await target.signedIn();
  const grant = await target.item(`G#${grantOf(tokens)}`);
  await target.put({ ...grant, [name]: now() - 1 });
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  expect((await postMcp(target.origin, tokens.access_token, initialize)).status).toBe(401);
});

test('A113: sessions, grants and tokens last as long as their settings say', async () => {
  const { client, tokens } = await target.signedIn();
  await postMcp(target.origin, tokens.access_token, initialize);
  const day = 24 * 3600;
  const grant = await target.item(`G#${grantOf(tokens)}`);
  const createdAt = Number(grant.createdAt);
  expect(grant).toMatchObject({ idleExpiresAt: createdAt + 30 * day, absoluteExpiresAt: createdAt + 90 * day });
  const code = (await target.items('CO#')).find((item) => item.grant === grant.id);
  expect(code).toMatchObject({ expiresAt: createdAt + 60 });
  const session = await target.item(`S#${grantOf(tokens)}`);
  const startedAt = Number(session.startedAt);
  // An expired session stays as long as its calls, whose rows name it.
  expect(session).toMatchObject({ expiresAt: startedAt + day, ttl: startedAt + 31 * day });
  const { iat, exp } = decodeJwt(tokens.access_token);
  expect([exp! - iat!, tokens.expires_in]).toEqual([3600, 3600]);
  await target.set(grant, { idleExpiresAt: now() + 60 });
  expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  expect((await target.item(`G#${grantOf(tokens)}`)).idleExpiresAt).toBeGreaterThan(now() + 29 * day);
});

test('A113: an expired session is replaced by a new one', async () => {
  const { tokens } = await target.signedIn();
  const started = await postMcp(target.origin, tokens.access_token, initialize);
  const id = started.headers.get('mcp-session-id')!;
  await expire(await target.item(`S#${grantOf(tokens)}`));
  const answer = await postMcp(target.origin, tokens.access_token, callTool('session'), { 'mcp-session-id': id });
  expect([answer.status, answer.headers.get('mcp-session-id') === id]).toEqual([200, false]);
});

test('A113: expired state of a tool is not returned', async () => {
  const { tokens } = await target.signedIn('grace');
  const started = await postMcp(target.origin, tokens.access_token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  const call = async (input: object) =>
    (await postMcp(target.origin, tokens.access_token, callTool('note', { name: 'short', ...input }), session)).text();
  await call({ text: 'remember me' });
  for (const item of await target.items('N#')) await expire(item);
  expect(await call({})).toContain('There is no note named short');
});

test('A113: a grant that was deleted early gives no access', async () => {
  const { client, tokens } = await target.signedIn();
  await target.remove(await target.item(`G#${grantOf(tokens)}`));
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  expect((await postMcp(target.origin, tokens.access_token, initialize)).status).toBe(401);
});

test('A117: the same subject of two providers is two users, however issuer and subject are concatenated', async () => {
  const keys = await Promise.all([
    userKey('https://a.example', 'ada'),
    userKey('https://b.example', 'ada'),
    userKey('https://a.example/', 'ada'),
    userKey('https://a.examplea', 'da'),
    userKey('https://a.example', 'Ada'),
  ]);
  expect(new Set(keys).size).toBe(keys.length);
});
