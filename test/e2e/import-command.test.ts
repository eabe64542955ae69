import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { createClient } from '@redis/client';
import pg from 'pg';
import { SignInMemory } from '../../bench/harness/mcp-clients.ts';
import { demoUsers, subjectOf } from '../../local/cognito/demo-users.ts';
import { freePort } from '../../local/free-port.ts';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { type CliResult, runCli } from '../support/cli-process.ts';
import { type Database, missing, startPostgres, startRedis } from '../support/databases.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** Users return with sessions of another server, and their clients continue them. */

jest.setTimeout(60_000);

const subjectOfUser = (username: string) => subjectOf(demoUsers.find((user) => user.username === username)!);

let emulator: TestCloud;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-import-'));

beforeAll(async () => {
  emulator = await TestCloud.start();
});
afterAll(async () => {
  await emulator?.stop();
  rmSync(folder, { recursive: true });
});

const runImport = (options: string[], environment: Record<string, string> = {}): Promise<CliResult> =>
  runCli(['import', ...options], { HOLDFAST_DATA: emulator.folder, ...environment });

async function importLocally(options: string[], environment?: Record<string, string>) {
  const { code, out, errors } = await runImport([...options, '--local', '--json'], environment);
  if (errors !== '') throw new Error(errors);
  return { code, tally: JSON.parse(out) };
}

/** Signs in and calls a tool with an imported session id, without `initialize`. */
async function resumeAs(
  username: string,
  sessionId: string,
): Promise<{ answer: Record<string, unknown>; sessionId?: string }> {
  const memory = new SignInMemory();
  const connect = async () => {
    const transport = new StreamableHTTPClientTransport(new URL(emulator.mcpUrl), { authProvider: memory, sessionId });
    const client = new Client({ name: 'the-same-client', version: '1' });
    await client.connect(transport);
    return { client, transport };
  };
  const first = await connect();
  await expect(first.client.callTool({ name: 'imported_session' })).rejects.toBeInstanceOf(UnauthorizedError);
  const back = await approveAndSignIn(memory.authorizationUrl!.href, username);
  await first.transport.finishAuth(back.searchParams.get('code')!);
  const { client, transport } = await connect();
  const { content } = await client.callTool({ name: 'imported_session' });
  await client.close();
  return { answer: JSON.parse((content as { text: string }[])[0]!.text), sessionId: transport.sessionId };
}

const startedAt = new Date(Date.now() - 3_600_000);
startedAt.setMilliseconds(0);
const hourAhead = () => new Date(Date.now() + 3_600_000).toISOString();

/** The answer of the tool for an imported session of ada. */
const importedAnswer = (session: string) => ({
  session,
  startedAt: startedAt.toISOString(),
  client: { name: 'claude-ai', version: '0.1.0' },
  capabilities: { elicitation: { form: {} } },
  cart: [{ sku: 'tea', count: 2 }],
  theme: 'dark',
  fields: ['cart', 'theme'],
});

/** The tests that are the same for every store. */
function testImport(id: string, source: () => { options: string[]; environment: Record<string, string> }) {
  test('--dry-run reports the result and writes nothing', async () => {
    const { options, environment } = source();
    const { code, tally } = await importLocally([...options, '--dry-run'], environment);
    expect(code).toBe(2);
    expect(tally).toMatchObject({ dryRun: true, read: 5, imported: 2, alreadyThere: 0 });
    const { tally: again } = await importLocally([...options, '--dry-run'], environment);
    expect(again).toEqual(tally);
  });

  test('imports the live sessions with a user, once', async () => {
    const { options, environment } = source();
    const { code, tally } = await importLocally(options, environment);
    expect(code).toBe(2);
    expect(tally).toMatchObject({ read: 5, imported: 2, alreadyThere: 0, expired: 1, withoutUser: 1, malformed: 1 });
    expect(tally.fields).toEqual({ imported: 3, leftOut: 1 });
    expect(tally.examples.leftOut).toEqual(['access_token: named like a credential']);
    const { tally: second } = await importLocally(options, environment);
    expect(second).toMatchObject({ read: 5, imported: 0, alreadyThere: 2, fields: { imported: 0, leftOut: 0 } });
  });

  test('starts a new session without data for another user with the id', async () => {
    const { answer, sessionId } = await resumeAs('alan', id);
    expect(sessionId).not.toBe(id);
    expect(answer).toMatchObject({ session: sessionId, client: { name: 'unknown' } });
    expect(answer).not.toHaveProperty('cart');
    expect(answer).not.toHaveProperty('fields');
  });

  test('resumes the session of its user without initialize, with client and data', async () => {
    const { answer, sessionId } = await resumeAs('ada', id);
    expect(sessionId ?? id).toBe(id);
    expect(answer).toEqual(importedAnswer(id));
  });

  test('does not import a resumed session again', async () => {
    const { options, environment } = source();
    expect((await importLocally(options, environment)).tally).toMatchObject({ imported: 0, alreadyThere: 2 });
  });
}

const withRedis = missing.redis ? describe.skip : describe;
withRedis(`a session in Redis${missing.redis ? `: ${missing.redis}` : ''}`, () => {
  let redis: Database;
  beforeAll(async () => {
    redis = await startRedis();
    const client = createClient({ url: redis.url, password: redis.password });
    await client.connect();
    const session = {
      user_id: subjectOfUser('ada'),
      client_info: '{"name":"claude-ai","version":"0.1.0"}',
      protocol_version: '2025-06-18',
      capabilities: '{"elicitation":{"form":{}}}',
      created_at: String(startedAt.getTime() / 1000),
      last_activity: String(Date.now() / 1000),
    };
    const data = { cart: '[{"sku":"tea","count":2}]', theme: 'dark', access_token: 'worth-stealing' };
    const add = async (id: string, fields: Record<string, string>, ttlSeconds = 3600) => {
      await client.hSet(`mcp:session:${id}`, fields);
      await client.expire(`mcp:session:${id}`, ttlSeconds);
    };
    await add('redis-ada', { ...session, ...data });
    const { user_id, ...anonymous } = session;
    await add('redis-nobody', anonymous);
    await client.hSet('mcp:session:redis-forgotten', { ...session, last_activity: '1700000000' });
    await client.lPush('mcp:session:redis-events', 'not a session');
    // The format of express-session.
    await client.set('mcp:session:redis-json', JSON.stringify({ ...session, theme: 'light' }), { EX: 3600 });
    await client.set('another:key', 'of another application');
    client.destroy();
  });
  afterAll(() => redis?.stop());

  testImport('redis-ada', () => ({ options: ['--redis', redis.url], environment: { REDISCLI_AUTH: redis.password } }));

  test('is not readable without the password', async () => {
    const { code, out, errors } = await runImport(['--redis', redis.url, '--local']);
    expect([code, out]).toEqual([1, '']);
    expect(errors).toMatch(/^Stopped after 0 sessions, 0 imported: Redis: NOAUTH /);
  });
});

const withPostgres = missing.postgres ? describe.skip : describe;
withPostgres(`a session in PostgreSQL${missing.postgres ? `: ${missing.postgres}` : ''}`, () => {
  let postgres: Database;
  beforeAll(async () => {
    postgres = await startPostgres();
    const url = new URL(postgres.url);
    url.password = encodeURIComponent(postgres.password);
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    await client.query(`CREATE TABLE mcp_sessions (
      session_id text PRIMARY KEY, user_id uuid, client_info jsonb, protocol_version text, capabilities jsonb,
      data jsonb, created_at timestamp, last_active_at timestamptz, expires_at timestamptz)`);
    const add = (id: string, user: string | null, info: unknown, expiresAt: Date, data: object | null) =>
      client.query('INSERT INTO mcp_sessions VALUES ($1, $2, $3, $4, $5, $6, $7, now(), $8)', [
        id,
        user,
        JSON.stringify(info),
        '2025-06-18',
        { elicitation: { form: {} } },
        data,
        startedAt.toISOString(),
        expiresAt,
      ]);
    const [claude, later] = [{ name: 'claude-ai', version: '0.1.0' }, new Date(Date.now() + 3_600_000)];
    const data = { cart: [{ sku: 'tea', count: 2 }], theme: 'dark', access_token: 'worth-stealing' };
    await add('postgres-ada', subjectOfUser('ada'), claude, later, data);
    await add('postgres-grace', subjectOfUser('grace'), claude, later, { theme: 'light' });
    await add('postgres-nobody', null, claude, later, null);
    await add('postgres-expired', subjectOfUser('ada'), claude, new Date(Date.now() - 1000), null);
    await add('postgres-odd', subjectOfUser('ada'), [1], later, null);
    await client.end();
  });
  afterAll(() => postgres?.stop());

  testImport('postgres-ada', () => ({
    options: ['--postgres', postgres.url],
    environment: { PGPASSWORD: postgres.password, TZ: 'Asia/Tokyo' },
  }));

  test('is not readable without the password or from a missing table', async () => {
    const without = await runImport(['--postgres', postgres.url, '--local']);
    expect([without.code, without.out]).toEqual([1, '']);
    expect(without.errors).toMatch(/PostgreSQL: .*password/);
    const options = ['--postgres', postgres.url, '--from-table', 'public.no"such', '--local'];
    const wrong = await runImport(options, { PGPASSWORD: postgres.password });
    expect([wrong.code, wrong.errors]).toEqual([
      1,
      expect.stringContaining('relation "public.no"such" does not exist'),
    ]);
  });
});

describe('a session in a file', () => {
  const write = (...lines: unknown[]) => {
    const file = join(folder, `sessions-${Math.random()}.jsonl`);
    writeFileSync(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
    return file;
  };
  const session = (id: string) => ({
    id,
    user: subjectOfUser('grace'),
    initialize: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'codex', version: '9' } },
    startedAt: startedAt.toISOString(),
    expiresAt: hourAhead(),
    data: { cart: 'full' },
  });

  test('is resumed by its user', async () => {
    const { code, tally } = await importLocally(['--file', write(session('file-1'), '', session('file-2'))]);
    expect([code, tally.imported]).toEqual([0, 2]);
    const { answer } = await resumeAs('grace', 'file-1');
    expect(answer).toMatchObject({ session: 'file-1', client: { name: 'codex' }, cart: 'full', fields: ['cart'] });
  });

  test('is read with mapped fields and only the requested data', async () => {
    const file = write({
      key: 'file-3',
      auth: { sub: subjectOfUser('grace'), jwt: 'x' },
      handshake: session('').initialize,
      bag: '{"cart":"half full","theme":"dark","api_key":"x"}',
    });
    const map = ['id=key', 'initialize=handshake', 'data=bag'].flatMap((pair) => ['--map', pair]);
    const { tally } = await importLocally([
      '--file',
      file,
      '--user-field',
      'auth.sub',
      ...map,
      '--data-fields',
      'cart',
    ]);
    expect(tally).toMatchObject({ imported: 1, fields: { imported: 1, leftOut: 0 } });
    const { answer } = await resumeAs('grace', 'file-3');
    expect(answer).toMatchObject({ session: 'file-3', client: { name: 'codex' }, cart: 'half full', fields: ['cart'] });
    expect(answer).not.toHaveProperty('theme');
  });

  test('is counted as malformed without printing its values', async () => {
    const secret = 'private-value';
    const malformed = [
      `{"id": "${secret}", `,
      { ...session('file-4'), id: `not ${secret}` },
      { ...session('file-5'), expiresAt: secret },
      { ...session('file-6'), data: { ['x'.repeat(200)]: secret, [secret.toUpperCase()]: 'x'.repeat(70_000) } },
    ];
    const { code, out, errors } = await runImport(['--file', write(...malformed), '--local']);
    expect([code, errors]).toEqual([2, '']);
    expect(out).not.toContain(secret);
    expect(out).toMatch(/sessions read +4\n +imported +1\n.*\n.*\n.*\n +malformed +3\n/);
    expect(out).toContain('line 1: not a JSON object');
    expect(out).toContain('line 2: the id is not valid in a header');
    expect(out).toContain('line 3: expiresAt is not a time');
    expect(out).toMatch(/omitted +2\n/);
  });

  test.each([
    [['--local'], /one of --redis, --postgres and --file/],
    [['--file', 'x', '--redis', 'redis://y', '--local'], /'--redis <url>' cannot be used with option '--file <path>'/],
    [['--file', 'x'], /^No import target; pass --table NAME of a deployment, or --local/],
    [['--file', 'x', '--table', 'T', '--local'], /'--table <name>' cannot be used with option '--local'/],
    [['--file', 'x', '--table', 'T'], /--issuer URL/],
    [['--file', 'x', '--local', '--issuer', 'example'], /'--issuer <url>' argument 'example' is invalid/],
    [
      ['--file', 'x', '--local', '--map', 'owner=x'],
      /'--map <field=name>' argument 'owner=x' is invalid. Pass FIELD=NAME/,
    ],
    [['--file', 'x', '--local', '--ttl-hours', '0'], /'--ttl-hours <n>' argument '0' is invalid/],
    [['--file', 'no-such-file', '--local'], /no-such-file: ENOENT/],
    [['--files', 'x'], /--files[\s\S]*Usage: holdfast import/],
  ])('is not imported with the options %j', async (options, message) => {
    const { code, out, errors } = await runImport(options);
    expect([code, out, errors]).toEqual([1, '', expect.stringMatching(message)]);
    expect(errors).not.toMatch(/^ +at /m);
  });

  test('is not imported without a running emulator or a table that answers', async () => {
    const file = write(session('file-7'));
    const elsewhere = await runImport(['--file', file, '--local'], { HOLDFAST_DATA: folder });
    expect([elsewhere.code, elsewhere.errors]).toEqual([1, expect.stringContaining('Start one with npm start')]);
    const away = await runImport(['--file', file, '--table', 'T', '--issuer', 'https://idp.example'], {
      AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${await freePort()}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
    });
    expect([away.code, away.errors]).toEqual([1, expect.stringMatching(/^Table T: /)]);
  });
});
