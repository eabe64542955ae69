import { setVariables } from '../../bench/harness/assembly.ts';
import { assistants } from '../../bench/harness/mcp-clients.ts';
import { callTool, initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import type { CallRow, ResultPage } from '../../lambda/core/dashboard/dashboard-api.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { type Item, TestCloud } from '../support/test-cloud.ts';

/** The audit log in the table, as the functions write it. */

jest.setTimeout(120_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start({
    change: (resources) => setVariables(resources, 'Mcp', { FIXTURE_END_PROCESS: 'true' }),
  });
});
afterAll(() => target.stop());

const mcpFunctionOf = ({ template }: TestCloud): string =>
  Object.keys(JSON.parse(template).Resources).find((logicalId) => /^McpFunction[0-9A-F]{8}$/.test(logicalId))!;

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

test('a call whose process ends or is killed is in the audit log and on the dashboard after the next call', async () => {
  const { tokens } = await target.signedIn('grace');
  const begun = await postMcp(target.origin, tokens.access_token, initialize);
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! };
  const call = (message: object) => postMcp(target.origin, tokens.access_token, message, session);
  const progressing = callTool('slow_task', { steps: 60 });
  Object.assign(progressing.params, { _meta: { progressToken: 1 } });
  /** In the environment whose process has ended: no other one is idle. */
  const next = async (tool: string) => {
    await target.recycle();
    await (await call(callTool(tool))).text();
  };
  const calls = await recordOf(async () => {
    expect((await call(callTool('end_process'))).status).toBe(502);
    await next('whoami');
    const slow = await call(progressing);
    expect(await target.kill(mcpFunctionOf(target), 1)).toBe(1);
    await slow.text().catch(() => undefined);
    await next('session');
  });
  expect(calls.map(({ tool, outcome }) => `${tool} ${outcome}`).sort()).toEqual([
    'end_process interrupted',
    'session success',
    'slow_task interrupted',
    'whoami success',
  ]);
  const dashboard = await DashboardClient.signIn(target.origin, 'grace');
  const { items } = await dashboard.get<ResultPage<CallRow>>('calls', {
    outcome: 'interrupted',
    from: Date.now() - 600_000,
    to: Date.now() + 60_000,
  });
  expect(items.map(({ tool }) => tool).sort()).toEqual(['end_process', 'slow_task']);
  expect(target.log).toMatch(/"event":"call_interrupted","method":"tools\/call","tool":"end_process","user":/);
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
