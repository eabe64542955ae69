import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { createClient } from '@redis/client';
import pg from 'pg';
import { approveAndSignIn } from '../../bench/harness/form-browser.ts';
import { SignInMemory } from '../../bench/harness/mcp-clients.ts';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { demoUsers, subjectOf } from '../../local/cognito/demo-users.ts';
import { freePort } from '../../local/free-port.ts';
import { type Database, missing, startPostgres, startRedis } from '../support/databases.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** People come with sessions that another server has kept, and their clients go on as if nothing had happened. */

jest.setTimeout(60_000);

const subjectOfUser = (username: string) => subjectOf(demoUsers.find((user) => user.username === username)!);

let desk: TestCloud;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-import-'));

beforeAll(async () => {
  desk = await TestCloud.start();
});
afterAll(async () => {
  await desk?.stop();
  rmSync(folder, { recursive: true });
});

type Outcome = { code: number | null; out: string; errors: string };

/** Runs the script as its owner does, beside the cloud. */
async function run(options: string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, ['cli/commands/import.ts', ...options], {
    cwd: projectRoot,
    env: { PATH: process.env.PATH!, HOME: process.env.HOME!, HOLDFAST_DATA: desk.folder, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: child.exitCode, out, errors };
}

async function importing(options: string[], environment?: Record<string, string>) {
  const { code, out, errors } = await run([...options, '--local', '--json'], environment);
  if (errors !== '') throw new Error(errors);
  return { code, tally: JSON.parse(out) };
}

/** A client that knows a session id of old, and calls a tool without `initialize`. */
async function goOnAs(
  username: string,
  sessionId: string,
): Promise<{ said: Record<string, unknown>; sessionId?: string }> {
  const memory = new SignInMemory();
  const connect = async () => {
    const transport = new StreamableHTTPClientTransport(new URL(desk.mcpUrl), { authProvider: memory, sessionId });
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
  return { said: JSON.parse((content as { text: string }[])[0]!.text), sessionId: transport.sessionId };
}

const startedAt = new Date(Date.now() - 3_600_000);
startedAt.setMilliseconds(0);
const hourAhead = () => new Date(Date.now() + 3_600_000).toISOString();

/** What the tools of the new server know of an old session of ada's. */
const asBefore = (session: string) => ({
  session,
  startedAt: startedAt.toISOString(),
  client: { name: 'claude-ai', version: '0.1.0' },
  capabilities: { elicitation: { form: {} } },
  cart: [{ sku: 'tea', count: 2 }],
  theme: 'dark',
  fields: ['cart', 'theme'],
});

/** The same for every store: what the script has counted, and what clients then meet. */
function goesOn(id: string, source: () => { options: string[]; environment: Record<string, string> }) {
  test('what would be imported can be seen beforehand, and nothing happens', async () => {
    const { options, environment } = source();
    const { code, tally } = await importing([...options, '--dry-run'], environment);
    expect(code).toBe(2);
    expect(tally).toMatchObject({ dryRun: true, read: 5, imported: 2, alreadyThere: 0 });
    const { tally: again } = await importing([...options, '--dry-run'], environment);
    expect(again).toEqual(tally);
  });

  test('the live sessions that have a user are imported, once', async () => {
    const { options, environment } = source();
    const { code, tally } = await importing(options, environment);
    expect(code).toBe(2);
    expect(tally).toMatchObject({ read: 5, imported: 2, alreadyThere: 0, expired: 1, withoutUser: 1, malformed: 1 });
    expect(tally.fields).toEqual({ imported: 3, leftOut: 1 });
    expect(tally.examples.leftOut).toEqual(['access_token: named like a credential']);
    const { tally: second } = await importing(options, environment);
    expect(second).toMatchObject({ read: 5, imported: 0, alreadyThere: 2, fields: { imported: 0, leftOut: 0 } });
  });

  test('another user who comes with the id gets nothing of it', async () => {
    const { said, sessionId } = await goOnAs('alan', id);
    expect(sessionId).not.toBe(id);
    expect(said).toMatchObject({ session: sessionId, client: { name: 'unknown' } });
    expect(said).not.toHaveProperty('cart');
    expect(said).not.toHaveProperty('fields');
  });

  test('its own user goes on with it without initialize, and tools know client and data', async () => {
    const { said, sessionId } = await goOnAs('ada', id);
    expect(sessionId ?? id).toBe(id);
    expect(said).toEqual(asBefore(id));
  });

  test('a session that has been taken up is not imported again', async () => {
    const { options, environment } = source();
    expect((await importing(options, environment)).tally).toMatchObject({ imported: 0, alreadyThere: 2 });
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
    await client.lPush('mcp:session:redis-events', 'no session');
    // As express-session and its relatives have it.
    await client.set('mcp:session:redis-json', JSON.stringify({ ...session, theme: 'light' }), { EX: 3600 });
    await client.set('another:key', 'of somebody else');
    client.destroy();
  });
  afterAll(() => redis?.stop());

  goesOn('redis-ada', () => ({ options: ['--redis', redis.url], environment: { REDISCLI_AUTH: redis.password } }));

  test('is not reached without the password, and the script says so', async () => {
    const { code, out, errors } = await run(['--redis', redis.url, '--local']);
    expect([code, out]).toEqual([1, '']);
    expect(errors).toMatch(/^Stopped after 0 sessions, 0 of them imported: Redis: NOAUTH /);
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

  goesOn('postgres-ada', () => ({
    options: ['--postgres', postgres.url],
    environment: { PGPASSWORD: postgres.password, TZ: 'Asia/Tokyo' },
  }));

  test('is not reached without the password, or in a table that is not there, and the script says so', async () => {
    const without = await run(['--postgres', postgres.url, '--local']);
    expect([without.code, without.out]).toEqual([1, '']);
    expect(without.errors).toMatch(/PostgreSQL: .*password/);
    const options = ['--postgres', postgres.url, '--from-table', 'public.no"such', '--local'];
    const wrong = await run(options, { PGPASSWORD: postgres.password });
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

  test('goes on for its user', async () => {
    const { code, tally } = await importing(['--file', write(session('file-1'), '', session('file-2'))]);
    expect([code, tally.imported]).toEqual([0, 2]);
    const { said } = await goOnAs('grace', 'file-1');
    expect(said).toMatchObject({ session: 'file-1', client: { name: 'codex' }, cart: 'full', fields: ['cart'] });
  });

  test('may have other names for everything, and only the data that is asked for is taken', async () => {
    const file = write({
      key: 'file-3',
      auth: { sub: subjectOfUser('grace'), jwt: 'x' },
      handshake: session('').initialize,
      bag: '{"cart":"half full","theme":"dark","api_key":"x"}',
    });
    const map = ['id=key', 'initialize=handshake', 'data=bag'].flatMap((pair) => ['--map', pair]);
    const { tally } = await importing(['--file', file, '--user-field', 'auth.sub', ...map, '--data-fields', 'cart']);
    expect(tally).toMatchObject({ imported: 1, fields: { imported: 1, leftOut: 0 } });
    const { said } = await goOnAs('grace', 'file-3');
    expect(said).toMatchObject({ session: 'file-3', client: { name: 'codex' }, cart: 'half full', fields: ['cart'] });
    expect(said).not.toHaveProperty('theme');
  });

  test('that is malformed is counted and named, without a word of what is in it', async () => {
    const secret = 'nobody-may-read-this';
    const odd = [
      `{"id": "${secret}", `,
      { ...session('file-4'), id: `not ${secret}` },
      { ...session('file-5'), expiresAt: secret },
      { ...session('file-6'), data: { ['x'.repeat(200)]: secret, [secret.toUpperCase()]: 'x'.repeat(70_000) } },
    ];
    const { code, out, errors } = await run(['--file', write(...odd), '--local']);
    expect([code, errors]).toEqual([2, '']);
    expect(out).not.toContain(secret);
    expect(out).toMatch(/sessions read +4\n +imported +1\n.*\n.*\n.*\n +malformed +3\n/);
    expect(out).toContain('line 1: it is no JSON object');
    expect(out).toContain('line 2: its id is none that a header can carry');
    expect(out).toContain('line 3: expiresAt is no time');
    expect(out).toMatch(/left out +2\n/);
  });

  test.each([
    [['--local'], /one of --redis, --postgres and --file/],
    [['--file', 'x', '--redis', 'redis://y', '--local'], /one of --redis, --postgres and --file/],
    [['--file', 'x'], /--table NAME of a deployment, or --local/],
    [['--file', 'x', '--table', 'T', '--local'], /--table NAME of a deployment, or --local/],
    [['--file', 'x', '--table', 'T'], /--issuer URL/],
    [['--file', 'x', '--local', '--issuer', 'example'], /--issuer is "example"/],
    [['--file', 'x', '--local', '--map', 'owner=x'], /--map owner=x: write PART=NAME/],
    [['--file', 'x', '--local', '--ttl-hours', '0'], /--ttl-hours is "0"/],
    [['--file', 'no-such-file', '--local'], /no-such-file: ENOENT/],
    [['--files', 'x'], /--files[\s\S]*From one of/],
  ])('is not imported with %j, and the script says what to do', async (options, says) => {
    const { code, out, errors } = await run(options);
    expect([code, out, errors]).toEqual([1, '', expect.stringMatching(says)]);
    expect(errors).not.toMatch(/^ +at /m);
  });

  test('is not imported into a cloud that does not run, or a table that does not answer', async () => {
    const file = write(session('file-7'));
    const elsewhere = await run(['--file', file, '--local'], { HOLDFAST_DATA: folder });
    expect([elsewhere.code, elsewhere.errors]).toEqual([1, expect.stringContaining('Start one with npm start')]);
    const away = await run(['--file', file, '--table', 'T', '--issuer', 'https://idp.example'], {
      AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${await freePort()}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
    });
    expect([away.code, away.errors]).toEqual([1, expect.stringMatching(/^The table T: /)]);
  });
});
