import { callTool, initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import type { CallRow, Overview, ResultPage, SessionRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { runCli } from '../support/cli-process.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** A client that states another name in `clientInfo` than it is registered under. */

jest.setTimeout(120_000);

let target: TestCloud;
let admin: DashboardClient;
beforeAll(async () => {
  target = await TestCloud.start();
  for (const [registered, stated] of [
    ['Evil Client', 'Claude Code'],
    ['Claude Code', 'Claude Code'],
  ] as const) {
    const client = await OAuthClient.register(target.origin, {
      client_name: registered,
      redirect_uris: ['http://127.0.0.1/callback'],
    });
    const { access_token } = await client.tokensFor('ada');
    const params = { ...initialize.params, clientInfo: { name: stated, version: '1' } };
    const begun = await postMcp(target.origin, access_token, { ...initialize, params });
    const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! };
    await (await postMcp(target.origin, access_token, callTool('whoami'), session)).text();
  }
  admin = await DashboardClient.signIn(target.origin, 'grace');
});
afterAll(() => target?.stop());

const period = () => ({ from: 0, to: Date.now() + 1000 });
const names = (rows: Pick<CallRow, 'clientLabel' | 'clientName'>[]) =>
  rows.map(({ clientLabel, clientName }) => [clientLabel, clientName]).sort();
const evil = ['Evil Client', 'Claude Code'];
const honest = ['Claude Code', 'Claude Code'];

test.each<[string, Record<string, string>, string[][]]>([
  ['no filter', {}, [honest, evil]],
  ['the registered name', { client: 'Evil Client' }, [evil]],
  ['the stated name as the registered one', { client: 'Claude Code' }, [honest]],
  ['the stated name', { clientInfo: 'Claude Code' }, [honest, evil]],
  ['the registered name as the stated one', { clientInfo: 'Evil Client' }, []],
  ['both names', { client: 'Evil Client', clientInfo: 'Claude Code' }, [evil]],
])('calls and sessions have the registered name first, and %s selects by it', async (_what, filter, expected) => {
  const query = { ...period(), ...filter };
  expect(names((await admin.get<ResultPage<CallRow>>('calls', query)).items)).toEqual(expected);
  expect(names((await admin.get<ResultPage<SessionRow>>('sessions', query)).items)).toEqual(expected);
  const overview = await admin.get<Overview>('overview', query);
  expect(overview.totals.calls).toBe(expected.length);
  expect([...overview.groups.client].sort()).toEqual(expected.map(([registered]) => registered));
});

test('the command line lists the registered name first, and filters by both', async () => {
  const rows = async (...filter: string[]) =>
    (await runCli(['calls', 'list', '--local', ...filter], { HOLDFAST_DATA: target.folder })).out
      .split('\n')
      .filter((line) => /whoami/.test(line));
  expect(await rows('--client', 'Evil Client')).toEqual([expect.stringMatching(/Evil Client +Claude Code +whoami/)]);
  expect(await rows('--client', 'Claude Code')).toEqual([expect.stringMatching(/ Claude Code {2,}whoami/)]);
  expect((await rows('--client-info', 'Claude Code')).length).toBe(2);
  expect(await rows('--client', 'Claude Code', '--client-info', 'Evil Client')).toEqual([]);
});
