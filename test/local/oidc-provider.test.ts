import { type ChildProcess, fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JwtVerifier } from 'aws-jwt-verify';
import type { OidcProviderOptions } from '../../local/cognito/oidc-provider.ts';
import type { ProviderCommand } from '../support/oidc-provider.run.ts';

const callback = 'http://127.0.0.1:8787/callback';
const facade = { clientId: 'facade', redirectUris: [callback], scopes: ['openid', 'profile', 'email'] };
const options: OidcProviderOptions = {
  folder: undefined,
  poolId: 'us-east-1_Holdfast0',
  clients: [
    facade,
    { ...facade, clientId: 'rotating', rotationGraceSeconds: 0, logoutUris: ['http://127.0.0.1:1/out'] },
  ],
  groups: ['admins'],
};

/** Runs all providers of this file. */
let child: ChildProcess;
beforeAll(() => {
  child = fork(join(__dirname, '../support/oidc-provider.run.ts'));
});
afterAll(async () => {
  child.kill();
  await once(child, 'exit');
});

async function send(command: ProviderCommand): Promise<{ issuer: string; error?: string }> {
  child.send(command);
  const [response] = await once(child, 'message');
  return response;
}

async function start(changes: Partial<OidcProviderOptions> = {}) {
  const { issuer, error } = await send({ start: { ...options, ...changes } });
  return { issuer, error, stop: () => send({ issuer, stop: true }) };
}

/** The part of a browser that sign-in needs: cookies with their paths, without scripts. */
class Browser {
  readonly #cookies = new Map<string, { path: string; pair: string }>();

  async request(url: string, form?: Record<string, string>): Promise<Response> {
    const { pathname } = new URL(url);
    const cookies = [...this.#cookies.values()].filter(({ path }) => pathname.startsWith(path)).map(({ pair }) => pair);
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { Cookie: cookies.join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(/; */);
      const path = attributes.find((each) => each.startsWith('path='))?.slice(5) ?? '/';
      const name = `${path} ${pair.split('=')[0]}`;
      if (attributes.some((each) => each.startsWith('expires=Thu, 01 Jan 1970'))) this.#cookies.delete(name);
      else this.#cookies.set(name, { path, pair });
    }
    return response;
  }

  /** Follows redirects within the provider; ends at a page, or at the redirect to another origin. */
  async follow(
    issuer: string,
    url: string,
    form?: Record<string, string>,
  ): Promise<{ response: Response; url: string }> {
    const response = await this.request(url, form);
    const location = response.headers.get('Location');
    if (location === null) return { response, url };
    const next = new URL(location, url).href;
    return next.startsWith(issuer) ? this.follow(issuer, next) : { response, url: next };
  }
}

const verifier = randomBytes(32).toString('base64url');

function authorizeUrl(issuer: string, changes: Record<string, string | undefined> = {}): string {
  const parameters = {
    response_type: 'code',
    client_id: 'facade',
    redirect_uri: callback,
    scope: 'openid profile email',
    state: 'the-state',
    nonce: 'the-nonce',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  };
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `${issuer}/oauth2/authorize?${new URLSearchParams(given)}`;
}

function post(url: string, form: Record<string, string>): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(form) });
}

function redeem(issuer: string, code: string, clientId = 'facade'): Promise<Response> {
  const grant = { grant_type: 'authorization_code', code, redirect_uri: callback, code_verifier: verifier };
  return post(`${issuer}/oauth2/token`, { ...grant, client_id: clientId });
}

function refresh(issuer: string, token: string, clientId = 'facade'): Promise<Response> {
  return post(`${issuer}/oauth2/token`, { grant_type: 'refresh_token', refresh_token: token, client_id: clientId });
}

/** Signs in, with the form unless the browser has a session, and returns the code. */
async function signIn(issuer: string, username: string, browser = new Browser(), changes = {}): Promise<string> {
  const page = await browser.follow(issuer, authorizeUrl(issuer, changes));
  const { url } = await browser.follow(issuer, page.url, { username, password: username });
  return new URL(url).searchParams.get('code')!;
}

async function tokensOf(issuer: string, username: string, clientId = 'facade') {
  const code = await signIn(issuer, username, new Browser(), { client_id: clientId });
  return (await redeem(issuer, code, clientId)).json();
}

const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString());

describe('the local identity provider', () => {
  let issuer: string;

  beforeAll(async () => {
    ({ issuer } = await start());
  });

  test('publishes the discovery document of Cognito, without PKCE', async () => {
    const document = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    expect(document).toMatchObject({
      issuer,
      authorization_endpoint: `${issuer}/oauth2/authorize`,
      token_endpoint: `${issuer}/oauth2/token`,
      userinfo_endpoint: `${issuer}/oauth2/userInfo`,
      revocation_endpoint: `${issuer}/oauth2/revoke`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      end_session_endpoint: `${issuer}/logout`,
      scopes_supported: ['openid', 'profile', 'email'],
    });
    expect(document).not.toHaveProperty('code_challenge_methods_supported');
    expect((await fetch(`${issuer}/.well-known/oauth-authorization-server`)).status).toBe(404);
  });

  test('listens on both addresses of localhost', async () => {
    const { port, pathname } = new URL(issuer);
    for (const host of ['127.0.0.1', '[::1]']) {
      const response = await fetch(`http://${host}:${port}${pathname}/.well-known/openid-configuration`);
      expect((await response.json()).issuer).toBe(issuer);
    }
  });

  test('shows a sign-in page without scripts and external resources', async () => {
    const { response } = await new Browser().follow(issuer, authorizeUrl(issuer));
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Security-Policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(html).toContain('<label for="username">');
    expect(html).toContain('<label for="password">');
    expect(html).not.toMatch(/<script|https?:/);
  });

  test.each([
    ['ada@example.com', 'ada'],
    ['grace', 'grace'],
    ['"><script>', '&quot;&gt;&lt;script&gt;'],
  ])('has the user name of login_hint %s on its sign-in page', async (login_hint, expected) => {
    const { response } = await new Browser().follow(issuer, authorizeUrl(issuer, { login_hint }));
    expect(await response.text()).toContain(`name="username" value="${expected}"`);
  });

  test('reports a wrong password and accepts another attempt', async () => {
    const browser = new Browser();
    const { url } = await browser.follow(issuer, authorizeUrl(issuer));
    const rejected = await browser.request(url, { username: '<ada>', password: 'wrong' });
    const html = await rejected.text();
    expect(rejected.status).toBe(401);
    expect(html).toContain('role="alert"');
    expect(html).toContain('&lt;ada&gt;');
    const accepted = await browser.follow(issuer, url, { username: 'ada', password: 'ada' });
    expect(accepted.url).toContain(`${callback}?`);
  });

  test('redirects with a code and the state alone, as Cognito does', async () => {
    const browser = new Browser();
    const page = await browser.follow(issuer, authorizeUrl(issuer));
    const { url } = await browser.follow(issuer, page.url, { username: 'ada', password: 'ada' });
    expect([...new URL(url).searchParams.keys()].sort()).toEqual(['code', 'state']);
    expect(new URL(url).searchParams.get('state')).toBe('the-state');
  });

  test('issues an id token with the claims of a Cognito user', async () => {
    const { id_token } = await tokensOf(issuer, 'ada');
    const claims = claimsOf(id_token);
    expect(claims).toMatchObject({
      iss: issuer,
      aud: 'facade',
      nonce: 'the-nonce',
      token_use: 'id',
      'cognito:username': 'ada',
      email: 'ada@example.com',
      name: 'Ada Lovelace',
    });
    expect(claims.sub).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(claims).not.toHaveProperty('cognito:groups');
  });

  test('assigns grace to the group of admins', async () => {
    const { id_token, access_token } = await tokensOf(issuer, 'grace');
    expect(claimsOf(id_token)['cognito:groups']).toEqual(['admins']);
    expect(claimsOf(access_token)['cognito:groups']).toEqual(['admins']);
  });

  test('issues a JWT access token without audience that its user-info endpoint accepts', async () => {
    const { access_token, id_token, expires_in, refresh_token } = await tokensOf(issuer, 'alan');
    const claims = claimsOf(access_token);
    expect(claims).toMatchObject({
      iss: issuer,
      client_id: 'facade',
      token_use: 'access',
      username: 'alan',
      scope: 'openid profile email',
      sub: claimsOf(id_token).sub,
    });
    expect(claims).not.toHaveProperty('aud');
    expect(expires_in).toBe(3600);
    expect(refresh_token).toBeDefined();

    const userInfo = (token: string) =>
      fetch(`${issuer}/oauth2/userInfo`, { headers: { Authorization: `Bearer ${token}` } });
    expect(await (await userInfo(access_token)).json()).toEqual({
      sub: claims.sub,
      username: 'alan',
      email: 'alan@example.com',
      email_verified: true,
      name: 'Alan Turing',
    });
    expect((await userInfo(id_token)).status).toBe(401);
    expect((await userInfo(`${access_token.slice(0, -6)}AAAAAA`)).status).toBe(401);
  });

  test('signs both tokens with its published key', async () => {
    const { access_token, id_token } = await tokensOf(issuer, 'ada');
    const jwks = await (await fetch(`${issuer}/.well-known/jwks.json`)).json();
    expect(jwks.keys[0]).not.toHaveProperty('d');
    const jwtVerifier = JwtVerifier.create({ issuer, audience: null, jwksUri: `${issuer}/.well-known/jwks.json` });
    jwtVerifier.cacheJwks(jwks);
    await expect(jwtVerifier.verify(access_token)).resolves.toBeDefined();
    await expect(jwtVerifier.verify(id_token)).resolves.toBeDefined();
  });

  test('signs in without the form during the session, except with prompt=login', async () => {
    const browser = new Browser();
    await signIn(issuer, 'ada', browser);
    const silent = await browser.follow(issuer, authorizeUrl(issuer));
    expect(silent.url).toContain(`${callback}?code=`);
    const prompted = await browser.follow(issuer, authorizeUrl(issuer, { prompt: 'login' }));
    expect(prompted.url).toContain(`${issuer}/login/`);
    const none = await new Browser().follow(issuer, authorizeUrl(issuer, { prompt: 'none' }));
    expect(new URL(none.url).searchParams.get('error')).toBe('login_required');
  });

  test('signs in a second user in the same browser without revoking the grants of the first one', async () => {
    const browser = new Browser();
    const first = await (await redeem(issuer, await signIn(issuer, 'ada', browser))).json();
    const code = await signIn(issuer, 'alan', browser, { prompt: 'login' });
    const second = await (await redeem(issuer, code)).json();
    expect(claimsOf(second.id_token)['cognito:username']).toBe('alan');
    const silent = await browser.follow(issuer, authorizeUrl(issuer));
    const third = await (await redeem(issuer, new URL(silent.url).searchParams.get('code')!)).json();
    expect(claimsOf(third.id_token)['cognito:username']).toBe('alan');
    expect((await refresh(issuer, first.refresh_token)).status).toBe(200);
  });

  test('ends the session at /logout and leaves tokens valid', async () => {
    const browser = new Browser();
    const tokens = await (await redeem(issuer, await signIn(issuer, 'ada', browser))).json();
    expect((await browser.request(`${issuer}/logout`)).status).toBe(200);
    const again = await browser.follow(issuer, authorizeUrl(issuer));
    expect(again.url).toContain(`${issuer}/login/`);
    expect((await refresh(issuer, tokens.refresh_token)).status).toBe(200);
  });

  test('redirects from /logout to a registered address alone', async () => {
    const signOut = (clientId: string, target: string) =>
      new Browser().request(`${issuer}/logout?${new URLSearchParams({ client_id: clientId, logout_uri: target })}`);
    const signedOut = await signOut('rotating', 'http://127.0.0.1:1/out');
    expect(signedOut.status).toBe(302);
    expect(signedOut.headers.get('Location')).toBe('http://127.0.0.1:1/out');
    expect((await signOut('rotating', 'http://evil.example/')).status).toBe(400);
    expect((await signOut('facade', 'http://127.0.0.1:1/out')).status).toBe(400);
  });

  test.each([
    ['an unknown client', { client_id: 'nobody' }],
    ['another callback', { redirect_uri: `${callback}/` }],
    ['another port of the callback', { redirect_uri: callback.replace('8787', '8788') }],
  ])('shows an error page without a redirect for %s', async (_, changes) => {
    const { response, url } = await new Browser().follow(issuer, authorizeUrl(issuer, changes));
    expect(response.status).toBe(400);
    expect(url).toContain(issuer);
    expect(response.headers.get('Content-Security-Policy')).toMatch(/^default-src 'none'/);
  });

  test.each([
    ['no PKCE challenge', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['the plain method', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a scope that the client does not have', { scope: 'openid offline_access' }, 'invalid_scope'],
    ['a resource, as Cognito does', { resource: 'https://mcp.example.com/mcp' }, 'invalid_target'],
  ])('rejects %s', async (_, changes, error) => {
    const { url } = await new Browser().follow(issuer, authorizeUrl(issuer, changes));
    expect(new URL(url).searchParams.get('error')).toBe(error);
  });

  test('redeems a code once, with its verifier, and for its client alone', async () => {
    const code = await signIn(issuer, 'ada');
    expect((await redeem(issuer, code, 'rotating')).status).toBe(400);
    expect((await redeem(issuer, code)).status).toBe(200);
    expect((await redeem(issuer, code)).status).toBe(400);
    const form = { grant_type: 'authorization_code', redirect_uri: callback, client_id: 'facade' };
    const stolen = await post(`${issuer}/oauth2/token`, {
      ...form,
      code: await signIn(issuer, 'ada'),
      code_verifier: 'x'.repeat(43),
    });
    expect(stolen.status).toBe(400);
  });

  test('accepts a refresh token repeatedly if tokens are not rotated', async () => {
    const { refresh_token } = await tokensOf(issuer, 'ada');
    for (let time = 0; time < 2; time++) {
      const response = await refresh(issuer, refresh_token);
      expect(response.status).toBe(200);
      expect(claimsOf((await response.json()).access_token).username).toBe('ada');
    }
  });

  test('rotates refresh tokens if the pool does, and revokes the grant when one is reused', async () => {
    const first = await tokensOf(issuer, 'ada', 'rotating');
    const second = await (await refresh(issuer, first.refresh_token, 'rotating')).json();
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const replay = await refresh(issuer, first.refresh_token, 'rotating');
    expect(replay.status).toBe(400);
    expect(await replay.json()).toMatchObject({ error: 'invalid_grant' });
    expect((await refresh(issuer, second.refresh_token, 'rotating')).status).toBe(400);
  });

  test('revokes one grant of a user without affecting the others', async () => {
    const browser = new Browser();
    const one = await (await redeem(issuer, await signIn(issuer, 'ada', browser))).json();
    const silent = await browser.follow(issuer, authorizeUrl(issuer));
    const other = await (await redeem(issuer, new URL(silent.url).searchParams.get('code')!)).json();
    const form = { token: one.refresh_token, client_id: 'facade' };
    expect((await post(`${issuer}/oauth2/revoke`, form)).status).toBe(200);
    expect((await refresh(issuer, one.refresh_token)).status).toBe(400);
    expect((await refresh(issuer, other.refresh_token)).status).toBe(200);
  });

  test('rejects refresh and sign-in of a disabled user, also in an existing session', async () => {
    const { issuer, stop } = await start();
    const browser = new Browser();
    const { refresh_token } = await (await redeem(issuer, await signIn(issuer, 'ada', browser))).json();
    await send({ issuer, disable: 'ada' });
    expect(await (await refresh(issuer, refresh_token)).json()).toMatchObject({ error: 'invalid_grant' });
    const { url } = await browser.follow(issuer, authorizeUrl(issuer));
    expect(url).toContain(`${issuer}/login/`);
    expect((await browser.request(url, { username: 'ada', password: 'ada' })).status).toBe(401);
    const other = await browser.follow(issuer, url, { username: 'alan', password: 'alan' });
    expect(other.url).toContain(`${callback}?code=`);
    await stop();
  });

  test('answers 503 while the failure switch is on', async () => {
    await send({ issuer, fail: true });
    expect((await fetch(`${issuer}/.well-known/openid-configuration`)).status).toBe(503);
    await send({ issuer, fail: false });
    expect((await fetch(`${issuer}/.well-known/openid-configuration`)).status).toBe(200);
  });

  test('answers 400 at a completed or unknown sign-in page', async () => {
    const browser = new Browser();
    const page = await browser.follow(issuer, authorizeUrl(issuer));
    await browser.follow(issuer, page.url, { username: 'ada', password: 'ada' });
    expect((await browser.request(page.url)).status).toBe(400);
    expect((await new Browser().request(`${issuer}/login/none`)).status).toBe(400);
  });

  test('reports a port that is in use', async () => {
    const first = await start();
    const second = await start({ port: Number(new URL(first.issuer).port) });
    expect(second.error).toBe('EADDRINUSE');
    await first.stop();
  });
});

describe('a restart of the local identity provider', () => {
  test('preserves keys, users, tokens and the browser session in a file that only its owner can read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'identity-provider-'));
    const before = await start({ folder });
    const browser = new Browser();
    const tokens = await (await redeem(before.issuer, await signIn(before.issuer, 'ada', browser))).json();
    await before.stop();
    expect(statSync(join(folder, 'identity-provider.json')).mode & 0o777).toBe(0o600);

    const { port } = new URL(before.issuer);
    const { issuer, stop } = await start({ folder, port: Number(port) });
    expect(issuer).toBe(before.issuer);
    const refreshed = await (await refresh(issuer, tokens.refresh_token)).json();
    expect(claimsOf(refreshed.id_token).sub).toBe(claimsOf(tokens.id_token).sub);
    const silent = await browser.follow(issuer, authorizeUrl(issuer));
    expect(silent.url).toContain(`${callback}?code=`);
    const { keys } = await (await fetch(`${issuer}/.well-known/jwks.json`)).json();
    expect(JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url').toString()).kid).toBe(keys[0].kid);
    await stop();
    rmSync(folder, { recursive: true });
  });
});
