import { assistants } from '../../bench/harness/mcp-clients.ts';
import { callTool, initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import type { ErasedCount, ResultPage, SessionRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { type Item, TestCloud } from '../support/test-cloud.ts';

/** A user erases their data, and the test searches the table for the rest. */

jest.setTimeout(120_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

/** Whether the item contains data of the user: their key, their subject at the provider, or their state. */
const about = (item: Item, marks: string[]) => marks.some((mark) => JSON.stringify(item).includes(mark));

test('erases all data of a user and no data of another user', async () => {
  for (const user of ['ada', 'alan']) {
    for (const [, connect] of assistants) {
      const assistant = await connect(`${target.origin}/mcp`, user);
      await assistant.call('note', { name: 'diary', text: `written by ${user}` });
      await assistant.call('whoami');
    }
    // One client that has not redeemed its code, and one that has called a tool.
    const client = await OAuthClient.register(target.origin);
    await client.signIn(user);
    const { access_token } = await client.tokensFor(user);
    const begun = await postMcp(target.origin, access_token, initialize);
    const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! };
    await (await postMcp(target.origin, access_token, callTool('count', { to: 2 }), session)).text();
  }
  const ada = await DashboardClient.signIn(target.origin, 'ada');
  const alan = await DashboardClient.signIn(target.origin, 'alan');
  const { subject } = (await target.items('G#')).find(({ user }) => user === ada.me.user)! as Item & {
    subject: string;
  };
  const marks = [ada.me.user, subject, 'written by ada'];
  const before = await target.items();
  const hers = before.filter((item) => about(item, marks));
  const kinds = new Set(hers.map(({ type }) => type));
  for (const kind of ['grant', 'session', 'call', 'state', 'approval', 'user', 'visit', 'code']) {
    expect(kinds).toContain(kind);
  }
  const grants = hers.filter(({ type }) => type === 'grant').map(({ id }) => String(id));
  const ofAlan = before.filter((item) => about(item, [alan.me.user]));

  let erased: ErasedCount;
  do {
    const answer = await ada.post('erase');
    expect(answer.status).toBe(200);
    erased = (await answer.json()) as ErasedCount;
  } while (!erased.done);

  // The provider's tokens of a revoked grant are deleted when the provider has revoked them, within a minute.
  await target.runSchedules();
  const after = await target.items();
  expect(after.filter((item) => about(item, [...marks, ...grants]))).toEqual([]);
  const names = new Set(after.map(({ pk, sk }) => `${pk} ${sk}`));
  expect(ofAlan.filter(({ pk, sk }) => !names.has(`${pk} ${sk}`))).toEqual([]);
  expect((await ada.request('me')).status).toBe(401);
  expect((await alan.get<ResultPage<SessionRow>>('sessions')).items.length).toBeGreaterThan(0);

  // A later sign-in of the user starts without data.
  const again = await DashboardClient.signIn(target.origin, 'ada');
  expect(again.me.user).toBe(ada.me.user);
  expect((await again.get<ResultPage<SessionRow>>('sessions')).items).toEqual([]);
});

test('a task under way during an erasure leaves nothing of the user when it ends', async () => {
  const client = await OAuthClient.register(target.origin);
  const { access_token } = await client.tokensFor('grace');
  const grace = await DashboardClient.signIn(target.origin, 'grace');
  const begun = await postMcp(target.origin, access_token, initialize);
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! };
  const call = postMcp(target.origin, access_token, callTool('long_task', { milliseconds: 4_000 }), session);
  const grants = (await target.items('G#')).filter(({ user }) => user === grace.me.user).map(({ id }) => String(id));
  const tasks = async () => (await target.items('E#')).filter(({ type }) => type === 'run');
  while ((await tasks()).length === 0);
  expect(await (await grace.post('erase')).json()).toMatchObject({ done: true });
  expect(await (await call).text()).not.toContain('done');
  await target.settled();
  await target.runSchedules();
  expect((await target.items()).filter((item) => about(item, [grace.me.user, ...grants]))).toEqual([]);
});

test('a call that ended during an erasure is erased by the next one', async () => {
  const grace = await DashboardClient.signIn(target.origin, 'grace');
  const now = Date.now();
  await target.put({
    pk: 'D#a-session-that-is-gone',
    sk: `${String(now - 50).padStart(15, '0')}#late`,
    type: 'call',
    user: grace.me.user,
    ttl: Math.floor(now / 1000) + 600,
  });
  const ttl = Math.floor(now / 1000) + 900;
  await target.put({ pk: `C#${Math.floor(now / 300_000)}#1`, sk: 'a-session-that-is-gone', type: 'call-marker', ttl });
  expect(await (await grace.post('erase')).json()).toMatchObject({ done: true });
  expect((await target.items()).filter((item) => about(item, [grace.me.user]))).toEqual([]);
});
