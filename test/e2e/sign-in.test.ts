import { Browser, formOf, type Page } from './browser.ts';
import { Desk } from './desk.ts';
import { initialize, OAuthClient, postMcp, redirectUri, register, type Tokens } from './oauth-client.ts';

jest.setTimeout(60_000);

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.start();
});
afterAll(() => desk.stop());

const aClient = (metadata?: Record<string, unknown>) => OAuthClient.register(desk.origin, metadata);
const json = async (answer: Response) => (await answer.json()) as Record<string, unknown>;
const open = (url: string) => new Browser().open(url, redirectUri);
const answerAt = (page: Page) => Object.fromEntries(new URL(page.url).searchParams);

describe('discovery', () => {
  test('the resource is described at both well-known paths', async () => {
    for (const path of ['', '/mcp']) {
      const answer = await fetch(`${desk.origin}/.well-known/oauth-protected-resource${path}`);
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      expect(await json(answer)).toEqual({
        resource: `${desk.origin}/mcp`,
        authorization_servers: [desk.origin],
        scopes_supported: ['mcp'],
        bearer_methods_supported: ['header'],
      });
    }
  });

  test('the authorization server is described at both well-known paths, whatever the request claims', async () => {
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      const answer = await fetch(`${desk.origin}/.well-known/${name}?x=1`, {
        headers: { 'x-forwarded-host': 'evil.example' },
      });
      expect(await json(answer)).toMatchObject({
        issuer: desk.origin,
        token_endpoint: `${desk.origin}/token`,
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
        authorization_response_iss_parameter_supported: true,
      });
    }
  });

  test('a document for another issuer is not there, and a document cannot be posted to', async () => {
    const other = await fetch(`${desk.origin}/.well-known/oauth-authorization-server/mcp`);
    expect([other.status, other.headers.get('content-type')]).toEqual([404, 'application/json']);
    const posted = await fetch(`${desk.origin}/.well-known/oauth-authorization-server`, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('registration', () => {
  test('gives the same id for the same metadata, in any order', async () => {
    const uris = ['http://127.0.0.1/a', 'https://client.example/cb'];
    const first = await json(await register(desk.origin, { client_name: 'Same', redirect_uris: uris }));
    const again = await json(await register(desk.origin, { client_name: 'Same', redirect_uris: uris.toReversed() }));
    expect(again.client_id).toBe(first.client_id);
    expect(first.client_id).toMatch(/^dcr_/);
    expect(Object.values(first)).not.toContain(null);
    const other = await json(await register(desk.origin, { client_name: 'Other', redirect_uris: uris }));
    expect(other.client_id).not.toBe(first.client_id);
  });

  test('takes what real clients send: several schemes, secrets asked for, unknown and null members', async () => {
    const answer = await register(desk.origin, {
      client_name: 'Cursor',
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
      token_endpoint_auth_method: 'client_secret_basic',
      client_uri: null,
      logo_uri: 'javascript:alert(1)',
    });
    expect(answer.status).toBe(201);
    expect(await json(answer)).toMatchObject({ token_endpoint_auth_method: 'none' });
  });

  test.each([
    ['no JSON', '{', 'invalid_client_metadata'],
    ['no object', '[]', 'invalid_client_metadata'],
    ['no redirect URI', { redirect_uris: [] }, 'invalid_client_metadata'],
    [
      'a body of 9 KB',
      { redirect_uris: ['https://c.example/'], client_name: 'x'.repeat(9000) },
      'invalid_client_metadata',
    ],
    ['a scheme that runs', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['a scheme in disguise', { redirect_uris: [' JaVaScRiPt:alert(1)'] }, 'invalid_redirect_uri'],
    ['a fragment', { redirect_uris: ['https://c.example/cb#x'] }, 'invalid_redirect_uri'],
    ['a user', { redirect_uris: ['https://c.example@evil.example/cb'] }, 'invalid_redirect_uri'],
    ['plain http elsewhere', { redirect_uris: ['http://localhost.evil.example/cb'] }, 'invalid_redirect_uri'],
    ['a number for an address', { redirect_uris: ['http://2130706433/cb'] }, 'invalid_redirect_uri'],
  ])('refuses %s', async (_what, metadata, code) => {
    const answer = await register(desk.origin, metadata);
    expect([answer.status, (await json(answer)).error]).toEqual([400, code]);
  });
});

describe('the authorization request', () => {
  test.each([
    ['an unknown client', { client_id: 'dcr_unknown' }],
    ['no client', { client_id: undefined }],
    ['no redirect URI', { redirect_uri: undefined }],
    ['an unregistered redirect URI', { redirect_uri: 'https://evil.example/cb' }],
    ['another path on loopback', { redirect_uri: 'http://127.0.0.1:33418/other' }],
    ['another host on loopback', { redirect_uri: 'http://localhost:33418/callback' }],
    ['an endless state', { state: 'x'.repeat(3000) }],
  ])('with %s is answered here and redirects nowhere', async (_what, change) => {
    const page = await open((await aClient()).authorizationUrl(change));
    expect(page.status).toBe(400);
    expect(page.headers.get('location')).toBeNull();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.html).toContain('This did not work');
  });

  test('with a parameter twice is answered here', async () => {
    const page = await open(`${(await aClient()).authorizationUrl()}&redirect_uri=https://evil.example/`);
    expect(page.status).toBe(400);
  });

  test.each([
    ['no PKCE', { code_challenge: undefined }, 'invalid_request'],
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['PKCE without a method', { code_challenge_method: undefined }, 'invalid_request'],
    ['a token asked for', { response_type: 'token' }, 'unsupported_response_type'],
    ['a fragment asked for', { response_mode: 'fragment' }, 'invalid_request'],
    ['no prompt', { prompt: 'none' }, 'interaction_required'],
    ['another resource', { resource: 'https://evil.example/mcp' }, 'invalid_target'],
    ['unknown scopes alone', { scope: 'admin' }, 'invalid_scope'],
    ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
  ])('with %s is answered to the client, with state and iss', async (_what, change, error) => {
    const page = await open((await aClient()).authorizationUrl(change));
    expect(page.status).toBe(303);
    expect(answerAt(page)).toMatchObject({ error, state: 'the-state', iss: desk.origin });
  });

  test.each([
    ['no resource', { resource: undefined }],
    ['the resource with a slash', { resource: '/mcp/' }],
    ['more scopes than there are', { scope: 'mcp offline_access openid' }],
    ['another port on loopback', { redirect_uri: 'http://127.0.0.1:51234/callback' }],
  ])('with %s is asked about', async (_what, change: Record<string, string | undefined>) => {
    const client = await aClient();
    if (change.resource) change = { resource: `${desk.origin}${change.resource}` };
    expect((await open(client.authorizationUrl(change))).html).toContain('Connect By hand?');
  });
});

describe('the consent page', () => {
  test('says who asks, where the answer goes, and what for; and loads and frames nothing', async () => {
    const page = await open((await aClient()).authorizationUrl());
    expect(page.status).toBe(200);
    for (const text of [
      'Connect By hand?',
      'Nobody has verified',
      '>127.0.0.1<',
      'this computer',
      `${desk.origin}/mcp`,
      'Deny',
    ]) {
      expect(page.html).toContain(text);
    }
    expect(page.html).not.toMatch(/<script|<img|https?:\/\/(?!127\.0\.0\.1)/);
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/);
  });

  test('shows what a client says of itself as mere text', async () => {
    const client = await aClient({ client_name: '<script>alert(1)</script>\u202eevil' });
    const page = await open(client.authorizationUrl());
    expect(page.html).toContain('&lt;script&gt;');
    expect(page.html).not.toContain('\u202e');
  });

  test('takes no for an answer', async () => {
    const browser = new Browser();
    const page = await browser.open((await aClient()).authorizationUrl(), redirectUri);
    const back = await browser.submit(page, { answer: 'deny' }, redirectUri);
    expect(answerAt(back)).toEqual({ error: 'access_denied', state: 'the-state', iss: desk.origin });
    expect((await browser.submit(page, { answer: 'approve' }, redirectUri)).html).toContain(
      'has been answered already',
    );
  });

  test('cannot be answered by another browser, nor by another site', async () => {
    const browser = new Browser();
    const page = await browser.open((await aClient()).authorizationUrl(), redirectUri);
    const foreign = await new Browser().submit(page, { answer: 'approve' }, redirectUri);
    expect([foreign.status, foreign.headers.get('location')]).toEqual([403, null]);
    const form = formOf(page);
    const body = new URLSearchParams({ ...form.fields, answer: 'approve' });
    const forgeries: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const forged of forgeries) {
      const headers = { cookie: browser.cookieHeader(desk.origin), ...forged };
      const answer = await fetch(form.action, { method: 'POST', headers, body, redirect: 'manual' });
      expect([answer.status, answer.headers.get('location')]).toEqual([403, null]);
    }
    const signIn = await browser.submit(page, { answer: 'approve' }, redirectUri);
    expect(signIn.html).toContain('name="password"');
  });

  test('works in two tabs at once', async () => {
    const [browser, client] = [new Browser(), await aClient()];
    const pages = await Promise.all([1, 2].map(() => browser.open(client.authorizationUrl(), redirectUri)));
    for (const page of pages) {
      const next = await browser.submit(page, { answer: 'approve' }, redirectUri);
      const back = next.url.startsWith(redirectUri)
        ? next
        : await browser.submit(next, { username: 'ada', password: 'ada' }, redirectUri);
      expect(answerAt(back)).toMatchObject({ code: expect.stringMatching(/^hac1_/), iss: desk.origin });
    }
  });
});

describe('the callback', () => {
  /** Goes as far as the provider's answer, and catches it before the callback has it. */
  async function caught(browser: Browser): Promise<string> {
    const consent = await browser.open((await aClient()).authorizationUrl(), redirectUri);
    const signIn = await browser.submit(consent, { answer: 'approve' });
    const back = await browser.submit(signIn, { username: 'ada', password: 'ada' }, `${desk.origin}/callback`);
    return back.url;
  }

  test('counts only in the browser that consented, and elsewhere ends the sign-in', async () => {
    const [attacker, victim] = [new Browser(), new Browser()];
    const url = await caught(attacker);
    const refused = await victim.open(url, redirectUri);
    expect([refused.status, refused.headers.get('location')]).toEqual([403, null]);
    expect((await attacker.open(url, redirectUri)).html).toContain('has been completed already');
  });

  test('counts once', async () => {
    const browser = new Browser();
    const url = await caught(browser);
    expect(answerAt(await browser.open(url, redirectUri))).toMatchObject({ code: expect.any(String) });
    expect((await browser.open(url, redirectUri)).status).toBe(403);
  });

  test('with a state that nobody gave out is answered here', async () => {
    const page = await open(`${desk.origin}/callback?code=x&state=unknown`);
    expect([page.status, page.headers.get('location')]).toEqual([403, null]);
    expect((await open(`${desk.origin}/callback?code=x`)).status).toBe(400);
  });

  test('passes the provider’s no on, as a code and nothing more', async () => {
    const browser = new Browser();
    const consent = await browser.open((await aClient()).authorizationUrl(), redirectUri);
    const provider = new URL((await browser.submit(consent, { answer: 'approve' }, 'http://localhost:')).url);
    const denial = new URL(`${desk.origin}/callback?error=access_denied&error_description=<script>`);
    denial.searchParams.set('state', provider.searchParams.get('state')!);
    denial.searchParams.set('iss', `${provider.origin}/${provider.pathname.split('/')[1]}`);
    expect(answerAt(await browser.open(denial.href, redirectUri))).toEqual({
      error: 'access_denied',
      error_description: 'The identity provider did not let the user in.',
      state: 'the-state',
      iss: desk.origin,
    });
  });
});

describe('the token endpoint', () => {
  const signedIn = async () => {
    const client = await aClient();
    return { client, code: await client.signIn('ada') };
  };

  test('gives tokens for a code, once, and never for the cache', async () => {
    const { client, code } = await signedIn();
    const answer = await client.redeem(code);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await json(answer)).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'mcp' });
    const again = await client.redeem(code);
    expect([again.status, (await json(again)).error]).toEqual([400, 'invalid_grant']);
  });

  test.each([
    ['no verifier', { code_verifier: undefined }, 'invalid_grant'],
    ['a wrong verifier', { code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    ['a short verifier', { code_verifier: 'short' }, 'invalid_grant'],
    ['another redirect URI', { redirect_uri: 'http://127.0.0.1:1/callback' }, 'invalid_grant'],
    ['another resource', { resource: 'https://evil.example/' }, 'invalid_target'],
    ['an unknown client', { client_id: 'dcr_unknown' }, 'invalid_client'],
    ['a secret', { client_secret: 'guess' }, 'invalid_client'],
    ['another grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
  ])('refuses %s and leaves the code as it was', async (_what, change, error) => {
    const { client, code } = await signedIn();
    expect((await json(await client.redeem(code, change))).error).toBe(error);
    expect((await client.redeem(code)).status).toBe(200);
  });

  test('gives one of twenty at once the tokens, which go on working', async () => {
    const { client, code } = await signedIn();
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.redeem(code)));
    const good = answers.filter(({ status }) => status === 200);
    expect(good).toHaveLength(1);
    const { access_token } = (await good[0]!.json()) as Tokens;
    expect((await postMcp(desk.origin, access_token, initialize)).status).toBe(200);
  });

  test('is not confused by JSON, a huge body or a strange content type', async () => {
    for (const [type, body] of [
      ['application/json', '{}'],
      ['multipart/form-data; boundary', 'x'],
      [';;;', 'x'],
      ['application/x-www-form-urlencoded', `client_id=${'x'.repeat(20_000)}`],
      ['application/x-www-form-urlencoded', 'client_id=a&client_id=b'],
      ['application/x-www-form-urlencoded', 'client_id=%00'],
    ]) {
      const answer = await fetch(`${desk.origin}/token`, { method: 'POST', headers: { 'content-type': type! }, body });
      expect([answer.status, (await json(answer)).error]).toEqual([400, 'invalid_request']);
    }
  });
});

describe('a refresh', () => {
  const signedIn = async () => {
    const client = await aClient();
    return { client, tokens: await client.tokensFor('ada') };
  };

  test('gives the next tokens, and the old ones again to whoever lost the answer', async () => {
    const { client, tokens } = await signedIn();
    const first = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
    expect(first.refresh_token).not.toBe(tokens.refresh_token);
    const repeated = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
    expect(repeated.refresh_token).toBe(first.refresh_token);
    expect((await postMcp(desk.origin, first.access_token, initialize)).status).toBe(200);
  });

  test('gives twenty-five at once the same successor', async () => {
    const { client, tokens } = await signedIn();
    const answers = await Promise.all(Array.from({ length: 25 }, () => client.refresh(tokens.refresh_token)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const all = await Promise.all(answers.map(async (answer) => ((await answer.json()) as Tokens).refresh_token));
    expect(new Set(all).size).toBe(1);
  });

  test.each([
    ['another client', { client_id: 'dcr_other' }, 'invalid_grant'],
    ['another resource', { resource: 'https://evil.example/' }, 'invalid_target'],
    ['a wider scope', { scope: 'mcp admin' }, 'invalid_scope'],
  ])('with %s is refused and changes nothing', async (_what, change, error) => {
    const { client, tokens } = await signedIn();
    expect((await json(await client.refresh(tokens.refresh_token, change))).error).toBe(error);
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('with a forged token is refused and changes nothing', async () => {
    const { client, tokens } = await signedIn();
    const [body, mac] = tokens.refresh_token.split(/\.(?=[^.]*$)/);
    const forged = [`${body}.${'A'.repeat(43)}`, `${body!.replace(/\d+$/, '9')}.${mac}`, 'hrt1_x.1.y'];
    for (const token of forged) expect((await json(await client.refresh(token))).error).toBe('invalid_grant');
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  });
});

describe('a revocation', () => {
  test.each(['access_token', 'refresh_token'] as const)('by %s ends the grant at the next request', async (kind) => {
    const client = await aClient();
    const tokens = await client.tokensFor('ada');
    expect((await postMcp(desk.origin, tokens.access_token, initialize)).status).toBe(200);
    expect((await client.revoke(tokens[kind])).status).toBe(200);
    expect((await postMcp(desk.origin, tokens.access_token, initialize)).status).toBe(401);
    expect((await json(await client.refresh(tokens.refresh_token))).error).toBe('invalid_grant');
  });

  test('by another client, or of nothing, changes nothing', async () => {
    const client = await aClient();
    const tokens = await client.tokensFor('ada');
    expect((await client.revoke(tokens.refresh_token, { client_id: 'dcr_other' })).status).toBe(200);
    expect((await client.revoke('nothing')).status).toBe(200);
    expect((await client.revoke(tokens.refresh_token, { client_id: undefined })).status).toBe(401);
    expect((await postMcp(desk.origin, tokens.access_token, initialize)).status).toBe(200);
  });
});
