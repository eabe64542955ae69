import { type OAuthClient, redirectUri, register } from '../../bench/harness/raw-oauth-client.ts';
import { approveAndSignIn, Browser, formOf } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { expectPage, offeredAt, open, refusal } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
let hosted: OAuthClient;
let native: OAuthClient;
beforeAll(async () => {
  target = await TestCloud.start();
  hosted = await target.client({ redirect_uris: ['https://c.example/cb'] });
  native = await target.client({ redirect_uris: ['http://127.0.0.1/cb'] });
});
afterAll(() => target?.stop());

const authorize = (client: OAuthClient, uri: string | undefined) =>
  open(client.authorizationUrl({ redirect_uri: uri }));
const isConsentPage = /<h1>Connect /;

test.each([
  'https://evil.example/cb',
  'https://c.example.evil.example/cb',
  'http://127.0.0.1/cb',
  'cursor://x/cb',
  '/cb',
  'cb',
  '*',
])('A11: an unregistered redirect URI is rejected: %s', async (uri) => expectPage(await authorize(hosted, uri)));

test.each([
  'https://c.example/cb/',
  'https://c.example/cb/x',
  'https://c.example/cbx',
  'https://c.example/c',
  'https://c.example/',
  'https://c.example',
  'https://c.example/cb?',
  'https://c.example/cb?x=1',
  'https://c.example/cb#',
  'https://c.example/CB',
  'https://C.example/cb',
  'HTTPS://c.example/cb',
  'https://c.example:443/cb',
  'https://c.example:8443/cb',
  'http://c.example/cb',
  'https://c.example./cb',
  'https://c.example//cb',
  'https://c.example/./cb',
  'https://c.example/x/../cb',
  'https://c.example/%63b',
  'https://c.example/cb%00',
  'https://c.example/cb%0d%0aLocation:%20https://evil.example',
  'https:\\\\c.example\\cb',
  'https://c.example\\@evil.example/cb',
  ' https://c.example/cb',
  'https://c.example/cb ',
  'https://c.example/c\tb',
  'https://sub.c.example/cb',
])('A12: a redirect URI that differs from the registered string is rejected: %j', async (uri) => {
  expectPage(await authorize(hosted, uri));
});

test('A12: the registered string is accepted', async () => {
  expect((await authorize(hosted, 'https://c.example/cb')).html).toMatch(isConsentPage);
});

test.each([
  'https://c.example@evil.example/cb',
  'https://c.example:x@evil.example/cb',
  'https://@evil.example/cb',
  'http://127.0.0.1@evil.example/cb',
  'http://127.0.0.1:80@evil.example/cb',
  'cursor://c.example@evil.example/cb',
])('A14: userinfo in a redirect URI is rejected: %s', async (uri) => {
  expect(await refusal(await register(target.origin, { redirect_uris: [uri] }))).toEqual([400, 'invalid_redirect_uri']);
  for (const client of [hosted, native]) expectPage(await authorize(client, uri));
});

test.each(['https://c.example/cb#x', 'https://c.example/cb#', 'http://127.0.0.1/cb#x', 'cursor://x/cb#x'])(
  'A16: a fragment in a redirect URI is rejected: %s',
  async (uri) => {
    expect(await refusal(await register(target.origin, { redirect_uris: [uri] }))).toEqual([
      400,
      'invalid_redirect_uri',
    ]);
    for (const client of [hosted, native]) expectPage(await authorize(client, uri));
  },
);

test.each([
  'javascript:alert(1)',
  ' JaVaScRiPt:alert(1)',
  'JAVASCRIPT://c.example/%0aalert(1)',
  'javascript://c.example/%0aalert(1)',
  'java\tscript:alert(1)',
  'java\nscript://alert(1)',
  '\u0000javascript:alert(1)',
  'data:text/html,x',
  'data://text/html,x',
  'vbscript:x',
  'vbscript://x',
  'file:///etc/passwd',
  'blob:https://c.example/x',
  'about:blank',
  'about://blank',
  'view-source:https://c.example/',
  'view-source://c.example/',
  'intent://c.example/#Intent;end',
  'intent://c.example/',
  'filesystem:https://c.example/x',
  'jar:https://c.example/!/',
  'chrome://settings',
  'ms-settings://x',
  'search-ms://x',
  'ws://c.example/',
  'ftp://c.example/',
  'mailto:a@c.example',
  'tel:1',
  '//c.example/cb',
  'c.example/cb',
  '',
])('A17: a scheme that does not reach an application is rejected: %j', async (uri) => {
  expect(await refusal(await register(target.origin, { redirect_uris: [uri] }))).toEqual([400, 'invalid_redirect_uri']);
  expect(await refusal(await register(target.origin, { redirect_uris: ['https://c.example/cb', uri] }))).toEqual([
    400,
    'invalid_redirect_uri',
  ]);
  expectPage(await authorize(hosted, uri));
});

test.each([
  ...['https://*.evil.example/cb', 'https://c.example/*', 'https://*/cb', 'cursor://*/cb', 'http://127.0.0.1:*/cb'],
  ...[
    'https://%65vil.example/cb',
    'https://evil%2eexample/cb',
    'https://c.example%40evil.example/cb',
    'cursor://%65/cb',
  ],
  ...['https://c.example/a/../cb', 'https://c.example/./cb', 'https://c.example/a/%2e%2E/cb', 'https://c.example/..'],
  ...['https://c.example/a/..%2fcb', 'https://c.example/a%2F..%5Ccb', 'http://127.0.0.1/a/../cb', 'cursor://x/../cb'],
  ...['com.example.app:/a/../cb', 'https://c.example/.%2e/cb', 'https://c.example/a/.'],
  ...[
    'https://0x7f.1/cb',
    'https://2130706433/cb',
    'https://127.1/cb',
    'https://0177.0.0.1/cb',
    'https://127.0.0.1./cb',
  ],
  ...[
    'https://[::ffff:127.0.0.1]/cb',
    'https://[0:0:0:0:0:0:0:1]/cb',
    'https://[2001:DB8:0::1]/cb',
    'http://[::01]/cb',
  ],
  ...[
    'https://c.example./cb',
    'https://c.example:/cb',
    'https:///c.example/cb',
    'https:/c.example/cb',
    'https:c.example/cb',
  ],
])('A12: a redirect URI that another parser can read differently is rejected: %s', async (uri) => {
  for (const redirect_uris of [[uri], ['https://c.example/cb', uri]]) {
    expect(await refusal(await register(target.origin, { redirect_uris }))).toEqual([400, 'invalid_redirect_uri']);
  }
  for (const client of [hosted, native]) expectPage(await authorize(client, uri));
});

test.each([
  'com.example.app:/oauth2redirect',
  'com.example.app:/cb?x=1',
  'com.example.app://callback',
  'claude://claude.ai/mcp-auth-callback/sdk',
  'https://localhost:3000/cb',
  'https://localhost/cb',
  'https://127.0.0.1:3000/cb',
  'https://[::1]/cb',
])('A17: a native application may use %s', async (uri) => {
  const client = await target.client({ redirect_uris: [uri] });
  expect((await authorize(client, uri)).html).toMatch(isConsentPage);
  const back = await approveAndSignIn(client.authorizationUrl({ redirect_uri: uri }), 'ada');
  expect(back.href.startsWith(uri.split('?')[0]!)).toBe(true);
  const answer = await client.redeem(back.searchParams.get('code')!, { redirect_uri: uri });
  expect(answer.status).toBe(200);
});

test('A17: the consent page warns about a redirect to this computer by https too', async () => {
  const client = await target.client({ redirect_uris: ['https://localhost:3000/cb'] });
  expect((await authorize(client, 'https://localhost:3000/cb')).html).toContain('a program on this computer');
});

test.each([
  ['unheard-of://x/callback', 'its scheme is not one of redirectSchemes'],
  ['unheard-of:/callback', 'its scheme is not one of redirectSchemes'],
  ['com.example.app:callback', 'its path does not begin with a slash'],
  ['https://intranet/cb', 'its host is not a public name'],
])('A17: %s is registered beside another URI, and rejected when it is used, with the reason', async (uri, reason) => {
  const registered = await register(target.origin, { redirect_uris: [uri] });
  expect([registered.status, ((await registered.json()) as { error_description: string }).error_description]).toEqual([
    400,
    expect.stringContaining(reason),
  ]);
  const client = await target.client({ redirect_uris: [uri, 'https://c.example/cb'] });
  expect((await authorize(client, 'https://c.example/cb')).html).toMatch(isConsentPage);
  const page = await authorize(client, uri);
  expectPage(page);
  expect(page.html).toContain(reason);
});

test('A17: a private-use scheme may be registered, and used only if the operator allows it', async () => {
  const uris = ['cursor://anysphere.cursor-mcp/oauth/callback', 'unheard-of://x/callback'];
  const client = await target.client({ redirect_uris: uris });
  expect((await authorize(client, uris[0])).html).toMatch(isConsentPage);
  expectPage(await authorize(client, uris[1]));
});

test.each([
  'http://c.example/cb',
  'http://localhost.evil.example/cb',
  'http://127.0.0.1.evil.example/cb',
  'http://evil.example#localhost/cb',
  'http://0.0.0.0/cb',
  'http://[::]/cb',
  'http://[::ffff:127.0.0.1]/cb',
  'http://[::2]/cb',
  'http://2130706433/cb',
  'http://0x7f.1/cb',
  'http://0x7f000001/cb',
  'http://0177.0.0.1/cb',
  'http://127.1/cb',
  'http://127.0.0.256/cb',
  'http://128.0.0.1/cb',
  'http://10.0.0.1/cb',
  'http://192.168.0.1/cb',
  'http://169.254.169.254/cb',
  'http://localhost:/cb',
  'http://localhost:99999/cb',
  'http://localhost:x/cb',
  'http://LOCALHOST/cb',
  'http://localhost./cb',
  'http:/localhost/cb',
  'http:localhost/cb',
  'http://ⓛocalhost/cb',
])('A18: http is rejected except on loopback: %s', async (uri) => {
  expect(await refusal(await register(target.origin, { redirect_uris: [uri] }))).toEqual([400, 'invalid_redirect_uri']);
  expectPage(await authorize(native, uri));
});

test.each(['http://127.0.0.1/cb', 'http://127.0.0.1:51234/cb', 'http://127.0.0.1:1/cb'])(
  'A19: a loopback redirect URI matches on any port: %s',
  async (uri) => expect((await authorize(native, uri)).html).toMatch(isConsentPage),
);

test.each([
  'http://localhost:51234/cb',
  'http://[::1]:51234/cb',
  'http://127.0.0.2:51234/cb',
  'http://127.0.0.1:51234/cb/',
  'http://127.0.0.1:51234/other',
  'http://127.0.0.1:51234/cb?x=1',
  'http://127.0.0.1:51234',
  'https://127.0.0.1:51234/cb',
  'http://127.0.0.1:51234@evil.example/cb',
  'http://127.0.0.1:51234.evil.example/cb',
  'http://127.0.0.1:512345/cb',
])('A19: a loopback redirect URI that differs in more than the port is rejected: %s', async (uri) =>
  expectPage(await authorize(native, uri)),
);

test('A19: an https redirect URI with another port is rejected', async () => {
  const client = await target.client({ redirect_uris: ['https://c.example:8443/cb'] });
  expectPage(await authorize(client, 'https://c.example:8444/cb'));
});

test.each([
  ...['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response'].map((name) => `x=1&${name}=y`),
  ...['%63ode=x', 'i%73s=https://evil.example', 'error%5Fdescription=x', 'state', 'code=&x=1'],
])('A20: a redirect URI whose query has a parameter of the response is rejected: %s', async (query) => {
  for (const uri of [`https://c.example/cb?${query}`, `http://127.0.0.1/cb?${query}`, `cursor://x/cb?${query}`]) {
    for (const redirect_uris of [[uri], ['https://c.example/cb', uri]]) {
      expect(await refusal(await register(target.origin, { redirect_uris }))).toEqual([400, 'invalid_redirect_uri']);
    }
  }
});

test('A20: iss occurs exactly once in the response, and the query of the registered URI remains', async () => {
  const client = await target.client({
    redirect_uris: ['http://127.0.0.1/callback?issuer=x&Code=x&keep=1'],
  });
  const uri = `${redirectUri}?issuer=x&Code=x&keep=1`;
  const browser = new Browser();
  const page = await browser.open(client.authorizationUrl({ redirect_uri: uri }), redirectUri);
  const answer = new URL((await browser.submit(page, { answer: 'deny' }, redirectUri)).url).searchParams;
  expect(answer.getAll('iss')).toEqual([target.origin]);
  expect(answer.get('keep')).toBe('1');
});

test.each([
  ['omitted', undefined],
  ['empty', ''],
])('A21: a redirect URI that is %s is rejected without redirect', async (_what, uri) => {
  for (const client of [hosted, native]) expectPage(await authorize(client, uri));
});

test('A22: a repeated redirect URI is rejected, in any order', async () => {
  const [right, wrong] = ['https://c.example/cb', 'https://evil.example/cb'].map(encodeURIComponent);
  for (const pair of [
    [right, wrong],
    [wrong, right],
    [right, right],
  ]) {
    const url = hosted.authorizationUrl({ redirect_uri: undefined });
    expectPage(await open(`${url}&redirect_uri=${pair.join('&redirect_uri=')}`));
  }
});

test.each([
  'http://127.0.0.1:1/callback',
  'http://127.0.0.1:33418/callback/',
  'http://localhost:33418/callback',
  'https://evil.example/',
])('A23: a redemption with another redirect URI is rejected and leaves the code valid: %s', async (uri) => {
  const { client, code } = await target.withCode();
  expect(await refusal(await client.redeem(code, { redirect_uri: uri }))).toEqual([400, 'invalid_grant']);
  expect((await client.redeem(code)).status).toBe(200);
});

test('A23: a redemption without redirect URI is bound by PKCE alone', async () => {
  const { client, code } = await target.withCode();
  expect((await client.redeem(code, { redirect_uri: undefined })).status).toBe(200);
});

test('A25: an error goes to a client that registered itself by a click, and only to a registered URI', async () => {
  const client = await target.client({ redirect_uris: [redirectUri, 'https://evil.example/phish'] });
  const phishing = { prompt: 'none', redirect_uri: 'https://evil.example/phish' };
  const page = await open(client.authorizationUrl(phishing));
  expect(page.html).toContain('Back to evil.example');
  expect(offeredAt(page)).toMatchObject({ error: 'interaction_required', state: 'the-state', iss: target.origin });
  for (const change of [{ redirect_uri: 'https://evil.example/' }, { client_id: 'dcr_unknown' }]) {
    const rejected = await open(client.authorizationUrl({ prompt: 'none', ...change }));
    expectPage(rejected);
    expect(() => offeredAt(rejected)).toThrow('no button');
  }
});

test('A26: every redirect after a POST is 303', async () => {
  const client = await target.client();
  for (const answer of ['approve', 'deny']) {
    const browser = new Browser();
    const form = formOf(await browser.open(client.authorizationUrl(), redirectUri));
    const headers = { cookie: browser.cookieHeader(target.origin) };
    const body = new URLSearchParams({ ...form.fields, answer });
    expect((await fetch(form.action, { method: 'POST', headers, body, redirect: 'manual' })).status).toBe(303);
  }
});
