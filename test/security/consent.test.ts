import { type OAuthClient, redirectUri } from '../../bench/harness/raw-oauth-client.ts';
import { accountCookie } from '../../lambda/core/identity/known-account.ts';
import { Browser, formOf, type Page } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { answerAt, expectPage, grantOf, open } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
  accounts = await target.client();
});
afterAll(() => target?.stop());

/** A browser that shows the consent page. */
async function atConsent(browser = new Browser()): Promise<{ browser: Browser; page: Page }> {
  const page = await browser.open((await target.client()).authorizationUrl(), redirectUri);
  return { browser, page };
}

/** Signs in at the provider, and intercepts the callback. */
async function interceptCallback(browser: Browser): Promise<string> {
  const { page } = await atConsent(browser);
  const signIn = await browser.submit(page, { answer: 'approve' }, `${target.origin}/callback`);
  if (signIn.url.startsWith(target.origin)) return signIn.url;
  return (await browser.submit(signIn, { username: 'ada', password: 'ada' }, `${target.origin}/callback`)).url;
}

/** Submits the form of the page as another page would. */
function forge(page: Page, headers: Record<string, string>, fields: Record<string, string> = {}): Promise<Response> {
  const form = formOf(page);
  const body = new URLSearchParams({ ...form.fields, answer: 'approve', ...fields });
  return fetch(form.action, { method: 'POST', headers, body, redirect: 'manual' });
}

test('A42: the consent page is shown for every client and every request, despite a session at the provider', async () => {
  const browser = new Browser();
  await browser.open(await interceptCallback(browser), redirectUri);
  for (const name of ['By hand', 'Another']) {
    const client = await target.client({ client_name: name });
    for (const change of [{}, { prompt: 'login' }, { approval_prompt: 'auto' }]) {
      const page = await browser.open(client.authorizationUrl(change), redirectUri);
      expect(page.html).toContain(`Connect “${name}”?`);
    }
  }
});

/** The client of the tests on accounts. */
let accounts: OAuthClient;

/** The consent page in a browser that may have signed in. */
const consentIn = (browser: Browser) => browser.open(accounts.authorizationUrl(), redirectUri);

/** Approves, and stops at the identity provider. */
const approve = (browser: Browser, page: Page, fields = {}) =>
  browser.submit(page, { answer: 'approve', ...fields }, redirectUri);

const signIn = (browser: Browser, page: Page, user: string) =>
  browser.submit(page, { username: user, password: user }, redirectUri);

/** A browser in which the user has signed in. */
async function browserOf(user: string): Promise<Browser> {
  const browser = new Browser();
  await signIn(browser, await approve(browser, await consentIn(browser)), user);
  return browser;
}

/** The radio buttons with their text: `*` marks the chosen one. */
const choices = ({ html }: Page) =>
  Array.from(
    html.matchAll(/<label><input type="radio"[^>]*?( checked)?>(.*?)<\/label>/g),
    ([, chosen, label = '']) => (chosen ? '*' : '') + label.replace(/<[^>]*>/g, ''),
  );

async function userOf(page: Page): Promise<unknown> {
  const tokens = await (await accounts.redeem(answerAt(page).code!)).json();
  return (await target.item(`G#${grantOf(tokens as { refresh_token: string })}`)).subject;
}

const authorizationRequestAt = (url: string) => new URL(url).searchParams;

test('A42: the consent page shows no account in a browser that has not signed in', async () => {
  const page = await consentIn(new Browser());
  expect(choices(page)).toEqual([]);
  expect(page.html).toContain('You sign in with');
});

test('A42: the consent page shows the account of the last sign-in, and offers another one', async () => {
  const page = await consentIn(await browserOf('ada'));
  expect(choices(page)).toEqual(['*ada@example.com', 'another account']);
});

test('A42: the account cookie is bound to the host, hidden from scripts, and limited to 30 days', () => {
  expect(accountCookie('https://mcp.example').set('x', 30 * 86400)).toBe(
    '__Host-account=x; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=2592000',
  );
});

test('A42: an approval of the shown account names it to the provider, which signs it in without a page', async () => {
  const browser = await browserOf('ada');
  const page = await consentIn(browser);
  const provider = await browser.copy().submit(page, { answer: 'approve' }, 'http://localhost:');
  expect(authorizationRequestAt(provider.url).get('login_hint')).toBe('ada@example.com');
  expect(authorizationRequestAt(provider.url).get('prompt')).toBeNull();
  expect(answerAt(await approve(browser, page))).toMatchObject({ code: expect.stringMatching(/^hac1_/) });
});

test('A42: a user can approve another account, which the provider then asks for', async () => {
  const browser = await browserOf('ada');
  const page = await approve(browser, await consentIn(browser), { account: 'other' });
  expect(page.html).toContain('name="password"');
  const [here, elsewhere] = [await signIn(browser, page, 'grace'), await signIn(...(await atProvider()), 'grace')];
  expect(await userOf(here)).toBe(await userOf(elsewhere));
  expect(choices(await consentIn(browser))).toEqual(['*grace@example.com', 'another account']);
});

/** A new browser at the provider's sign-in. */
async function atProvider(): Promise<[Browser, Page]> {
  const browser = new Browser();
  return [browser, await approve(browser, await consentIn(browser))];
}

test('A42: a sign-in as another user than the approved account creates no grant, and asks again', async () => {
  const browser = await browserOf('ada');
  const page = await consentIn(browser);
  await switchProviderSession(browser, 'grace');
  const before = await target.items('G#');
  const asked = await approve(browser, page);
  expect(asked.html).toContain('You are signed in as <strong>grace@example.com</strong>. Nothing was connected yet.');
  expect(choices(asked)).toEqual(['*grace@example.com', 'another account']);
  expect(new URL(asked.url).pathname).toBe('/authorize');
  expect(await target.items('G#')).toEqual(before);
  const back = await approve(browser, asked);
  expect(answerAt(back)).toMatchObject({ state: 'the-state', code: expect.stringMatching(/^hac1_/) });
  expect((await consentIn(browser)).html).not.toContain('Nothing was connected yet');
});

/** Signs another user in at the provider alone: the callback does not reach Holdfast. */
async function switchProviderSession(browser: Browser, user: string): Promise<void> {
  const page = await approve(browser, await consentIn(browser), { account: 'other' });
  const { url } = await browser.submit(page, { username: user, password: user }, `${target.origin}/callback`);
  expect(url).toContain('code=');
}

test('A42: a request for another account that ends with the shown one creates no grant, and asks again', async () => {
  const browser = await browserOf('ada');
  const page = await approve(browser, await consentIn(browser), { account: 'other' });
  const before = await target.items('G#');
  const asked = await signIn(browser, page, 'ada');
  expect(choices(asked)).toEqual(['*ada@example.com', 'another account']);
  expect(await target.items('G#')).toEqual(before);
});

test.each([
  [
    'another account',
    (value: string) => `${Buffer.from('{"user":"x","name":"eve"}').toString('base64url')}.${value.split('.')[1]}`,
  ],
  ['another signature', (value: string) => `${value.split('.')[0]}.${'x'.repeat(43)}`],
  ['no signature', (value: string) => value.split('.')[0]!],
  ['markup', () => '<script>alert(1)</script>'],
])('A42: an account cookie with %s is ignored', async (_what, forge) => {
  const browser = await browserOf('ada');
  const value = /account=([^;]+)/.exec(browser.cookieHeader(target.origin))![1]!;
  const { status, text } = await fetch(accounts.authorizationUrl(), {
    headers: { cookie: `account=${forge(value)}` },
  }).then(async (response) => ({ status: response.status, text: await response.text() }));
  expect(status).toBe(200);
  expect(text).not.toMatch(/type="radio"|eve|alert/);
});

test('A42: the table and the logs contain no name of an account', async () => {
  const browser = await browserOf('ada');
  await approve(browser, await consentIn(browser));
  expect(JSON.stringify(await target.items(''))).not.toContain('ada@example.com');
});

test('A43: the callback in another browser than the one that consented is rejected and ends the sign-in', async () => {
  const [attacker, victim] = [new Browser(), new Browser()];
  const url = await interceptCallback(attacker);
  const before = await target.items('G#');
  expectPage(await victim.open(url, redirectUri), 403);
  expect((await attacker.open(url, redirectUri)).html).toContain('has been completed already');
  expect(await target.items('G#')).toEqual(before);
});

test('A43: the callback in a browser with another open sign-in is rejected', async () => {
  const [attacker, victim] = [new Browser(), new Browser()];
  await interceptCallback(victim);
  expectPage(await victim.open(await interceptCallback(attacker), redirectUri), 403);
});

test('A43: the callback with another value of the cookie is rejected and leaves the sign-in open', async () => {
  const browser = new Browser();
  const url = await interceptCallback(browser);
  const cookie = browser.cookieHeader(target.origin).replace(/=[\w-]{43}$/, `=${'x'.repeat(43)}`);
  const forged = await fetch(url, { headers: { cookie }, redirect: 'manual' });
  expect([forged.ok, forged.headers.get('location')]).toEqual([false, null]);
  expect((await browser.open(url, redirectUri)).status).toBe(303);
});

test('A44: a forged consent is rejected and leaves the request open', async () => {
  const { browser, page } = await atConsent();
  const [other, before] = [await atConsent(), await target.items('UP#')];
  const cookie = browser.cookieHeader(target.origin);
  const [name] = cookie.split('=');
  const forgeries: [string, Record<string, string>, Record<string, string>?][] = [
    ['no cookie', {}],
    ['the cookie of another flow', { cookie: other.browser.cookieHeader(target.origin) }],
    ['another value in the cookie', { cookie: `${name}=${'x'.repeat(43)}` }],
    ['an empty cookie', { cookie: `${name}=` }],
    ['the cookie twice', { cookie: `${cookie}; ${name}=planted` }],
    ['the request of another flow', { cookie }, formOf(other.page).fields],
    ['an unknown request', { cookie }, { request: 'x'.repeat(43) }],
    ['another site as its origin', { cookie, origin: 'https://evil.example' }],
    ['a sandboxed page as its origin', { cookie, origin: 'null' }],
    ['the own origin by another scheme', { cookie, origin: target.origin.replace('http:', 'https:') }],
    ['another port as its origin', { cookie, origin: 'http://127.0.0.1:1' }],
    ['another site by fetch metadata', { cookie, 'sec-fetch-site': 'cross-site' }],
    ['a sibling site by fetch metadata', { cookie, 'sec-fetch-site': 'same-site' }],
  ];
  for (const [what, headers, fields] of forgeries) {
    const answer = await forge(page, headers, fields);
    expect([what, answer.headers.get('location')]).toEqual([what, null]);
    expect([400, 403]).toContain(answer.status);
    expect(answer.headers.getSetCookie()).toEqual([]);
  }
  expect(await target.items('UP#')).toEqual(before);
  expect((await browser.submit(page, { answer: 'approve' }, redirectUri)).html).toContain('name="password"');
});

test.each(['', 'yes', 'Approve', 'approve '])(
  'A44: the answer %j is rejected and leaves the request open',
  async (answer) => {
    const { browser, page } = await atConsent();
    expectPage(await browser.submit(page, { answer }, redirectUri));
    expect((await browser.submit(page, { answer: 'approve' }, redirectUri)).html).toContain('name="password"');
  },
);

test('A44: a consent by GET is rejected', async () => {
  const { browser, page } = await atConsent();
  const answer = await browser.open(
    `${formOf(page).action}?${new URLSearchParams({ ...formOf(page).fields, answer: 'approve' })}`,
  );
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
});

test('A45: every page forbids framing', async () => {
  const { browser, page } = await atConsent();
  const pages = [
    page,
    await open((await target.client()).authorizationUrl({ client_id: 'dcr_unknown' })),
    await new Browser().submit(page, { answer: 'approve' }),
    await browser.open(`${target.origin}/callback?code=x&state=x`),
  ];
  for (const { headers } of pages) {
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  }
});

test('A46: two tabs of one browser both complete the sign-in', async () => {
  const browser = new Browser();
  const tabs = await Promise.all([atConsent(browser), atConsent(browser)]);
  for (const { page } of tabs) {
    const next = await browser.submit(page, { answer: 'approve' }, redirectUri);
    const back = next.url.startsWith(redirectUri)
      ? next
      : await browser.submit(next, { username: 'ada', password: 'ada' }, redirectUri);
    expect(answerAt(back)).toMatchObject({ code: expect.stringMatching(/^hac1_/), iss: target.origin });
  }
});

test('A46: abandoned tabs do not exceed the header limit with cookies', async () => {
  const browser = new Browser();
  const client = await target.client();
  let last = await browser.open(client.authorizationUrl(), redirectUri);
  for (let i = 0; i < 50; i++) last = await browser.open(client.authorizationUrl(), redirectUri);
  // API Gateway takes 10,240 bytes of headers in all.
  expect(browser.cookieHeader(target.origin).length).toBeLessThan(2048);
  expect((await browser.submit(last, { answer: 'approve' }, redirectUri)).html).toContain('name="password"');
});

test('A46: opening consent pages and dashboard sign-ins does not end a sign-in that waits at the provider', async () => {
  const browser = new Browser();
  const { page } = await atConsent(browser);
  const waiting = await browser.submit(page, { answer: 'approve' }, redirectUri);
  const client = await target.client();
  for (let i = 0; i < 25; i++) await browser.open(client.authorizationUrl(), redirectUri);
  for (let i = 0; i < 25; i++) await browser.open(`${target.origin}/dashboard/sign-in`, 'http://localhost:');
  expect(browser.cookieHeader(target.origin).length).toBeLessThan(4096);
  const back = await browser.submit(waiting, { username: 'ada', password: 'ada' }, redirectUri);
  expect(answerAt(back)).toMatchObject({ code: expect.stringMatching(/^hac1_/) });
});

test('A46: abandoned sign-ins do not exceed the header limit with cookies', async () => {
  const browser = new Browser();
  for (let i = 0; i < 25; i++) {
    const { page } = await atConsent(browser);
    await browser.submit(page, { answer: 'approve' }, 'http://localhost:');
  }
  expect(browser.cookieHeader(target.origin).length).toBeLessThan(2048);
});

test.each([
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  'javascript:alert(1)',
  '\u202eevil',
  'x'.repeat(3000),
])('A49: the error description of the provider does not reach the client: %j', async (text) => {
  const browser = new Browser();
  const { page } = await atConsent(browser);
  const provider = new URL((await browser.submit(page, { answer: 'approve' }, 'http://localhost:')).url);
  const failure = new URL(`${target.origin}/callback`);
  failure.search = String(
    new URLSearchParams({
      error: 'server_error',
      error_description: text,
      error_uri: text,
      state: provider.searchParams.get('state')!,
      iss: `${provider.origin}/${provider.pathname.split('/')[1]}`,
    }),
  );
  const back = await browser.open(failure.href, redirectUri);
  expect(answerAt(back)).toEqual({
    error: 'server_error',
    error_description: 'the identity provider rejected the sign-in',
    state: 'the-state',
    iss: target.origin,
  });
});

test('A49: a page does not contain the parameters of its URL', async () => {
  const markup = '<script>alert(1)</script>';
  const pages = await Promise.all(
    [
      'authorize?client_id=',
      'authorize?state=',
      'callback?state=',
      'callback?error=x&error_description=',
      'callback?code=',
    ].map((path) => open(`${target.origin}/${path}${encodeURIComponent(markup)}`)),
  );
  for (const page of pages) {
    expectPage(page, page.status);
    expect(page.html).not.toContain('alert(1)');
  }
});

test.each<[string, string, string]>([
  ['markup', '<script>alert(1)</script>', 'Connect “&lt;script&gt;alert(1)&lt;/script&gt;”?'],
  ['attributes', '"\'><b onx=1>', 'Connect “&#39;&#39;&gt;&lt;b onx=1&gt;”?'],
  ['entities', '&lt;b&gt;', 'Connect “&amp;lt;b&amp;gt;”?'],
  ['direction marks', 'Cla\u202eude\u2066\u200f', 'Connect “Claude”?'],
  ['zero-width characters', 'Cl\u200ba\u200cu\u200dd\u2060e\ufeff', 'Connect “Claude”?'],
  ['invisible letters', '\u3164\u115f\u1160\uffa0\u034f\u2800', 'Connect “Unnamed client”?'],
  ['tags and variation selectors', 'Claude\u{e0041}\ufe0f\u{e0100}', 'Connect “Claude”?'],
  ['control characters and lines', 'Cla\u0000u\u001bde\r\n\u2028\u2029', 'Connect “Claude”?'],
  [
    'a sentence',
    'Claude? It was set up by the owner of this server. Approve',
    'Connect “Claude? It was set up by the owner of t…”?',
  ],
  ['quotation marks', 'Claude”? Approve “it', 'Connect “Claude&#39;? Approve &#39;it”?'],
  ['79 combining marks', `Claude${'\u0301'.repeat(79)}`, `Connect “Claud\u00e9${'\u0301'.repeat(4)}”?`],
  ['only spaces', ' \u00a0\u2003 ', 'Connect “Unnamed client”?'],
  ['no characters', '', 'Connect “Unnamed client”?'],
])('A50: a client name with %s is escaped or cleaned', async (_what, name, shown) => {
  const { html } = await open((await target.client({ client_name: name })).authorizationUrl());
  expect(html).toContain(`<h1>${shown}</h1>`);
  expect(html).not.toMatch(/<script|<img|<b /);
});

test('A50: a long client name is shortened between characters', async () => {
  const { html } = await open((await target.client({ client_name: '\u{1f600}'.repeat(200) })).authorizationUrl());
  const [, name = ''] = /<h1>Connect “(.*)”\?<\/h1>/.exec(html)!;
  expect(name).toMatch(/^(\u{1f600})+…$/u);
  expect(Array.from(name).length).toBeLessThanOrEqual(40);
});

test('A50: the consent page neither loads nor links a URL of the client metadata', async () => {
  const hostile = 'https://evil.example/x';
  const client = await target.client({
    client_uri: hostile,
    logo_uri: hostile,
    policy_uri: 'javascript:alert(1)',
    tos_uri: hostile,
    contacts: [hostile],
    software_statement: hostile,
  });
  const { html, headers } = await open(client.authorizationUrl({ scope: 'mcp <b>' }));
  expect(html).not.toMatch(/evil\.example|javascript:|<script|<img|<a |<link|url\(|<b>/);
  expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/]+=*';/);
});

test('A50: the consent page shows the client, the redirect host and the resource', async () => {
  const { html } = await open((await target.client()).authorizationUrl());
  for (const text of ['has not been verified', '>127.0.0.1<', `${target.origin}/mcp`, 'Deny'])
    expect(html).toContain(text);
  const hosted = await target.client({ redirect_uris: ['https://c.example/cb'] });
  const page = await open(hosted.authorizationUrl({ redirect_uri: 'https://c.example/cb' }));
  expect(page.html).toContain('>c.example<');
});

test('P3: the consent page shows the client, the whole redirect URI and the scopes at the identity provider', async () => {
  const { html } = await open((await target.client({ client_name: 'Claude Code' })).authorizationUrl());
  expect(html).toContain('<h1>Connect “Claude Code”?</h1>');
  expect(html).toContain(`>${redirectUri}<`);
  expect(html).toContain('requests your user ID, your name and profile, your e-mail address. The app gets no');
  const markup = `https://c.example/${'x'.repeat(500)}?<script>alert(1)</script>&a="'`;
  const hosted = await target.client({ redirect_uris: [markup] });
  const page = await open(hosted.authorizationUrl({ redirect_uri: markup }));
  const shown = markup.replace('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  expect(page.html).toContain(`>${shown.replace('"', '&quot;').replace("'", '&#39;')}<`);
});

test('P3: the consent page is in the language that the client or the browser asks for', async () => {
  const url = (await target.client()).authorizationUrl();
  const german = await (await fetch(url, { headers: { 'accept-language': 'de-AT,de;q=0.9,en;q=0.8' } })).text();
  expect(german).toContain('<html lang="de"');
  expect(german).toContain('Sie melden sich mit');
  const spanish = await fetch(`${url}&ui_locales=es`, { headers: { 'accept-language': 'de' } });
  expect(await spanish.text()).toContain('<html lang="es"');
});

test('C10: the consent page warns of loopback redirects, and of no others', async () => {
  const hosted = await target.client({ redirect_uris: ['https://c.example/cb'] });
  const warning = 'Access goes to a program on the computer that you are using now';
  expect((await open((await target.client()).authorizationUrl())).html).toContain(warning);
  expect((await open(hosted.authorizationUrl({ redirect_uri: 'https://c.example/cb' }))).html).not.toContain(warning);
});

test('P2: an approval is stored with user, client, redirect host and scopes', async () => {
  const client = await target.client({ client_name: 'Audited' });
  const tokens = await client.tokensFor('grace');
  const { user } = await target.item(`G#${grantOf(tokens)}`);
  const ofClient = (await target.items(`U#${user}`)).filter((item) => item.client === client.id);
  expect(ofClient).toEqual([
    expect.objectContaining({ clientName: 'Audited', redirectHost: '127.0.0.1:33418', scopes: ['mcp'] }),
  ]);
});

test('P6: no upstream state exists before the user has consented', async () => {
  const before = await target.items('UP#');
  const { browser, page } = await atConsent();
  expect(await target.items('UP#')).toEqual(before);
  expect(browser.cookieHeader(target.origin)).toMatch(/^consent-[\w-]{16}=[\w-]{43}$/);
  await browser.submit(page, { answer: 'approve' }, 'http://localhost:');
  expect(browser.cookieHeader(target.origin)).toMatch(/^sign-in-[\w-]{16}=[\w-]{43}$/);
  expect((await target.items('UP#')).length).toBe(before.length + 1);
});

test('A51: a callback with an unknown, malformed or used state is rejected', async () => {
  const browser = new Browser();
  const url = await interceptCallback(browser);
  for (const callback of ['', '?', '?code=x', '?code=x&state=', '?state=a&state=b']) {
    expectPage(await browser.open(`${target.origin}/callback${callback}`));
  }
  for (const callback of ['?code=x&state=unknown', `?state=${'x'.repeat(5000)}`, '?error=access_denied&state=x']) {
    expectPage(await browser.open(`${target.origin}/callback${callback}`), 403);
  }
  expect((await browser.open(url, redirectUri)).status).toBe(303);
  expectPage(await browser.open(url, redirectUri), 403);
});

test('A51: of concurrent callbacks with one state, one succeeds', async () => {
  const browser = new Browser();
  const url = await interceptCallback(browser);
  const headers = { cookie: browser.cookieHeader(target.origin) };
  const answers = await Promise.all(Array.from({ length: 10 }, () => fetch(url, { headers, redirect: 'manual' })));
  const codes = answers.map((each) => each.headers.get('location')).filter((location) => location?.includes('code='));
  expect(codes).toHaveLength(1);
});

test('A51: a callback that is repeated with its cookie, as after a lost response, receives the same code', async () => {
  const browser = new Browser();
  const url = await interceptCallback(browser);
  const headers = { cookie: browser.cookieHeader(target.origin) };
  const before = (await target.items('G#')).length;
  const first = (await fetch(url, { headers, redirect: 'manual' })).headers.get('location')!;
  // The provider, where the user is signed in, issues another code.
  const repeated = await browser.open(url, redirectUri);
  expect(answerAt(repeated)).toEqual(Object.fromEntries(new URL(first).searchParams));
  expect(await target.items('G#')).toHaveLength(before + 1);
  expectPage(await browser.open(url, redirectUri), 403);
});

test('A51: concurrent consents to one request, as by a double click, start one sign-in', async () => {
  const { browser, page } = await atConsent();
  const cookie = browser.cookieHeader(target.origin);
  const before = (await target.items('UP#')).length;
  const answers = await Promise.all(Array.from({ length: 10 }, () => forge(page, { cookie })));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 303));
  expect(new Set(answers.map(({ headers }) => headers.get('location'))).size).toBe(1);
  expect(new Set(answers.map(({ headers }) => headers.getSetCookie().join())).size).toBe(1);
  expect(await target.items('UP#')).toHaveLength(before + 1);
});

test('A51: a consent with another answer, or long after the first, is rejected', async () => {
  const { browser, page } = await atConsent();
  const cookie = browser.cookieHeader(target.origin);
  expect((await forge(page, { cookie })).status).toBe(303);
  expect((await forge(page, { cookie }, { answer: 'deny' })).status).toBe(400);
  const answered = (await target.items('AR#')).filter((item) => item.answer === 'approve');
  expect(answered).not.toEqual([]);
  for (const item of answered) await target.put({ ...item, answeredAt: Number(item.answeredAt) - 21 });
  expect((await forge(page, { cookie })).status).toBe(400);
});

test('A53: the code and state of an attacker do not sign in a victim', async () => {
  const [attacker, victim] = [new Browser(), new Browser()];
  const hers = new URL(await interceptCallback(victim));
  const his = new URL(await interceptCallback(attacker));
  expectPage(await victim.open(his.href, redirectUri), 403);
  hers.searchParams.set('code', his.searchParams.get('code')!);
  expect(answerAt(await victim.open(hers.href, redirectUri))).toMatchObject({ error: 'server_error' });
});

test('A54: a denial reaches the client as access_denied and creates no grant', async () => {
  const before = await target.items('G#');
  const { browser, page } = await atConsent();
  const back = await browser.submit(page, { answer: 'deny' }, redirectUri);
  expect(answerAt(back)).toEqual({ error: 'access_denied', state: 'the-state', iss: target.origin });
  expect((await browser.submit(page, { answer: 'approve' })).html).toContain('has been approved or denied already');
  expect(await target.items('G#')).toEqual(before);
});

test('A54: a denial at the provider reaches the client as access_denied and creates no grant', async () => {
  const [before, browser] = [await target.items('G#'), new Browser()];
  const { page } = await atConsent(browser);
  const provider = new URL((await browser.submit(page, { answer: 'approve' }, 'http://localhost:')).url);
  const denial = new URL(`${target.origin}/callback?error=access_denied`);
  denial.searchParams.set('state', provider.searchParams.get('state')!);
  denial.searchParams.set('iss', `${provider.origin}/${provider.pathname.split('/')[1]}`);
  expect(answerAt(await browser.open(denial.href, redirectUri))).toEqual({
    error: 'access_denied',
    error_description: 'the identity provider denied the sign-in',
    state: 'the-state',
    iss: target.origin,
  });
  expectPage(await browser.open(denial.href, redirectUri), 403);
  expect(await target.items('G#')).toEqual(before);
});
