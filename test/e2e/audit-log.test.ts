import { assistants } from '../../bench/harness/mcp-clients.ts';
import { callTool, initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { type Item, TestCloud } from '../support/test-cloud.ts';

/** The audit log in the table, as the functions write it. */

jest.setTimeout(120_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target.stop());

async function recordOf(work: () => Promise<unknown>): Promise<Item[]> {
  const before = new Set((await target.items('D#')).map(({ sk }) => sk));
  await work();
  return (await target.items('D#')).filter(({ sk }) => !before.has(sk));
}

test.each(assistants)('each call of %s is in the audit log when its response arrives', async (_name, connect) => {
  const assistant = await connect(`${target.origin}/mcp`, 'ada');
  const calls = await recordOf(async () => {
    await assistant.call('whoami');
    await assistant.call('note', { name: 'diary', text: 'nobody-is-to-read-this' });
  });
  const { user } = (await target.items('G#')).at(-1)!;
  expect(calls.toSorted((a, b) => (a.sk < b.sk ? -1 : 1))).toMatchObject(
    ['whoami', 'note'].map((tool) => ({ type: 'call', tool, method: 'tools/call', outcome: 'success', user })),
  );
  for (const call of calls) {
    expect(JSON.stringify(call)).not.toContain('nobody-is-to-read-this');
    const ended = Number(String(call.sk).split('#')[0]) + Number(call.milliseconds);
    const markers = await target.items(`C#${Math.floor(ended / 300_000)}#`);
    expect(markers.map(({ sk }) => `D#${String(sk).split(' ')[0]}`)).toContain(call.pk);
    const [session] = (await target.items('S#')).filter(({ id }) => `D#${id}` === call.pk);
    expect(session).toMatchObject({ user, grant: call.grant, era: call.era });
    expect(Number(call.ttl) * 1000 - Date.now()).toBeGreaterThan(29.9 * 24 * 3600 * 1000);
  }
  await assistant.close();
});

test('a call succeeds without permission to write the audit log, and the failure is logged', async () => {
  const forbidden = await TestCloud.start({
    change: (resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        if (Type !== 'AWS::IAM::Policy') continue;
        const { PolicyDocument: policy } = Properties;
        policy.Statement = policy.Statement.filter((each: unknown) => !JSON.stringify(each).includes('"D#*"'));
      }
    },
  });
  try {
    const { tokens } = await forbidden.signedIn();
    const begun = await postMcp(forbidden.origin, tokens.access_token, initialize);
    const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! };
    const answer = await postMcp(forbidden.origin, tokens.access_token, callTool('whoami'), session);
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('"result"')]);
    expect(await forbidden.items('D#')).toEqual([]);
    expect(forbidden.log).toMatch(/"event":"audit_write_failed",.*"call":"[\w-]{22}","cause":"AccessDenied/);
    await forbidden.put({ pk: 'G#1', sk: '-', type: 'grant' });
  } finally {
    // The end of a test cloud is a test too.
    await expect(forbidden.stop()).rejects.toThrow(
      /"audit_write_failed"[\s\S]+grant G#1 -: its ttl is undefined, not a number of seconds$/,
    );
  }
});
