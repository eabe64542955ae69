import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { type Assistant, assistants } from '../../bench/harness/mcp-clients.ts';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/audit/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit/audit-log-reader.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import type {
  CallRow,
  GrantRow,
  ResultPage as Listed,
  Overview,
  SessionRow,
} from '../../lambda/core/dashboard/dashboard-api.ts';
import { keyPrefix } from '../../lambda/shared/table-keys.ts';
import { launchChromium } from '../support/chromium.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** Three users, four clients of both eras: their calls in the audit log, the charts, the CLI and the metrics. */

jest.setTimeout(240_000);

const run = promisify(execFile);

describe('three users of one server', () => {
  let target: TestCloud;
  let browser: Browser;
  beforeAll(async () => {
    target = await TestCloud.start();
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await target?.stop();
  });

  /** The calls that the clients made, as they observed them. */
  const made: { user: string; client: string; tool: string; outcome: string }[] = [];

  async function call(assistant: Assistant, user: string, client: string, tool: string, input = {}) {
    const outcome = await assistant
      .call(tool, input)
      .then(({ isError }) => (isError ? 'invalid-arguments' : 'success'))
      .catch(() => 'unknown-tool');
    made.push({ user, client, tool, outcome });
    return outcome;
  }

  const tally = (rows: { user: string; client: string; tool: string; outcome: string }[]) => {
    const counts: Record<string, number> = {};
    for (const { user, client, tool, outcome } of rows) {
      const name = `${user} ${client} ${tool} ${outcome}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };

  const cli = async (...words: string[]) => {
    const { stdout } = await run(process.execPath, ['bin/cli.ts', ...words, '--local', '--json'], {
      cwd: projectRoot,
      env: { ...process.env, HOLDFAST_DATA: target.folder },
      maxBuffer: 50_000_000,
    });
    return JSON.parse(stdout);
  };

  async function atDashboard(user: string, view: string): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${target.origin}/dashboard?view=${view}`);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel(/user/i).fill(user);
    await page.getByLabel(/password/i).fill(user);
    await page.keyboard.press('Enter');
    return page;
  }

  test('audit log, charts, CLI and metrics count every call that the clients made', async () => {
    const [modern, legacy, first] = assistants.map(([, connect]) => connect);
    const mcp = `${target.origin}/mcp`;
    const adas = await modern!(mcp, 'ada');
    const adasOther = await first!(mcp, 'ada');
    const alans = await legacy!(mcp, 'alan');
    const graces = await modern!(mcp, 'grace');
    const [ada, alan, grace] = await Promise.all(
      ['ada', 'alan', 'grace'].map((user) => DashboardClient.signIn(target.origin, user)),
    );
    const [adaKey, alanKey, graceKey] = [ada!, alan!, grace!].map(({ me }) => me.user) as [string, string, string];

    // All clients call tools in parallel.
    const work = async (assistant: Assistant, user: string, client: string, rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        await call(assistant, user, client, 'whoami');
        await call(assistant, user, client, 'note', { name: `n${round}`, text: `of ${user}` });
      }
    };
    await Promise.all([
      work(adas, adaKey, 'sdk-v2', 6),
      work(adasOther, adaKey, 'sdk-v1', 4),
      work(alans, alanKey, 'sdk-v2', 5),
      work(graces, graceKey, 'sdk-v2', 3),
    ]);
    // Two calls fail: invalid arguments, and an unknown tool.
    expect(await call(alans, alanKey, 'sdk-v2', 'note', { name: 'never written' })).toBe('invalid-arguments');
    expect(await call(graces, graceKey, 'sdk-v2', 'no_such_tool')).toBe('unknown-tool');

    // An admin revokes one grant in the middle of a session, in a browser.
    const adminPage = await atDashboard('grace', 'grants');
    await adminPage.getByRole('heading', { name: 'Connected apps' }).waitFor();
    const [alansGrant] = (await alan!.get<Listed<GrantRow>>('grants')).items;
    await adminPage.goto(`${target.origin}/dashboard?view=grants&user=${alanKey}`);
    await adminPage.getByRole('button', { name: /^Revoke “Assistant/ }).click();
    await adminPage.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await adminPage.getByText('has been revoked.').waitFor();
    const recordedBefore = await target.items(keyPrefix.calls);
    await expect(alans.call('whoami')).rejects.toThrow();
    expect(await target.items(keyPrefix.calls)).toHaveLength(recordedBefore.length);
    await call(adas, adaKey, 'sdk-v2', 'whoami');

    const expected = tally(made);
    const errors = made.filter(({ outcome }) => outcome !== 'success').length;
    const from = Date.now() - 3_600_000;
    const to = Date.now() + 60_000;

    // The audit log.
    const recorded = (await target.items(keyPrefix.calls)) as never[] as (CallRow & { clientName: string })[];
    expect(tally(recorded.map((call) => ({ ...call, client: call.clientName, tool: call.tool! })))).toEqual(expected);

    // The dashboard, with each of its numbers.
    const listed = (await grace!.get<Listed<CallRow>>('calls', { from, to, limit: 200 })).items;
    expect(tally(listed.map((call) => ({ ...call, client: call.clientName!, tool: call.tool! })))).toEqual(expected);
    const charts = async (client: DashboardClient, filter = {}) =>
      client.get<Overview>('overview', { from, to, ...filter });
    const agree = async () => {
      const whole = await charts(grace!);
      expect(whole.totals).toMatchObject({ calls: made.length, errors, users: 3, sessions: 4 });
      expect(whole.sessions).toMatchObject({ total: 4, active: 4, isEstimate: false });
      for (const [breakdown, nameOf] of [
        ['tool', ({ tool }: (typeof made)[0]) => tool],
        // Every assistant of the test is registered under one name.
        ['client', () => 'Assistant under test'],
        ['outcome', ({ outcome }: (typeof made)[0]) => outcome],
      ] as const) {
        for (const { name, calls: counted } of whole.rows[breakdown]) {
          expect([name, counted]).toEqual([name, made.filter((each) => nameOf(each) === name).length]);
        }
        const inBars = whole.bars.flatMap((bar) => bar[breakdown]).reduce((sum, each) => sum + each, 0);
        expect(inBars).toBe(made.length);
      }
      for (const clientInfo of ['sdk-v1', 'sdk-v2']) {
        const counted = made.filter(({ client }) => client === clientInfo).length;
        expect(counted).toBeGreaterThan(0);
        expect((await charts(grace!, { clientInfo })).totals.calls).toBe(counted);
      }
      const notes = await charts(grace!, { tool: 'note', outcome: 'error' });
      expect(notes.totals.calls).toBe(1);
    };
    await agree();
    for (const [client, user] of [
      [ada!, adaKey],
      [alan!, alanKey],
    ] as const) {
      const own = made.filter((each) => each.user === user);
      expect((await charts(client)).totals.calls).toBe(own.length);
      expect((await charts(grace!, { user })).totals.calls).toBe(own.length);
    }
    const sessions = (await grace!.get<Listed<SessionRow>>('sessions', { from, to })).items;
    expect(sessions.map(({ user, calls: counted, errors: failed, ended }) => [user, counted, failed, ended])).toEqual(
      expect.arrayContaining([
        [adaKey, 13, 0, undefined],
        [adaKey, 8, 0, undefined],
        [alanKey, 11, 1, 'revoked'],
        [graceKey, 7, 1, undefined],
      ]),
    );
    expect(new Set(sessions.map(({ era }) => era))).toEqual(new Set(['legacy', 'modern']));

    // The CLI.
    const { items } = await cli('calls', 'list', '--since', '1h', '--all');
    expect(tally(items.map((call: CallRow) => ({ ...call, client: call.clientName, tool: call.tool })))).toEqual(
      expected,
    );
    expect((await cli('stats', '--since', '1h')).totals).toMatchObject({ calls: made.length, errors, users: 3 });
    const clients = (await cli('clients', 'list')).items;
    expect(clients.map(({ user, status }: GrantRow) => [user, status])).toEqual(
      expect.arrayContaining([
        [alanKey, 'revoked'],
        [adaKey, 'active'],
        [graceKey, 'active'],
      ]),
    );
    expect(clients.find(({ id }: GrantRow) => id === alansGrant!.id).status).toBe('revoked');
    expect((await cli('users', 'list')).items).toHaveLength(3);

    // The metrics: no call is missing, and the aggregation job counts all of them.
    expect(target.log).not.toMatch(
      /"event":"(audit_write_failed|service_unavailable|unexpected_error|session_failed)"/,
    );
    const counted: Record<string, number>[] = [];
    const dependencies = {
      calls: dynamoAuditLogReader(target.table),
      aggregates: dynamoAggregateStore(target.table),
      retentionDays: 30,
      now: () => Date.now() + 600_000,
      log: (_: string, details = {}) => void counted.push(details),
    };
    await aggregateCalls(dependencies, () => 1);
    const sum = (member: string) => counted.reduce((total, each) => total + each[member]!, 0);
    expect([sum('calls'), sum('errors')]).toEqual([made.length, errors]);
    await agree();

    // One user erases their data in a browser; the calls of the others remain.
    const adaPage = await atDashboard('ada', 'me');
    await adaPage.getByRole('button', { name: 'Erase my data' }).click();
    await adaPage.getByRole('dialog').getByRole('textbox').fill('erase');
    await adaPage.getByRole('dialog').getByRole('button', { name: 'Erase my data' }).click();
    await adaPage.getByRole('heading', { name: 'Your data has been erased' }).waitFor({ timeout: 60_000 });
    expect(JSON.stringify(await target.items())).not.toContain(adaKey);
    await expect(adas.call('whoami')).rejects.toThrow();
    const remaining = made.filter(({ user }) => user !== adaKey);
    const after = (await grace!.get<Listed<CallRow>>('calls', { from, to, limit: 200 })).items;
    expect(tally(after.map((call) => ({ ...call, client: call.clientName!, tool: call.tool! })))).toEqual(
      tally(remaining),
    );
    expect((await cli('users', 'list')).items).toHaveLength(2);
    // Aggregates keep their counts, which identify no user.
    expect((await charts(grace!)).totals.calls).toBe(made.length);
  });
});
