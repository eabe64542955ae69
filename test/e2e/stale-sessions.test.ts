import { assistants } from '../../bench/harness/mcp-clients.ts';
import { callTool, initialize, messageOf, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { type Item, TestCloud } from '../support/test-cloud.ts';

/** Sessions that have been deleted from the table, and their clients. */

jest.setTimeout(120_000);

let target: TestCloud;
let strict: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
  strict = await TestCloud.start({
    change: (resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
        if (variables.STALE_SESSION !== undefined) variables.STALE_SESSION = 'reject';
      }
    },
  });
});
afterAll(async () => {
  await target.stop();
  await strict.stop();
});

const sessionItems = (from: TestCloud): Promise<Item[]> => from.items('S#');

async function deleteSessions(of: TestCloud): Promise<void> {
  for (const item of await sessionItems(of)) await of.remove(item);
}

/** A session of a client that does not send `initialize` again. */
async function begin(of: TestCloud, token: string) {
  const started = await postMcp(of.origin, token, initialize);
  const id = started.headers.get('mcp-session-id')!;
  const call = (headers: Record<string, string> = { 'mcp-session-id': id }) =>
    postMcp(of.origin, token, callTool('session'), headers);
  return { id, started, call };
}

const sessionIn = async (answer: Response): Promise<{ id: string }> => {
  const { result } = (await messageOf(answer)) as unknown as { result: { content: { text: string }[] } };
  return JSON.parse(result.content[0]!.text);
};

describe('a session that is not in the table', () => {
  test.each(assistants)('is renewed for %s', async (_name, connect) => {
    const assistant = await connect(`${target.origin}/mcp`, 'ada');
    expect((await assistant.call('session')).isError).toBe(false);
    await deleteSessions(target);
    const { text, isError } = await assistant.call('session');
    expect(isError).toBe(false);
    expect(JSON.parse(text)).toMatchObject({ era: expect.stringMatching(/^(legacy|modern)$/) });
    expect(await assistant.listTools()).toContain('whoami');
    await assistant.close();
  });

  test('is replaced by a fresh session, whose id is in the response and which the old id means from then on', async () => {
    const { tokens } = await target.signedIn();
    const { id, call } = await begin(target, tokens.access_token);
    await deleteSessions(target);
    const renewed = await call();
    const fresh = renewed.headers.get('mcp-session-id')!;
    expect(fresh).not.toBe(id);
    expect(await sessionIn(renewed)).toMatchObject({ id: fresh });
    for (const headers of [{ 'mcp-session-id': id }, { 'mcp-session-id': fresh }] as Record<string, string>[]) {
      const again = await call(headers);
      expect(again.headers.get('mcp-session-id')).toBe(fresh);
      expect(await sessionIn(again)).toMatchObject({ id: fresh });
    }
  });

  test('is replaced once by concurrent requests', async () => {
    const { tokens } = await target.signedIn();
    const { call } = await begin(target, tokens.access_token);
    await deleteSessions(target);
    const answers = await Promise.all(Array.from({ length: 8 }, () => call()));
    expect(new Set(answers.map(({ headers }) => headers.get('mcp-session-id'))).size).toBe(1);
  });

  test('is not replaced for a revoked grant', async () => {
    const { client, tokens } = await target.signedIn();
    const { call } = await begin(target, tokens.access_token);
    await deleteSessions(target);
    await client.revoke(tokens.refresh_token);
    expect((await call()).status).toBe(401);
  });

  test('is answered 404 with staleSession reject, and the client continues after initialize', async () => {
    const { tokens } = await strict.signedIn();
    const { call } = await begin(strict, tokens.access_token);
    expect((await call()).status).toBe(200);
    await deleteSessions(strict);
    const refused = await call();
    expect(refused.status).toBe(404);
    expect((await messageOf(refused)).error).toMatchObject({ code: -32001 });
    expect((await (await begin(strict, tokens.access_token)).call()).status).toBe(200);
  });
});

describe('a deleted session', () => {
  test.each([
    ['renewing', () => target],
    ['strict', () => strict],
  ])('is answered 404 at every request (%s)', async (_mode, of) => {
    const { tokens } = await of().signedIn();
    const { id, call } = await begin(of(), tokens.access_token);
    const headers = { authorization: `Bearer ${tokens.access_token}`, 'mcp-session-id': id };
    expect((await fetch(`${of().origin}/mcp`, { method: 'DELETE', headers })).status).toBe(200);
    for (const status of [(await call()).status, (await call()).status]) expect(status).toBe(404);
    expect((await fetch(`${of().origin}/mcp`, { method: 'DELETE', headers })).status).toBe(404);
  });
});

describe('the id of a session', () => {
  test('is read from the header, the older header or the cookie, in this order', async () => {
    const { tokens } = await target.signedIn();
    const [one, two, three] = [
      await begin(target, tokens.access_token),
      await begin(target, tokens.access_token),
      await begin(target, tokens.access_token),
    ];
    const cookie = `other=1; mcp_session_id=${three.id}`;
    const all = { 'mcp-session-id': one.id, 'x-mcp-session-id': two.id, cookie };
    const { 'mcp-session-id': _, ...withoutFirst } = all;
    expect((await sessionIn(await one.call(all))).id).toBe(one.id);
    expect((await sessionIn(await one.call(withoutFirst))).id).toBe(two.id);
    expect((await sessionIn(await one.call({ cookie }))).id).toBe(three.id);
  });

  test('is set once as an HttpOnly cookie', async () => {
    const { tokens } = await target.signedIn();
    const { id, started, call } = await begin(target, tokens.access_token);
    const cookie = started.headers.get('set-cookie');
    expect(cookie).toMatch(new RegExp(`^mcp_session_id=${id}; `));
    expect(cookie).toMatch(/; HttpOnly/);
    expect(cookie).toMatch(/; SameSite=Lax/);
    expect((await call()).headers.get('set-cookie')).toBeNull();
  });

  test('of another user behaves as an unknown one, and remains valid for its user', async () => {
    const ada = await begin(target, (await target.signedIn('ada')).tokens.access_token);
    const alan = await begin(target, (await target.signedIn('alan')).tokens.access_token);
    const taken = await alan.call({ 'mcp-session-id': ada.id });
    expect(taken.status).toBe(200);
    expect((await sessionIn(taken)).id).not.toBe(ada.id);
    expect((await sessionIn(await ada.call())).id).toBe(ada.id);
  });
});
