import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callTool, initialize, messageOf, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { Provider, type TokenAnswer } from '../support/fake-token-provider.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { grantOf } from '../support/wire-checks.ts';

/** `context.upstreamToken({ audience, scopes })` with the roles, the table and the keys of a deployment. */

jest.setTimeout(60_000);

const edit = [
  'test/support/fixture-server.ts',
  `const headers = { Authorization: \`Bearer \${await context.upstreamToken()}\` };`,
  "const token = await context.upstreamToken({ audience: 'orders', scopes: ['read'] });\n      if (token) return { content: [{ type: 'text' as const, text: createHash('sha256').update(token).digest('hex') }] };\n      const headers = {};",
] as const;
const imports = [
  'test/support/fixture-server.ts',
  'import { acceptedContent,',
  "import { createHash } from 'node:crypto';\nimport { acceptedContent,",
] as const;
/** A provider that permits the exchange to another client than the one that users sign in with. */
const arn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret';
const client = [
  'bin/holdfast.ts',
  '    upstreamTokens: settings',
  `    identityProvider: {
      issuer: 'http://127.0.0.1:1',
      clientId: 'holdfast',
      clientSecret: '${arn}:sign-in-AbCdEf',
      authentication: 'client_secret_post',
      exchangeClient: { clientId: 'exchanging', clientSecret: '${arn}:exchange-AbCdEf' },
    },
    upstreamTokens: settings`,
] as const;

let provider: Provider;
let cloud: TestCloud;
let issued: string[];
let clients: (string | null)[];
const respond = (answer: (count: number) => TokenAnswer) => {
  [issued, clients] = [[], []];
  provider.onExchange = async (form) => {
    clients.push(form.get('client_id'), form.get('client_secret'));
    const token = `exchanged-${issued.length}-${Math.random()}`;
    issued.push(token);
    const { status, body } = answer(issued.length);
    return { ...(status && { status }), body: typeof body === 'string' ? body : { access_token: token, ...body } };
  };
};
beforeAll(async () => {
  provider = await Provider.start();
  cloud = await TestCloud.start({ change: provider.use, edits: [imports, edit, client], freshPerRequest: true });
  writeFileSync(
    join(cloud.folder, '.env'),
    'IDP_CLIENT_SECRET=of the sign-in\nIDP_EXCHANGE_CLIENT_SECRET=of the exchange\n',
  );
  // During the outage of the provider.
  cloud.expectFailures('tool_failed');
});
afterAll(async () => {
  await cloud?.stop();
  await provider.stop();
});
beforeEach(() => respond(() => ({ body: { token_type: 'Bearer', expires_in: 600 } })));

async function signedIn() {
  const { tokens } = await cloud.signedIn('any-user');
  return { tokens, call: await caller(tokens.access_token) };
}

async function caller(token: string) {
  const started = await postMcp(cloud.origin, token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  return async () => {
    const message: unknown = await messageOf(await postMcp(cloud.origin, token, callTool('userinfo'), session));
    const { result } = message as { result: { content: [{ text: string }]; isError?: boolean } };
    return { text: result.content[0].text, isError: result.isError ?? false };
  };
}

const digest = (token: string | undefined) => ({
  text: createHash('sha256').update(token!).digest('hex'),
  isError: false,
});

test('parallel calls in several processes cause one exchange, whose token is sealed in the table until its expiry', async () => {
  const { tokens, call } = await signedIn();
  const answers = await Promise.all(Array.from({ length: 6 }, call));
  expect(issued).toHaveLength(1);
  expect(clients).toEqual(['exchanging', 'of the exchange']);
  expect(answers).toEqual(answers.map(() => digest(issued[0])));
  const items = (await cloud.items(`T#${grantOf(tokens)}`)).filter(({ sk }) => sk.startsWith('X#'));
  expect(items).toHaveLength(1);
  expect(items[0]!.ttl).toBe(items[0]!.expiresAt);
  expect(`${JSON.stringify(await cloud.items())}${cloud.log}`).not.toContain(issued[0]);
});

test('a refusal is a sentence for the model and an event for the operator, and the next call asks again', async () => {
  const { call } = await signedIn();
  respond((count) =>
    count === 1 ? { status: 400, body: { error: 'invalid_target' } } : { body: { token_type: 'Bearer' } },
  );
  expect(await call()).toEqual({
    text: 'The identity provider gives this user no token for "orders": invalid_target',
    isError: true,
  });
  expect(cloud.log).toContain('"event":"token_exchange_rejected"');
  expect(await call()).toEqual(digest(issued[1]));
});

test('an outage of the provider fails the call, ends no grant, and the next call succeeds', async () => {
  const { tokens, call } = await signedIn();
  respond((count) => (count === 1 ? { status: 503, body: 'away' } : { body: { token_type: 'Bearer' } }));
  expect(await call()).toMatchObject({ text: expect.stringContaining('call the tool again shortly'), isError: true });
  expect(await call()).toEqual(digest(issued[1]));
  expect(await cloud.acceptsToken(tokens)).toBe(true);
});

test('a personal access token has no upstream token, and the model learns why', async () => {
  const dashboard = await DashboardClient.signIn(cloud.origin, 'any-user');
  const call = await caller((await dashboard.makeToken()).token);
  expect(await call()).toEqual({
    text: 'A personal access token has no token at the identity provider',
    isError: true,
  });
  expect(issued).toEqual([]);
});

test('the erasure of a user deletes the exchanged tokens', async () => {
  const { tokens, call } = await signedIn();
  await call();
  const dashboard = await DashboardClient.signIn(cloud.origin, 'any-user');
  expect((await dashboard.post('erase')).status).toBe(200);
  expect((await cloud.items(`T#${grantOf(tokens)}`)).filter(({ sk }) => sk.startsWith('X#'))).toEqual([]);
});
