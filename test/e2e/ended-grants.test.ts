import { OAuthClient, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { runCli } from '../support/cli-process.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { ScriptedProvider, signInAt } from '../support/scripted-provider.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { grantOf } from '../support/wire-checks.ts';

/** However a grant ends here, the identity provider revokes its tokens, also if it does not answer at first. */

jest.setTimeout(120_000);

let provider: ScriptedProvider;
let cloud: TestCloud;
beforeAll(async () => {
  provider = await ScriptedProvider.start();
  cloud = await TestCloud.start({ change: signInAt(provider) });
  // The provider does not answer.
  cloud.expectFailures('upstream_revocation_failed');
});
afterAll(async () => {
  await cloud?.stop();
  await provider.stop();
});

type Connection = { client: OAuthClient; tokens: Tokens; code: string; grant: string };

async function connected(): Promise<Connection> {
  const client = await OAuthClient.register(cloud.origin);
  const code = await client.signIn('ada');
  const tokens = (await (await client.redeem(code)).json()) as Tokens;
  return { client, tokens, code, grant: grantOf(tokens) };
}

const dashboard = () => DashboardClient.signIn(cloud.origin, 'ada');
const holdfast = async (...args: string[]) => {
  const { code, errors } = await runCli([...args, '--yes', '--local'], { HOLDFAST_DATA: cloud.folder });
  expect([code, errors]).toEqual([0, '']);
};

async function presentSuperseded({ client, tokens, grant }: Connection): Promise<void> {
  const refresh = { head: 3, predecessor: 2, superseded: {} };
  await cloud.set({ pk: `G#${grant}`, sk: '-' }, { refresh });
  expect((await client.refresh(tokens.refresh_token)).status).toBe(400);
}

async function presentUsedCode({ client, code, grant }: Connection): Promise<void> {
  const used = (await cloud.items('CO#')).find((item) => item.grant === grant)!;
  await cloud.set(used, { usedAt: Number(used.usedAt) - 60 });
  expect((await client.redeem(code)).status).toBe(400);
}

const endings: [string, (connection: Connection) => Promise<unknown>][] = [
  ['disconnected on the dashboard', async ({ grant }) => (await dashboard()).post(`grants/${grant}/revoke`)],
  ['revoked with all of the user', async () => (await dashboard()).post('revoke-all')],
  ['erased with its user', async () => (await dashboard()).post('erase')],
  ['revoked by the command line', ({ grant }) => holdfast('clients', 'revoke', grant)],
  [
    'revoked by the command line with all of the user',
    async () => holdfast('clients', 'revoke', '--user', await aUser()),
  ],
  ['erased by the command line', async () => holdfast('users', 'erase', await aUser())],
  ['ended by a superseded refresh token', presentSuperseded],
  ['ended by a used code', presentUsedCode],
  ['revoked by its client', ({ client, tokens }) => client.revoke(tokens.refresh_token)],
  [
    'erased after it has expired',
    async ({ grant }) => {
      await cloud.set({ pk: `G#${grant}`, sk: '-' }, { idleExpiresAt: 1 });
      await (await dashboard()).post('erase');
    },
  ],
];

const aUser = async () => (await dashboard()).me.user;

test.each(endings)('a grant that is %s has its tokens revoked at the provider within a minute', async (_, end) => {
  const connection = await connected();
  const before = provider.revoked.length;
  await end(connection);
  expect(await cloud.acceptsToken(connection.tokens)).toBe(false);
  await cloud.runSchedules();
  expect(provider.revoked.length - before).toBe(1);
  expect(await cloud.items(`T#${connection.grant}`)).toEqual([]);
  await cloud.runSchedules();
  expect(provider.revoked.length - before).toBe(1);
});

test('a provider that does not answer delays no revocation here, and gets its own when it is back', async () => {
  const { tokens, grant } = await connected();
  const page = await dashboard();
  const before = provider.revoked.length;
  provider.down = true;
  expect(await (await page.post(`grants/${grant}/revoke`)).json()).toEqual({ revoked: 1 });
  expect(await cloud.acceptsToken(tokens)).toBe(false);
  await cloud.recycle();
  await cloud.runSchedules();
  expect(cloud.log).toContain('upstream_revocation_failed');
  provider.down = false;
  const [item] = await cloud.items(`T#${grant}`);
  expect(item).toMatchObject({ attempts: 1, endedAt: expect.any(Number) });
  await cloud.set(item!, { gsi2sk: `${item!.endedAt}#${grant}` });
  await cloud.runSchedules();
  expect(provider.revoked.length - before).toBe(1);
  expect(await cloud.items(`T#${grant}`)).toEqual([]);
});

test('the erasure of a user keeps the tokens of a grant only until the provider has revoked them', async () => {
  const { grant } = await connected();
  const page = await dashboard();
  expect(await (await page.post('erase')).json()).toMatchObject({ done: true });
  const left = (await cloud.items()).filter((item) => JSON.stringify(item).includes(grant));
  expect(left.map(({ pk }) => pk)).toEqual([`T#${grant}`]);
  expect(JSON.stringify(left)).not.toContain(page.me.user);
  await cloud.runSchedules();
  expect((await cloud.items()).filter((item) => JSON.stringify(item).includes(grant))).toEqual([]);
});

test('a sign-in to the dashboard asks the provider for no offline access, and for nothing to be revoked', async () => {
  await cloud.runSchedules();
  const before = provider.revoked.length;
  await dashboard();
  expect(provider.authorizationRequest.get('scope')).toBe('openid profile email');
  await cloud.runSchedules();
  expect(provider.revoked).toHaveLength(before);
});

test('the tokens of a sign-in with another account than the approved one are revoked', async () => {
  const [client, browser] = [await OAuthClient.register(cloud.origin), new Browser()];
  provider.behaviour.claims = { preferred_username: 'ada' };
  await client.signIn('ada', browser);
  const before = provider.revoked.length;
  Object.assign(provider.behaviour, { subject: 'grace', claims: { preferred_username: 'grace' } });
  const consent = await browser.open(client.authorizationUrl());
  const asked = await browser.submit(consent, { answer: 'approve' });
  expect(asked.html).toContain('You are signed in as <strong>grace</strong>');
  expect(provider.revoked).toHaveLength(before + 1);
});
