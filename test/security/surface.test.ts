import { createHash } from 'node:crypto';
import { initialize, postMcp, redirectUri, register } from '../../bench/harness/raw-oauth-client.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { grantOf, open, rawRequest, refusal } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

test('A78: a flood of registrations gets 429 and leaves the other endpoints available', async () => {
  const cloud = await TestCloud.start({ throttled: true });
  try {
    const statuses: number[] = [];
    const sendSome = async (sender: number) => {
      for (let i = 0; i < 50; i++) {
        const answer = await register(cloud.origin, { redirect_uris: [`https://c.example/${sender}/${i}`] });
        statuses.push(answer.status);
      }
    };
    await Promise.all([1, 2, 3, 4].map(sendSome));
    expect(new Set(statuses)).toEqual(new Set([201, 429]));
    const document = await fetch(`${cloud.origin}/.well-known/oauth-authorization-server`);
    expect(document.status).toBe(200);
  } finally {
    await cloud.stop();
  }
});

test('A104: responses with secrets or errors are not cacheable', async () => {
  const [browser, client] = [new Browser(), await target.client()];
  const consent = await browser.open(client.authorizationUrl(), redirectUri);
  const signIn = await browser.submit(consent, { answer: 'approve' });
  const back = await browser.submit(signIn, { username: 'ada', password: 'ada' }, redirectUri);
  const code = new URL(back.url).searchParams.get('code')!;
  const answers: [string, Headers][] = [
    ['the consent page', consent.headers],
    ['the redirect with the code', back.headers],
    ['the redirect with an error', (await open(client.authorizationUrl({ scope: 'admin' }))).headers],
    ['an error page', (await open(client.authorizationUrl({ client_id: 'dcr_unknown' }))).headers],
    ['tokens', (await client.redeem(code)).headers],
    ['a token error', (await client.redeem(code)).headers],
    ['a registration', (await register(target.origin, { redirect_uris: ['https://c.example/'] })).headers],
    ['a registration error', (await register(target.origin, '{')).headers],
    ['a revocation', (await client.revoke('x')).headers],
  ];
  for (const [what, headers] of answers) expect([what, headers.get('cache-control')]).toEqual([what, 'no-store']);
});

test('A104: the redirect to the identity provider is not cacheable and sends no referrer', async () => {
  const browser = new Browser();
  const page = await browser.open((await target.client()).authorizationUrl());
  const redirect = await browser.submit(page, { answer: 'approve' }, 'http://localhost:');
  expect(redirect.headers.get('cache-control')).toBe('no-store');
  expect(redirect.headers.get('referrer-policy')).toBe('no-referrer');
  for (const cookie of redirect.headers.getSetCookie()) expect(cookie).toMatch(/; HttpOnly; SameSite=Lax/);
});

test('A106: the challenge header keeps its name from the gateway and is renamed from a function, as in AWS', async () => {
  const missing = await rawRequest(`${target.origin}/mcp`, { method: 'POST' });
  expect(missing.headers['www-authenticate']).toContain('resource_metadata=');
  const { client, tokens } = await target.signedIn();
  await client.revoke(tokens.refresh_token);
  const revoked = await postMcp(target.origin, tokens.access_token, initialize);
  expect([revoked.status, revoked.headers.get('www-authenticate')]).toEqual([401, null]);
  expect(revoked.headers.get('x-amzn-remapped-www-authenticate')).toContain('invalid_token');
});

test.each(['/mcp', '/token', '/register', '/revoke', '/jwks.json', '/.well-known/oauth-protected-resource/mcp'])(
  'A107: the preflight of %s needs no token and allows no credentials',
  async (path) => {
    const headers = {
      origin: 'https://inspector.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,mcp-session-id,mcp-method',
    };
    const answer = await fetch(target.origin + path, { method: 'OPTIONS', headers });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-headers')).toMatch(
      /Authorization.*Content-Type.*Mcp-Session-Id.*Mcp-Method/,
    );
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  },
);

test.each(['/authorize', '/consent', '/callback'])(
  'A107: another site cannot read %s, where cookies count',
  async (path) => {
    const answer = await fetch(target.origin + path, {
      method: path === '/consent' ? 'POST' : 'GET',
      headers: { origin: 'https://evil.example' },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  },
);

test.each(['/authorize', '/consent', '/callback', '/dashboard', '/dashboard/api/me', '/dashboard/sign-in'])(
  'A107: the preflight of %s, where cookies count, allows another site nothing',
  async (path) => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const answer = await fetch(target.origin + path, { method: 'OPTIONS', headers });
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(answer.ok).toBe(false);
  },
);

test('A108: pages forbid scripts, framing and resources but their icon, and send no referrer to other sites', async () => {
  const client = await target.client();
  const consent = await open(client.authorizationUrl());
  const error = await open(client.authorizationUrl({ client_id: 'dcr_unknown' }));
  for (const { headers, html } of [consent, error]) {
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; frame-ancestors 'none'; base-uri 'none'; img-src 'self'$/,
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('strict-transport-security')).toMatch(/^max-age=\d{8}/);
    expect(html).not.toMatch(/<script|<img|<iframe|<link|<object|javascript:|\son\w+=|url\(|@import/i);
    // URLs occur as text alone: those of this server, and the redirect URI.
    expect(html).not.toMatch(/="[^"]*https?:/);
    const addresses = html.match(/https?:\/\/[^\s<"]+/g) ?? [];
    expect(addresses.filter((url) => url !== redirectUri && !url.startsWith(target.origin))).toEqual([]);
  }
  // `no-referrer` would make browsers send `Origin: null` with the form, and the consent endpoint checks the origin.
  expect(consent.headers.get('referrer-policy')).toBe('same-origin');
  expect(error.headers.get('referrer-policy')).toBe('no-referrer');
});

test('A108: the page of the server runs its own script alone', async () => {
  const page = await fetch(`${target.origin}/`, { headers: { accept: 'text/html' } });
  const [, script = ''] = /<script>(.*?)<\/script>/s.exec(await page.text()) ?? [];
  const digest = createHash('sha256').update(script).digest('base64');
  expect(script).toContain('clipboard');
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; frame-/);
  expect(page.headers.get('content-security-policy')).toMatch(`script-src 'sha256-${digest}'`);
  expect(page.headers.get('access-control-allow-origin')).toBeNull();
});

test('A108: a redirect with a code sends no referrer', async () => {
  const [browser, client] = [new Browser(), await target.client()];
  const signIn = await browser.submit(await browser.open(client.authorizationUrl()), { answer: 'approve' });
  const back = await browser.submit(signIn, { username: 'ada', password: 'ada' }, redirectUri);
  expect(new URL(back.url).searchParams.has('code')).toBe(true);
  expect(back.headers.get('referrer-policy')).toBe('no-referrer');
});

describe('A110: an exception reveals no internals', () => {
  /** Damages the stored grant, so that reading it throws an unexpected error. */
  async function damaged() {
    const { client, tokens } = await target.signedIn();
    const { refresh: _, ...rest } = await target.item(`G#${grantOf(tokens)}`);
    await target.put(rest as never);
    return { client, tokens };
  }

  test('to a client', async () => {
    const { client, tokens } = await damaged();
    const answer = await client.refresh(tokens.refresh_token);
    expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[\w-]{36}$/);
    expect([answer.status, await answer.json()]).toEqual([
      500,
      { error: 'server_error', error_description: 'internal server error; the operator finds it in the log' },
    ]);
    expect(target.log).toContain('unexpected_error');
  });

  test('to a user', async () => {
    const client = await target.client({ client_name: 'Damaged' });
    const { redirectUris: _, ...rest } = await target.item(`CL#${client.id}`);
    await target.put(rest as never);
    const page = await open(client.authorizationUrl());
    expect([page.status, page.headers.get('location')]).toEqual([500, null]);
    expect(page.html).not.toMatch(/TypeError|undefined|\.ts|\.cjs| at /);
  });
});

test.each([
  '/nothing',
  '/mcp/',
  '/mcp/x',
  '//mcp',
  '/token/',
  '/TOKEN',
  '/%74oken',
  '/jwks.json/',
  '/v1/mcp',
  '/.well-known',
  '/.git/config',
  '/authorize;x',
])('A110: the path %s does not exist', async (path) => {
  const answer = await rawRequest(target.origin + path, { method: 'POST' });
  expect([401, 404]).toContain(answer.status);
  expect(await refusal(new Response(answer.text, { status: answer.status }))).toEqual([
    answer.status,
    expect.any(String),
  ]);
});

test.each(['TRACE', 'CONNECTED', 'PROPFIND'])('A110: the method %s causes no server error', async (method) => {
  for (const path of ['/mcp', '/token', '/authorize']) {
    const answer = await rawRequest(target.origin + path, { method }).catch(() => undefined);
    expect([path, (answer?.status ?? 400) < 500]).toEqual([path, true]);
  }
});
