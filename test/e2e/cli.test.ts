import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Assistant, assistants } from '../../bench/harness/mcp-clients.ts';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import type { Tokens } from '../../bench/harness/raw-oauth-client.ts';
import type {
  CallRow,
  GrantRow,
  Overview,
  ResultPage,
  SessionRow,
  TokenRow,
  UserRow,
} from '../../lambda/core/dashboard/dashboard-api.ts';
import type { PersonalToken } from '../../lambda/core/oauth/tokens/personal-tokens.ts';
import { type CliResult, inherited, runCli, startCli } from '../support/cli-process.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { FakeCloudFormation, markerOf } from '../support/fake-cloudformation.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** The command line as a process, on an emulator with the sessions of two users. */

jest.setTimeout(120_000);

let emulator: TestCloud;
let ada: Assistant;
let alan: Assistant;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
const [[, connectModern], , [, connectFirst]] = assistants as [(typeof assistants)[0], unknown, (typeof assistants)[0]];

beforeAll(async () => {
  emulator = await TestCloud.start({ edits: [['cdk.json', '"context": {', '"context": { "showNames": "email",']] });
  ada = await connectModern(emulator.mcpUrl, 'ada');
  for (const name of ['one', 'two', 'three']) await ada.call('note', { name, text: 'private argument' });
  await ada.call('whoami');
  alan = await connectFirst(emulator.mcpUrl, 'alan');
  await alan.call('whoami');
  await alan.call('no-such-tool').catch(() => undefined);
});
afterAll(async () => {
  await ada?.close().catch(() => undefined);
  await alan?.close().catch(() => undefined);
  await emulator?.stop();
  rmSync(folder, { recursive: true });
});

const localEnvironment = () => ({ HOLDFAST_DATA: emulator.folder });
const holdfast = (...args: string[]): Promise<CliResult> => runCli([...args, '--local'], localEnvironment());

/** The JSON output of a successful command. */
async function answer<T>(...args: string[]): Promise<T> {
  const { code, out, errors } = await holdfast(...args, '--json');
  expect([code, errors]).toEqual([0, '']);
  return JSON.parse(out) as T;
}

const sessionOf = async (user: string) =>
  (await answer<ResultPage<SessionRow>>('sessions', 'list', '--user', user)).items[0]!;
const keyOf = async (user: string) =>
  (await answer<ResultPage<UserRow>>('users', 'list')).items.find(({ userName }) => userName === user)!.user;

describe('holdfast sessions', () => {
  test('lists sessions with their users, as JSON and as a table', async () => {
    const { items, next } = await answer<ResultPage<SessionRow>>('sessions', 'list');
    expect(next).toBeUndefined();
    expect(
      items.map(({ userName, clientLabel, clientName, era, calls, errors }) => [
        userName,
        clientLabel,
        clientName,
        era,
        calls,
        errors,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['ada@example.com', 'Assistant under test', 'sdk-v2', 'modern', 4, 0],
        ['alan@example.com', 'Assistant under test', 'sdk-v1', 'legacy', 2, 1],
      ]),
    );
    const { code, out } = await holdfast('sessions', 'list');
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^SESSION +USER +CLIENT +FIRST CALL +LAST CALL +CALLS +ERRORS +STATE$/);
    expect(lines.slice(1)).toEqual(
      items.map(({ id, userName }) => expect.stringMatching(new RegExp(`^${id}  ${userName} .* live$`))),
    );
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120);
  });

  test('pages through the list with --after', async () => {
    const first = await answer<ResultPage<SessionRow>>('sessions', 'list', '--limit', '1');
    const second = await answer<ResultPage<SessionRow>>('sessions', 'list', '--limit', '1', '--after', first.next!);
    expect(first.items[0]!.id).not.toBe(second.items[0]!.id);
    expect(second.next).toBeUndefined();
    const { errors } = await holdfast('sessions', 'list', '--limit', '1');
    expect(errors).toContain(`--after '${first.next}'`);
  });

  test('filters by time, and by user key, key prefix or name', async () => {
    const key = await keyOf('ada@example.com');
    for (const user of [key, key.slice(0, 6), 'ada@example.com']) {
      const { items } = await answer<ResultPage<SessionRow>>('sessions', 'list', '--user', user, '--since', '1h');
      expect(items.map((each) => each.user)).toEqual([key]);
    }
  });

  test('shows one session and its calls, oldest first, without arguments', async () => {
    const { id, grant } = await sessionOf('ada@example.com');
    const { session, calls } = await answer<{ session: SessionRow; calls: ResultPage<CallRow> }>(
      'sessions',
      'show',
      id,
    );
    expect(session).toMatchObject({ id, grant, userName: 'ada@example.com', calls: 4 });
    expect(calls.items.map(({ tool }) => tool)).toEqual(['note', 'note', 'note', 'whoami']);
    const { out } = await holdfast('sessions', 'show', id);
    expect(out).toMatch(new RegExp(`^session +${id}\nuser +ada@example.com`));
    expect(out).toMatch(/grant +\S+\n/);
    expect(out.match(/ note +success /g)).toHaveLength(3);
    expect(out).not.toContain('private argument');
  });

  test('watches calls, one line each, until Ctrl+C', async () => {
    const child = startCli(['sessions', 'watch', '--user', 'ada@example.com', '--local'], localEnvironment());
    await once(child.stderr, 'data');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await alan.call('whoami');
    await ada.call('note', { name: 'watched', text: 'x' });
    expect((await lines.next()).value).toMatch(
      /^\d\d:\d\d:\d\d {2}ada@example.com +Assistant under test +sdk-v2 +note +success /,
    );
    child.kill('SIGINT');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });
});

describe('holdfast calls', () => {
  test('filters by client, tool, outcome, session and time', async () => {
    const tools = async (...args: string[]) =>
      (await answer<ResultPage<CallRow>>('calls', 'list', ...args)).items.map(({ tool }) => tool);
    expect(await tools('--outcome', 'error')).toEqual(['no-such-tool']);
    expect(await tools('--client-info', 'sdk-v1', '--tool', 'whoami')).toEqual(['whoami', 'whoami']);
    expect(await tools('--client', 'Assistant under test', '--client-info', 'sdk-v1', '--tool', 'whoami')).toEqual([
      'whoami',
      'whoami',
    ]);
    expect(await tools('--client', 'sdk-v1')).toEqual([]);
    expect(await tools('--user', 'ada@example.com', '--limit', '2')).toEqual(['note', 'whoami']);
    expect(await tools('--since', '1h', '--until', '30m')).toEqual([]);
    const { id } = await sessionOf('alan@example.com');
    expect(await tools('--session', id, '--outcome', 'success')).toEqual(['whoami', 'whoami']);
  });

  test('prints a table', async () => {
    const { code, out } = await holdfast('calls', 'list', '--tool', 'note');
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^TIME +USER +CLIENT +CLIENTINFO +TOOL +OUTCOME +DURATION +SESSION$/),
      ...Array(4).fill(
        expect.stringMatching(
          /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}ada@example.com {2}Assistant under test {2}sdk-v2 +note +success +\d/,
        ),
      ),
    ]);
  });

  test('exports all calls as CSV to a file that other users cannot read', async () => {
    const file = join(folder, 'calls.csv');
    const { code, out, errors } = await holdfast('calls', 'export', '--format', 'csv', '--output', file);
    expect([code, out, errors]).toEqual([0, '', `Exported 8 calls to ${file}.\n`]);
    expect(statSync(file).mode & 0o077).toBe(0);
    const lines = readFileSync(file, 'utf8').split('\r\n');
    expect(lines[0]).toMatch(/^at,id,user,userName,client,clientLabel,clientName,.*,outcome,errorCode,message,/);
    expect([lines.length, lines.at(-1)]).toEqual([10, '']);
    expect(lines.filter((line) => line.includes(',alan@example.com,'))).toHaveLength(3);
  });

  test('exports calls as JSON Lines to standard output', async () => {
    const { code, out, errors } = await holdfast('calls', 'export', '--format', 'jsonl', '--user', 'alan@example.com');
    expect([code, errors]).toEqual([0, '']);
    const calls = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as CallRow);
    expect(calls.map(({ tool }) => tool)).toEqual(['whoami', 'no-such-tool', 'whoami']);
  });

  test('rejects an output file that cannot be written', async () => {
    const { code, errors } = await holdfast(
      'calls',
      'export',
      '--format',
      'csv',
      '--output',
      join(folder, 'no', 'file'),
    );
    expect([code, errors]).toEqual([1, expect.stringMatching(/^--output: ENOENT/)]);
  });
});

describe('holdfast stats', () => {
  test('counts the latest calls', async () => {
    const { totals, rows } = await answer<Overview>('stats');
    expect(totals).toMatchObject({ calls: 8, errors: 1, users: 2, sessions: 2 });
    expect(rows.tool[0]).toMatchObject({ name: 'note', calls: 4, errors: 0 });
    const { totals: ofNotes } = await answer<Overview>('stats', '--tool', 'note', '--since', '7d');
    expect(ofNotes.calls).toBe(4);
  });

  test('prints charts and tables', async () => {
    const { code, out } = await holdfast('stats');
    expect(code).toBe(0);
    expect(out).toMatch(/^calls +8, 1 failed \(12\.5 %\)$/m);
    expect(out).toMatch(/^calls +│.*█.*│/m);
    expect(out).toMatch(/^note +4 +0 .*█{10}$/m);
    for (const title of ['TOOL', 'CLIENT', 'OUTCOME']) expect(out).toMatch(new RegExp(`^${title} +CALLS +ERRORS`, 'm'));
  });
});

describe('a deployment on AWS', () => {
  let cloudFormation: FakeCloudFormation;
  beforeAll(async () => {
    cloudFormation = await FakeCloudFormation.start();
    cloudFormation.stacks = [
      { name: 'Owner', deployments: [markerOf({ construct: 'Mcp', table: 'Holdfast-Table710B521B' })] },
    ];
  });
  afterAll(() => cloudFormation.stop());

  /** CloudFormation is the fake; the table and the keys are those of the emulator. */
  function awsEnvironment(change: Record<string, string> = {}): Record<string, string> {
    const { dynamoDb, kms } = JSON.parse(readFileSync(join(emulator.folder, 'operator.json'), 'utf8'));
    return {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: dynamoDb.accessKeyId,
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamoDb.endpoint,
      AWS_ENDPOINT_URL_KMS: kms.endpoint,
      ...change,
    };
  }

  test('is found by its stack and read with the credentials of the environment', async () => {
    const { code, out, errors } = await runCli(['sessions', 'list', '--json'], awsEnvironment());
    expect([code, errors]).toEqual([0, '']);
    expect(JSON.parse(out).items).toHaveLength(2);
    expect(out).toContain('ada@example.com');
  });

  test('shows user keys when KMS denies the decryption of names', async () => {
    const denyingKms = await FakeCloudFormation.start();
    const { code, out, errors } = await runCli(
      ['users', 'list'],
      awsEnvironment({ AWS_ENDPOINT_URL_KMS: denyingKms.endpoint }),
    );
    denyingKms.stop();
    expect([code, errors]).toEqual([0, expect.stringMatching(/^User names are not available: .*\n$/)]);
    expect(out).not.toContain('example.com');
    expect(out).toMatch(/^USER +FIRST SIGN-IN +LAST SIGN-IN\n[\w-]{43} /);
  });

  test('reports credentials that the table rejects in one line', async () => {
    const { code, out, errors } = await runCli(
      ['sessions', 'list'],
      awsEnvironment({ AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN' }),
    );
    expect([code, out]).toEqual([1, '']);
    expect(errors).toMatch(/^AWS rejected the credentials \(UnrecognizedClientException\).*\n$/);
  });
});

test.each([
  [
    ['calls', 'list', '--since', 'yesterday'],
    2,
    /^error: option '--since <time>' argument 'yesterday' is invalid\. Pass a duration/,
  ],
  [['calls', 'list', '--since', '1h', '--until', '2h'], 2, /^--since .* is not before/],
  [
    ['calls', 'list', '--outcome', 'bad'],
    2,
    /^error: option '--outcome <outcome>' argument 'bad' is invalid\. Allowed choices are success/,
  ],
  [
    ['sessions', 'list', '--limit', '0'],
    2,
    /^error: option '--limit <n>' argument '0' is invalid\. Pass a positive integer/,
  ],
  [['calls', 'export'], 2, /required option '--format/],
  [
    ['calls', 'export', '--format', 'xls'],
    2,
    /^error: option '--format <format>' argument 'xls' is invalid\. Allowed choices are csv, jsonl/,
  ],
  [['clients', 'revoke'], 2, /^Pass one of: a grant id, --user, --client/],
  [
    ['sessions', 'list', '--region', 'eu-west-1'],
    2,
    /^error: option '--local' cannot be used with option '--region <region>'/,
  ],
  [['sessions', 'show'], 2, /missing required argument 'session'/],
  [['sessions', 'rewind'], 2, /unknown command 'rewind'/],
  [['sessions', 'show', 'no-such-session'], 1, /^No session "no-such-session"\. npx holdfast sessions list/],
  [['sessions', 'revoke', 'no-such-session', '--yes'], 1, /^No session "no-such-session"\. npx holdfast sessions list/],
  [['clients', 'revoke', 'no-such-grant', '--yes'], 1, /^No grant "no-such-grant"/],
  [
    ['sessions', 'list', '--user', 'grace'],
    1,
    /^No user with name or key prefix "grace"\. A key prefix has at least 6/,
  ],
  [['users', 'erase', 'grace@example.com', '--yes'], 1, /^No user with name or key prefix "grace@example\.com"/],
])('%j exits with %i and a message', async (args, exitCode, message) => {
  const { code, out, errors } = await holdfast(...args);
  expect([code, out, errors]).toEqual([exitCode, '', expect.stringMatching(message)]);
  expect(errors).not.toMatch(/^ +at /m);
});

test('--local reports that no emulator runs and how to start it', async () => {
  const { code, errors } = await runCli(['stats', '--local'], { HOLDFAST_DATA: folder });
  expect([code, errors]).toEqual([1, expect.stringContaining('Start one with npm start')]);
});

/** Runs a command on a terminal with some input. */
function runOnTerminal(typed: string, ...args: string[]): { code: number | null; output: string } {
  const command = [process.execPath, 'bin/cli.ts', ...args, '--local'].map((word) => `'${word}'`).join(' ');
  const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    cwd: projectRoot,
    env: { ...inherited(), ...localEnvironment() },
    input: typed,
    encoding: 'utf8',
  });
  return { code: status, output: stdout };
}

const withTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0 ? describe : describe.skip;

withTerminal('a confirmation on a terminal', () => {
  test('names the grants, and any answer but yes changes nothing', async () => {
    const { grant, user } = await sessionOf('alan@example.com');
    const { code, output } = runOnTerminal('y\n', 'clients', 'revoke', '--user', user);
    expect(output).toMatch(
      /Revokes 1 grant permanently:\s+“Assistant under test” \(dcr_[\w-]+\) of “alan@example\.com”, grant /,
    );
    expect(output).toContain(grant);
    expect([code, output]).toEqual([1, expect.stringContaining('Nothing changed.')]);
    expect((await alan.call('whoami')).isError).toBe(false);
  });

  test('of users erase requires the key prefix', async () => {
    const key = await keyOf('alan@example.com');
    const { code, output } = runOnTerminal('yes\n', 'users', 'erase', 'alan@example.com');
    expect(output).toContain(`Deletes all data of user ${key} (“alan@example.com”):`);
    expect(output).toContain(`Type ${key.slice(0, 8)} to continue:`);
    expect([code, output]).toEqual([1, expect.stringContaining('Nothing changed.')]);
  });

  test('accepts yes', async () => {
    const another = await connectFirst(emulator.mcpUrl, 'grace');
    await another.call('whoami');
    const { id } = await sessionOf('grace@example.com');
    const { code, output } = runOnTerminal('yes\n', 'sessions', 'revoke', id);
    expect([code, output]).toEqual([0, expect.stringContaining(`Session ${id} revoked.`)]);
    await expect(another.call('whoami')).rejects.toThrow(/404|not found/i);
    await another.close();
    expect((await holdfast('users', 'erase', 'grace@example.com', '--yes')).code).toBe(0);
  });
});

describe('holdfast tokens', () => {
  test('makes a token for a user, lists it with its use, and revokes it', async () => {
    const made = await answer<PersonalToken>('tokens', 'add', 'alan@example.com', '--name', 'CI', '--days', '7');
    expect(made.token).toMatch(/^hfp_ey/);
    expect(await emulator.acceptsToken({ access_token: made.token } as Tokens)).toBe(true);
    const [listed] = (await answer<ResultPage<TokenRow>>('tokens', 'list', '--user', 'alan@example.com')).items;
    expect(listed).toMatchObject({ id: made.grant, clientName: 'CI', scopes: ['mcp'], endsAt: made.expiresAt });
    expect(listed!.lastUsedAt).toBeGreaterThan(0);
    const table = await holdfast('tokens', 'list');
    expect(table.out).toMatch(/CI +alan@example.com +active/);
    expect(`${table.out}${JSON.stringify(listed)}`).not.toContain(made.token.split('.')[2]);
    expect(await answer('tokens', 'revoke', made.grant, '--yes')).toEqual({ revoked: 1 });
    expect(await emulator.acceptsToken({ access_token: made.token } as Tokens)).toBe(false);
  });

  test.each([
    ['a longer lifetime than the setting', ['--days', '31'], 'days: write a whole number from 1 to 30'],
    ['an unknown scope', ['--scopes', 'mcp', 'admin'], 'scopes: choose from mcp'],
  ])('makes no token with %s', async (_, options, error) => {
    const { code, out, errors } = await holdfast('tokens', 'add', 'alan@example.com', '--name', 'x', ...options);
    expect([code, out]).toEqual([1, '']);
    expect(errors).toContain(`The token was not made: ${error}`);
  });
});

describe('revocation and erasure', () => {
  test.each([
    ['sessions', 'revoke'],
    ['clients', 'revoke'],
    ['users', 'erase'],
  ])('%s %s changes nothing without a terminal and without --yes', async (group, verb) => {
    const { id, grant, user } = await sessionOf('alan@example.com');
    const target = { sessions: id, clients: grant, users: user }[group]!;
    const { code, out, errors } = await holdfast(group, verb, target);
    expect([code, out, errors]).toEqual([2, '', expect.stringContaining('pass --yes to skip it')]);
    expect((await alan.call('whoami')).isError).toBe(false);
  });

  test('sessions revoke rejects the session at its next request and keeps the grant', async () => {
    const { id } = await sessionOf('alan@example.com');
    expect(await answer('sessions', 'revoke', id, '--yes')).toEqual({ revoked: 1 });
    await expect(alan.call('whoami')).rejects.toThrow(/404|not found/i);
    expect((await sessionOf('alan@example.com')).ended).toBe('revoked');
    const { code, out } = await holdfast('sessions', 'revoke', id, '--yes');
    expect([code, out]).toEqual([0, expect.stringContaining('Nothing revoked')]);
    await alan.close();
    alan = await connectFirst(emulator.mcpUrl, 'alan', alan.memory);
    expect((await alan.call('whoami')).isError).toBe(false);
  });

  test('clients list shows the grants, and clients revoke ends one', async () => {
    const ofClients = ({ items }: ResultPage<GrantRow>) => items.filter(({ isToken }) => !isToken);
    const items = ofClients(await answer('clients', 'list', '--user', 'alan@example.com'));
    expect(items).toMatchObject([
      { clientName: 'Assistant under test', status: 'active', userName: 'alan@example.com' },
    ]);
    const { out } = await holdfast('clients', 'revoke', items[0]!.id, '--yes', '--json');
    expect(JSON.parse(out)).toEqual({ revoked: 1 });
    alan.memory.saveTokens({ ...alan.memory.tokens()!, refresh_token: undefined } as never);
    await expect(alan.call('whoami')).rejects.toThrow();
    const after = ofClients(await answer('clients', 'list', '--status', 'revoked'));
    expect(after.map(({ id }) => id)).toEqual([items[0]!.id]);
    expect((await ada.call('whoami')).isError).toBe(false);
  });

  test('clients revoke ends all grants of a client or of a user', async () => {
    const [{ client }] = (await answer<ResultPage<GrantRow>>('clients', 'list', '--user', 'ada@example.com')).items as [
      GrantRow,
    ];
    expect(await answer('clients', 'revoke', '--client', client, '--yes')).toEqual({ revoked: 1 });
    await expect(ada.call('whoami')).rejects.toThrow();
    await ada.close();
    ada = await connectModern(emulator.mcpUrl, 'ada');
    await ada.call('whoami');
    const { code, out } = await holdfast('clients', 'revoke', '--user', 'ada@example.com', '--yes');
    expect([code, out]).toEqual([0, '1 grant revoked: rejected from the next request on.\n']);
    const dashboard = await DashboardClient.signIn(new URL(emulator.mcpUrl).origin, 'ada');
    expect(await answer('clients', 'revoke', '--user', 'ada@example.com', '--yes')).toEqual({
      revoked: 0,
      dashboardSessions: 1,
    });
    expect((await dashboard.request('me')).status).toBe(401);
    expect(await answer('clients', 'revoke', '--user', 'ada@example.com', '--yes')).toEqual({ revoked: 0 });
  });

  test('users erase deletes all data of one user and none of the others', async () => {
    const key = await keyOf('ada@example.com');
    const { code, out, errors } = await holdfast('users', 'erase', 'ada@example.com', '--yes', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ user: key, items: expect.any(Number) });
    expect(JSON.parse(out).items).toBeGreaterThan(10);
    expect(errors).toMatch(/^Deleted \d+ items of user .*\n.*35 days/);
    expect(await answer('sessions', 'list', '--user', key)).toEqual({ items: [] });
    expect(await answer('clients', 'list', '--user', key)).toEqual({ items: [] });
    expect((await answer<ResultPage<UserRow>>('users', 'list')).items.map(({ userName }) => userName)).toEqual([
      'alan@example.com',
    ]);
    expect((await answer<ResultPage<CallRow>>('calls', 'list', '--all')).items.every(({ user }) => user !== key)).toBe(
      true,
    );
    const shown = await answer<ResultPage<SessionRow>>('sessions', 'list');
    expect(shown.items.every(({ userName }) => userName === 'alan@example.com')).toBe(true);
    const again = await holdfast('users', 'erase', key, '--yes');
    expect([again.code, again.errors]).toEqual([1, `No data of user ${key}.\n`]);
  });
});

test('a reader that closes the pipe early causes no error', () => {
  const command = `"${process.execPath}" bin/cli.ts calls export --format jsonl --local | true; exit "\${PIPESTATUS[0]}"`;
  const { status, stderr } = spawnSync('bash', ['-c', command], {
    cwd: projectRoot,
    env: { ...inherited(), ...localEnvironment() },
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
});

test('holdfast doctor checks the emulator and prints JSON', async () => {
  const { code, out } = await runCli(['doctor', emulator.mcpUrl, '--json'], {});
  const { url, ok, findings } = JSON.parse(out);
  expect([url, findings.length > 10]).toEqual([emulator.mcpUrl, true]);
  expect(code).toBe(ok ? 0 : 1);
  expect((await runCli(['doctor', 'nowhere'], {})).code).toBe(2);
});

test('npx runs it with any Node.js, and its help has examples', async () => {
  // npx puts the Node.js of the project, which runs TypeScript, first on the path.
  expect(spawnSync('npx', ['holdfast', '--help'], { cwd: projectRoot, encoding: 'utf8' })).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringMatching(/Commands:[\s\S]*\$ npx holdfast /),
  });
  for (const command of [
    'sessions list',
    'sessions show',
    'sessions watch',
    'sessions revoke',
    'calls list',
    'calls export',
  ]) {
    const { code, out } = await runCli([...command.split(' '), '--help'], {});
    expect([command, code, out]).toEqual([command, 0, expect.stringContaining(`$ npx holdfast ${command}`)]);
  }
});
