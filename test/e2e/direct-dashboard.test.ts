import { assistants } from '../../bench/harness/mcp-clients.ts';
import { callTool, initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { userKey } from '../../lambda/core/access/user-key.ts';
import type {
  CallRow,
  GrantRow,
  ResultPage,
  RevokedCount,
  SessionRow,
  UserActivityRow,
} from '../../lambda/core/dashboard/dashboard-api.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { CLIENT, ScriptedProvider } from '../support/scripted-provider.ts';
import { directMode, TestCloud } from '../support/test-cloud.ts';

/** The dashboard in direct mode: its users sign in at the provider that issues the tokens of their clients. */

jest.setTimeout(60_000);

let provider: ScriptedProvider;
let cloud: TestCloud;

beforeAll(async () => {
  provider = await ScriptedProvider.start();
  cloud = await TestCloud.start(directMode(provider.issuer, CLIENT.id));
});
afterAll(async () => {
  await cloud?.stop();
  await provider?.stop();
});

const mcpUrl = () => `${cloud.origin}/mcp`;
const items = async <T>(client: DashboardClient, path: string, query = {}) =>
  (await client.get<ResultPage<T>>(path, query)).items;
const lastHour = () => ({ from: Date.now() - 3_600_000, to: Date.now() + 3_600_000 });

/** A user with groups, who has signed in to the dashboard. */
async function signIn(subject: string, roles: string[] = []): Promise<DashboardClient> {
  Object.assign(provider.behaviour, { subject, claims: { roles } });
  return DashboardClient.signIn(cloud.origin, subject);
}

/** A client of a user that has called a tool, by a token of the provider. */
async function clientOf(sub: string, client = CLIENT.id) {
  const token = await provider.sign({ sub, aud: mcpUrl(), client_id: client, scope: 'openid' });
  const started = await postMcp(cloud.origin, token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  const call = async () => (await postMcp(cloud.origin, token, callTool('whoami'), session)).status;
  expect(await call()).toBe(200);
  return call;
}

const revoked = async (response: Response) => ((await response.json()) as RevokedCount).revoked;

test.each(assistants)('a user of %s sees the call on the dashboard and revokes the client', async (_name, connect) => {
  const subject = `ada-${_name}`;
  provider.behaviour.subject = subject;
  const assistant = await connect(mcpUrl(), 'anybody');
  await assistant.call('whoami');
  const ada = await signIn(subject);
  expect(ada.me).toMatchObject({ user: await userKey(provider.issuer, subject), isAdmin: false, isDirect: true });
  expect(provider.authorizationRequest.get('scope')).toBe('openid profile email');
  expect(provider.authorizationRequest.has('resource')).toBe(false);

  const [call] = await items<CallRow>(ada, 'calls', lastHour());
  expect(call).toMatchObject({ tool: 'whoami', user: ada.me.user, client: CLIENT.id });
  const [session] = await items<SessionRow>(ada, 'sessions');
  expect(session).toMatchObject({ id: call!.session, user: ada.me.user });
  expect(session!.ended).toBeUndefined();
  const [grant, ...others] = await items<GrantRow>(ada, 'grants');
  expect([grant, others]).toEqual([
    expect.objectContaining({ id: call!.grant, user: ada.me.user, client: CLIENT.id, status: 'active' }),
    [],
  ]);
  expect(grant!.endsAt).toBeUndefined();
  expect(await items<CallRow>(ada, 'calls', { ...lastHour(), grant: grant!.id })).toHaveLength(1);

  expect(await revoked(await ada.post(`grants/${grant!.id}/revoke`))).toBe(1);
  await expect(assistant.call('whoami')).rejects.toThrow();
  expect(await items<GrantRow>(ada, 'grants')).toEqual([expect.objectContaining({ id: grant!.id, status: 'revoked' })]);
  expect((await items<SessionRow>(ada, 'sessions'))[0]!.ended).toBe('revoked');
  expect(await revoked(await ada.post(`grants/${grant!.id}/revoke`))).toBe(0);
  await assistant.close().catch(() => undefined);
});

test('a user revokes all clients, and not those of another user', async () => {
  const [first, second, other] = await Promise.all([
    clientOf('alan', 'one'),
    clientOf('alan', 'two'),
    clientOf('eve', 'one'),
  ]);
  const alan = await signIn('alan');
  expect((await items<GrantRow>(alan, 'grants')).map(({ client }) => client).sort()).toEqual(['one', 'two']);
  expect(await revoked(await alan.post('revoke-all'))).toBe(2);
  expect([await first(), await second(), await other()]).toEqual([401, 401, 200]);
  const eve = await signIn('eve');
  const [grant] = await items<GrantRow>(eve, 'grants');
  expect((await alan.post(`grants/${grant!.id}/revoke`)).status).toBe(404);
  expect(await other()).toBe(200);
});

test('an admin sees users who never signed in to the dashboard, and revokes them', async () => {
  const call = await clientOf('mallory');
  const grace = await signIn('grace', ['admins']);
  expect(grace.me.isAdmin).toBe(true);
  const user = await userKey(provider.issuer, 'mallory');
  const users = await items<UserActivityRow>(grace, 'users', { activity: 'true' });
  expect(users.find((each) => each.user === user)).toMatchObject({ clients: [CLIENT.id] });
  expect((await items<GrantRow>(grace, 'grants')).map((each) => each.user)).toContain(user);
  expect(await revoked(await grace.post('revoke-all', { user }))).toBe(1);
  expect(await call()).toBe(401);
});

test('a user who erases all data leaves no session, and the client stays blocked', async () => {
  const call = await clientOf('olivia');
  const olivia = await signIn('olivia');
  expect((await olivia.post('erase')).status).toBe(200);
  expect(await call()).toBe(401);
  const user = await userKey(provider.issuer, 'olivia');
  expect(JSON.stringify(await cloud.items())).not.toContain(user);
});

test('the page of the server leads to the dashboard', async () => {
  const page = await fetch(`${cloud.origin}/`, { headers: { accept: 'text/html' } });
  expect(await page.text()).toContain('href="/dashboard"');
});

test('a callback in another browser than the one that began the sign-in is rejected', async () => {
  provider.behaviour.subject = 'ada';
  const started = await fetch(`${cloud.origin}/dashboard/sign-in`, { redirect: 'manual' });
  const page = await new Browser().open(started.headers.get('location')!);
  expect([page.status, new URL(page.url).pathname]).toEqual([403, '/callback']);
  expect(page.html).toContain('href="/dashboard"');
});
