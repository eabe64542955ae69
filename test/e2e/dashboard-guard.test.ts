import { type Assistant, assistants } from '../../bench/harness/mcp-clients.ts';
import type {
  CallRow,
  GrantRow,
  Overview,
  ResultPage,
  SessionDetail,
  SessionRow,
} from '../../lambda/core/dashboard/dashboard-api.ts';
import { keyPrefix } from '../../lambda/shared/table-keys.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { json, rawRequest } from '../support/wire-checks.ts';

/** The authorization of the dashboard function: what each user can read, revoke and erase, for any request. */

jest.setTimeout(120_000);

const hour = 3_600_000;
const lastHour = () => ({ from: Date.now() - hour, to: Date.now() + hour });

let target: TestCloud;
let ada: DashboardClient;
let alan: DashboardClient;
let grace: DashboardClient;
let adas: Assistant;
let alans: Assistant;
let adasGrant: GrantRow;
let adasSession: SessionRow;
let adasCall: CallRow;

const [[, modern], [, legacy]] = assistants as [(typeof assistants)[0], (typeof assistants)[0]];
const items = async <T>(client: DashboardClient, path: string, query = {}) =>
  (await client.get<ResultPage<T>>(path, query)).items;

beforeAll(async () => {
  target = await TestCloud.start();
  adas = await modern(`${target.origin}/mcp`, 'ada');
  alans = await legacy(`${target.origin}/mcp`, 'alan');
  await adas.call('whoami');
  await alans.call('whoami');
  ada = await DashboardClient.signIn(target.origin, 'ada');
  alan = await DashboardClient.signIn(target.origin, 'alan');
  grace = await DashboardClient.signIn(target.origin, 'grace');
  [adasGrant] = (await items<GrantRow>(ada, 'grants')) as [GrantRow];
  [adasSession] = (await items<SessionRow>(ada, 'sessions')) as [SessionRow];
  [adasCall] = (await items<CallRow>(ada, 'calls', lastHour())) as [CallRow];
});
afterAll(() => target?.stop());

describe('a user', () => {
  test('has the identity of the sign-in, and a CSRF token that differs from others', () => {
    expect(ada.me).toMatchObject({ isAdmin: false, retentionDays: 30 });
    expect(alan.me.user).not.toBe(ada.me.user);
    expect(alan.me.csrf).not.toBe(ada.me.csrf);
    expect(grace.me.isAdmin).toBe(true);
  });

  test('is signed in for an hour', async () => {
    const [stored] = (await target.items(`${keyPrefix.user}${ada.me.user}`)).filter((item) => 'lastSignInAt' in item);
    const seconds = ada.me.expiresAt / 1000 - Number(stored!.lastSignInAt);
    // The sign-in is stored after the end of the session is determined.
    expect(seconds).toBeLessThanOrEqual(3600);
    expect(seconds).toBeGreaterThan(3500);
  });

  test.each(['calls', 'sessions', 'grants'])('sees only their own %s, for any user parameter', async (path) => {
    for (const user of [undefined, alan.me.user, grace.me.user, 'nobody']) {
      const seen = await items<{ user: string }>(ada, path, { ...lastHour(), user });
      expect(seen.length).toBeGreaterThan(0);
      expect(new Set(seen.map((each) => each.user))).toEqual(new Set([ada.me.user]));
    }
  });

  test('has charts of only their own calls, for any user parameter', async () => {
    for (const user of [undefined, alan.me.user]) {
      const { totals } = await ada.get<Overview>('overview', { ...lastHour(), user });
      expect(totals).toMatchObject({ calls: 1, users: 1, sessions: 1 });
    }
    expect((await grace.get<Overview>('overview', lastHour())).totals).toMatchObject({ calls: 2, users: 2 });
  });

  test('receives the same 404 for ids of others and unknown ids', async () => {
    const callId = `${adasCall.session}~${String(adasCall.at).padStart(15, '0')}#${adasCall.id}`;
    const ids = [adasSession.id, adasGrant.id, ada.me.user, callId, 'unknown'];
    for (const id of ids) {
      expect(await statusAndCode(await alan.request(`find?id=${encodeURIComponent(id)}`))).toEqual([404, 'not_found']);
      expect(await statusAndCode(await alan.request(`sessions/${encodeURIComponent(id)}`))).toEqual([404, 'not_found']);
      for (const path of [`grants/${encodeURIComponent(id)}/revoke`, `sessions/${encodeURIComponent(id)}/revoke`]) {
        expect(await statusAndCode(await alan.post(path))).toEqual([404, 'not_found']);
      }
    }
    expect((await adas.call('whoami')).isError).toBe(false);
  });

  test('finds their own ids, and an admin finds those of everyone', async () => {
    const callId = `${adasCall.session}~${String(adasCall.at).padStart(15, '0')}#${adasCall.id}`;
    for (const client of [ada, grace]) {
      expect(await client.get('find', { id: adasSession.id })).toEqual({ kind: 'session', session: adasSession.id });
      expect(await client.get('find', { id: adasGrant.id })).toMatchObject({ kind: 'grant', user: ada.me.user });
      expect(await client.get('find', { id: ada.me.user })).toEqual({ kind: 'user', user: ada.me.user });
      expect(await client.get('find', { id: callId })).toMatchObject({ kind: 'call', session: adasCall.session });
      const detail = await client.get<SessionDetail>(`sessions/${adasSession.id}`);
      expect(detail.session).toMatchObject({ id: adasSession.id, user: ada.me.user, era: 'modern' });
    }
  });

  test('can revoke and erase only their own data, for any user in the body', async () => {
    const before = await items<GrantRow>(ada, 'grants');
    const user = ada.me.user;
    const other = await legacy(`${target.origin}/mcp`, 'alan');
    await other.call('whoami');
    expect(await json(await alan.post('revoke-all', { user }))).toEqual({ revoked: 2 });
    expect(await json(await alan.post('erase', { user }))).toMatchObject({ done: true });
    expect(await items<GrantRow>(ada, 'grants')).toEqual(before);
    expect((await adas.call('whoami')).isError).toBe(false);
    alan = await DashboardClient.signIn(target.origin, 'alan');
    expect(await items<GrantRow>(alan, 'grants')).toEqual([]);
  });

  test('has charts of at most the retention period, for any requested period', async () => {
    const { bars, totals } = await ada.get<Overview>('overview', { from: 0, to: 8_640_000_000_000 });
    expect(bars.length).toBeLessThanOrEqual(402);
    expect(totals.calls).toBeGreaterThan(0);
    const { bars: none } = await ada.get<Overview>('overview', { from: 0, to: 5 });
    expect(none).toEqual([]);
  });

  test('cannot list users, and an admin can', async () => {
    expect(await statusAndCode(await ada.request('users'))).toEqual([403, 'forbidden']);
    expect((await items<{ user: string }>(grace, 'users')).map(({ user }) => user)).toContain(ada.me.user);
  });
});

describe('a request is rejected', () => {
  const paths = ['me', 'overview', 'calls', 'sessions', 'sessions/x', 'grants', 'users', 'find', 'nothing'];

  test.each(paths)('to %s without a session cookie, or with an invalid one', async (path) => {
    for (const cookie of ['', 'dashboard=', 'dashboard=guess', `${ada.cookie}x`, ada.cookie.toUpperCase()]) {
      const answer = await fetch(`${target.origin}/dashboard/api/${path}`, { headers: { cookie } });
      expect(await statusAndCode(answer)).toEqual([401, 'signed_out']);
    }
  });

  test('with two session cookies, of which an attacker may have set one', async () => {
    const secret = /dashboard=[^;]+/.exec(ada.cookie)![0];
    const { status } = await rawRequest(`${target.origin}/dashboard/api/me`, {
      headers: [['Cookie', `dashboard=planted; ${secret}`]],
    });
    expect(status).toBe(401);
  });

  test('after the dashboard session has expired, and after signing out', async () => {
    const client = await DashboardClient.signIn(target.origin, 'ada');
    const [session] = (await target.items(keyPrefix.dashboardSessions))
      .filter(({ user }) => user === ada.me.user)
      .slice(-1);
    for (const item of await target.items(keyPrefix.dashboardSessions)) {
      if (item.user === ada.me.user) await target.put({ ...item, expiresAt: Math.floor(Date.now() / 1000) });
    }
    expect(await statusAndCode(await client.request('me'))).toEqual([401, 'signed_out']);
    await target.put({ ...session!, expiresAt: Math.floor(Date.now() / 1000) + 60 });
    ada = await DashboardClient.signIn(target.origin, 'ada');
    const leaving = await DashboardClient.signIn(target.origin, 'ada');
    const response = await leaving.post('sign-out');
    expect([response.status, response.headers.getSetCookie()]).toEqual([
      200,
      [
        'dashboard=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
        'account=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
      ],
    ]);
    expect(await statusAndCode(await leaving.request('me'))).toEqual([401, 'signed_out']);
    expect((await ada.request('me')).status).toBe(200);
  });

  const foreign: [string, Record<string, string | undefined>][] = [
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another port', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
    ['no origin', { origin: undefined }],
    ['an opaque origin', { origin: 'null' }],
    ['a direct navigation', { 'sec-fetch-site': 'none' }],
    ['a page without the CSRF token', { 'x-csrf-token': undefined }],
    ['a page with another CSRF token', { 'x-csrf-token': 'A'.repeat(43) }],
  ];
  test.each(foreign)('that changes data and comes from %s', async (_name, headers) => {
    const changes = [`grants/${adasGrant.id}/revoke`, `sessions/${adasSession.id}/revoke`];
    for (const path of [...changes, 'revoke-all', 'erase', 'sign-out']) {
      expect(await statusAndCode(await ada.post(path, {}, headers))).toEqual([403, 'forbidden']);
    }
    expect((await adas.call('whoami')).isError).toBe(false);
    expect((await ada.request('me')).status).toBe(200);
  });

  test('with the CSRF token of another session of the same user', async () => {
    const other = await DashboardClient.signIn(target.origin, 'ada');
    const answer = await ada.post('revoke-all', {}, { 'x-csrf-token': other.me.csrf });
    expect(await statusAndCode(answer)).toEqual([403, 'forbidden']);
  });

  test('that changes data with GET', async () => {
    for (const path of [`grants/${adasGrant.id}/revoke`, 'revoke-all', 'erase']) {
      expect(await statusAndCode(await ada.request(path))).toEqual([405, 'method_not_allowed']);
    }
    expect((await ada.request('sign-out')).status).toBe(404);
  });

  const malformed: [string, string][] = [
    ['calls', 'calls'],
    ['from is not a number', 'calls?from=x&to=5'],
    ['from is after to', 'calls?from=9&to=5'],
    ['a time out of range', 'overview?from=0&to=99999999999999999'],
    ['an unknown outcome', 'calls?from=1&to=2&outcome=great'],
    ['a limit that is too large', 'calls?from=1&to=2&limit=100000'],
    ['a repeated parameter', 'calls?from=1&to=2&user=a&user=b'],
    ['an id that is too long', `find?id=${'x'.repeat(600)}`],
    ['a missing id', 'find'],
    ['a path that is not valid UTF-8', 'sessions/%ff'],
  ];
  test.each(malformed)('as malformed: %s', async (_name, path) => {
    expect(await statusAndCode(await grace.request(path))).toEqual([400, 'invalid_request']);
  });

  test.each([
    ['not JSON', 'revoke'],
    ['of another shape', '{"user":5}'],
    ['too large', JSON.stringify({ user: 'x'.repeat(5000) })],
  ])('whose body is %s', async (_name, body) => {
    expect(await statusAndCode(await ada.post('revoke-all', body))).toEqual([400, 'invalid_request']);
  });

  test('with an invalid cursor, or answered without items of others', async () => {
    for (const after of ['x', '~', 'S#', 'G#', '\uffff', '99999999999999~9', '-1~x', 'NaN', `U#${alan.me.user}`]) {
      for (const path of ['calls', 'sessions', 'grants']) {
        const query = new URLSearchParams({ from: '1', to: String(Date.now()), after });
        const answer = await ada.request(`${path}?${query}`);
        expect([200, 400]).toContain(answer.status);
        const { items: seen = [] } = (await answer.json()) as { items?: { user: string }[] };
        for (const { user } of seen) expect(user).toBe(ada.me.user);
      }
    }
  });
});

describe('the dashboard sign-in', () => {
  test('redirects to a view of the dashboard, and to no other URL', async () => {
    const browser = new Browser();
    const page = await browser.open(
      `${target.origin}/dashboard/sign-in?to=${encodeURIComponent('/dashboard?view=calls')}`,
    );
    const { url } = await browser.submit(page, { username: 'ada', password: 'ada' });
    expect(url).toBe(`${target.origin}/dashboard?view=calls`);
    const elsewhere = [
      'https://evil.example/dashboard',
      '//evil.example/dashboard',
      '/authorize',
      '/dashboard/sign-in',
      'x',
    ];
    for (const to of [...elsewhere, '/dashboard/../callback', `/dashboard?${'x'.repeat(3000)}`]) {
      const rejected = await new Browser().open(`${target.origin}/dashboard/sign-in?to=${encodeURIComponent(to)}`);
      expect([to.slice(0, 40), rejected.status]).toEqual([to.slice(0, 40), 400]);
    }
  });

  test('is bound to the browser that started it, and a stolen callback ends it', async () => {
    const victim = new Browser();
    const attacker = new Browser();
    const page = await attacker.open(`${target.origin}/dashboard/sign-in`);
    const callback = `${target.origin}/callback`;
    const { url } = await attacker.submit(page, { username: 'alan', password: 'alan' }, callback);
    const answer = await victim.open(url);
    expect([answer.status, victim.cookieHeader(target.origin)]).toEqual([403, '']);
    expect((await attacker.open(url)).status).toBe(400);
    expect(attacker.cookieHeader(target.origin)).not.toMatch(/dashboard=/);
  });

  test('sets an HttpOnly, SameSite cookie whose value is neither stored nor logged', async () => {
    const browser = new Browser();
    const page = await browser.open(`${target.origin}/dashboard/sign-in`);
    const callback = `${target.origin}/callback`;
    const { url } = await browser.submit(page, { username: 'ada', password: 'ada' }, callback);
    const answer = await fetch(url, { headers: { cookie: browser.cookieHeader(target.origin) }, redirect: 'manual' });
    const cookie = answer.headers.getSetCookie().find((each) => each.startsWith('dashboard='))!;
    expect(cookie).toMatch(/^dashboard=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=3600$/);
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    const secret = /=([\w-]{43})/.exec(cookie)![1]!;
    expect(JSON.stringify(await target.items())).not.toContain(secret);
    expect(target.log).not.toContain(secret);
  });

  test('creates no grant, and its cookie is not an access token', async () => {
    const before = (await target.items(keyPrefix.grant)).length;
    const client = await DashboardClient.signIn(target.origin, 'ada');
    expect(await target.items(keyPrefix.grant)).toHaveLength(before);
    const secret = /dashboard=([^;]+)/.exec(client.cookie)![1]!;
    const answer = await fetch(`${target.origin}/mcp`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(answer.status).toBe(401);
  });
});

describe('the dashboard page', () => {
  test('has a strict Content Security Policy, cannot be framed, and contains no data', async () => {
    const answer = await fetch(`${target.origin}/dashboard`);
    expect(answer.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self'",
    );
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    const html = await answer.text();
    expect(html).not.toMatch(/<script(?![^>]*\ssrc="\/dashboard\/)|\sstyle=|\son\w+=/);
    for (const [path] of html.matchAll(/\/dashboard\/main-[^"]+/g)) {
      const file = await fetch(`${target.origin}${path}`);
      expect([file.status, file.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    }
    expect((await fetch(`${target.origin}/dashboard/main.js`)).status).toBe(404);
  });

  test('does not permit requests of other origins (CORS)', async () => {
    const preflight = await fetch(`${target.origin}/dashboard/api/me`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    const answer = await fetch(`${target.origin}/dashboard/api/me`, {
      headers: { origin: 'https://evil.example', cookie: ada.cookie },
    });
    for (const { headers } of [preflight, answer]) expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

test('an outage of the table answers 503, and keeps the dashboard session', async () => {
  await target.without('dynamodb', async () => {
    const answer = await ada.request('me');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
    expect((await ada.post('revoke-all')).status).toBe(503);
  });
  expect((await adas.call('whoami')).isError).toBe(false);
  expect((await ada.request('me')).status).toBe(200);
});

describe('a revocation', () => {
  test('of a session applies to its next request, and keeps the grant', async () => {
    const assistant = await legacy(`${target.origin}/mcp`, 'ada');
    await assistant.call('whoami');
    const session = assistant.sessionId()!;
    expect(await json(await ada.post(`sessions/${session}/revoke`))).toEqual({ revoked: 1 });
    expect(await json(await ada.post(`sessions/${session}/revoke`))).toEqual({ revoked: 0 });
    await expect(assistant.call('whoami')).rejects.toThrow();
    expect((await ada.get<SessionDetail>(`sessions/${session}`)).session.ended).toBe('revoked');
  });

  test('of a grant by its user applies to the next request', async () => {
    expect(await json(await ada.post(`grants/${adasGrant.id}/revoke`))).toEqual({ revoked: 1 });
    await expect(adas.call('whoami')).rejects.toThrow();
    expect((await ada.get<SessionDetail>(`sessions/${adasSession.id}`)).session.ended).toBe('revoked');
    const grants = await items<GrantRow>(ada, 'grants');
    expect(grants.find(({ id }) => id === adasGrant.id)).toMatchObject({
      status: 'revoked',
      revokedAt: expect.any(Number),
    });
    await target.runSchedules();
    expect(await target.items(`${keyPrefix.upstreamTokens}${adasGrant.id}`)).toEqual([]);
  });

  test('of all grants by an admin ends those of the user, and logs the admin and the address of the client', async () => {
    const assistant = await legacy(`${target.origin}/mcp`, 'ada');
    const forged = { 'x-forwarded-for': '203.0.113.9' };
    expect(await json(await grace.post('revoke-all', { user: ada.me.user }, forged))).toEqual({ revoked: 2 });
    await expect(assistant.call('whoami')).rejects.toThrow();
    expect(target.log).toContain(`"user":"${ada.me.user}","count":2,"by":"${grace.me.user}"`);
    expect(target.log).toMatch(/"event":"grants_revoked","requestId":"[^"]+","viewer":"127\.0\.0\.1"/);
  });
});

describe('CloudFront', () => {
  const brotli = { 'accept-encoding': 'gzip, br' };
  const encodingOf = ({ headers }: Response) => headers.get('content-encoding');

  test('compresses the page’s script and style to less than 110 KB', async () => {
    const page = await (await fetch(`${target.origin}/dashboard`)).text();
    const paths = Array.from(page.matchAll(/(?:src|href)="(\/dashboard\/[^"]+)"/g), ([, path]) => path!);
    expect(paths.length).toBe(2);
    let bytes = 0;
    for (const path of paths) {
      const file = await fetch(target.origin + path, { headers: brotli });
      expect([file.status, encodingOf(file)]).toEqual([200, 'br']);
      bytes += Number(file.headers.get('content-length'));
      expect((await file.text()).length).toBeGreaterThan(5000);
    }
    expect(bytes).toBeLessThan(110 * 1024);
  });

  test('compresses the data of the page, and caches none', async () => {
    const path = `overview?${new URLSearchParams(Object.entries(lastHour()).map(([name, at]) => [name, String(at)]))}`;
    for (let i = 0; i < 2; i++) {
      const answer = await grace.request(path, { headers: brotli });
      expect([encodingOf(answer), answer.headers.get('x-cache')]).toEqual(['br', 'Miss from cloudfront']);
      expect(await answer.json()).toHaveProperty('totals');
    }
  });
});

/** The status and the error code of a response. */
async function statusAndCode(answer: Response): Promise<[number, unknown]> {
  const body = (await answer.json()) as { error?: { code?: string } };
  return [answer.status, body.error?.code];
}
