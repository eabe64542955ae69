import { Browser, formOf } from '../../bench/harness/form-browser.ts';
import {
  callTool,
  initialize,
  type OAuthClient,
  postMcp,
  redirectUri,
  type Tokens,
} from '../../bench/harness/raw-oauth-client.ts';
import { Provider } from '../support/fake-token-provider.ts';
import { type Item, TestCloud } from '../support/test-cloud.ts';
import { grantOf, json } from '../support/wire-checks.ts';

/** A whole run, with failures of every kind, and then a search for whatever was secret in it. */

jest.setTimeout(60_000);

type Answered = { url: string; status: number; location: string | null; text: string };

let provider: Provider;
let target: TestCloud;
const answers: Answered[] = [];
/** What only its owner may know: name and text. */
const secrets = new Map<string, string>();
let whileUnderway: Item[];
let atTheEnd: Item[];

const keep = <T extends string>(name: string, secret: T): T => {
  secrets.set(name, secret);
  return secret;
};

function keepCookies(step: string, browser: Browser): void {
  for (const [i, pair] of browser.cookieHeader(target.origin).split('; ').filter(Boolean).entries()) {
    keep(`cookie ${i} of ${step}`, pair.split(/=(.*)/s)[1]!);
  }
}

/** Signs in by hand, keeping every secret that comes by. */
async function signIn(client: OAuthClient): Promise<Tokens> {
  const browser = new Browser();
  const consent = await browser.open(client.authorizationUrl(), redirectUri);
  keep('consent handle', formOf(consent).fields.request!);
  keepCookies('consent', browser);
  const callback = await browser.submit(consent, { answer: 'approve' }, `${target.origin}/callback`);
  keepCookies('sign-in', browser);
  keep('state at the provider', new URL(callback.url).searchParams.get('state')!);
  keep('code of the provider', new URL(callback.url).searchParams.get('code')!);
  whileUnderway = await target.items();
  const back = await browser.open(callback.url, redirectUri);
  const code = keep('code', new URL(back.url).searchParams.get('code')!);
  keep('verifier', client.verifier);
  await client.redeem(code, { code_verifier: keep('wrong verifier', 'w'.repeat(43)) });
  const tokens = (await json(await client.redeem(code))) as unknown as Tokens;
  await client.redeem(code);
  keep('access token', tokens.access_token);
  keep('refresh token', tokens.refresh_token);
  return tokens;
}

/** Calls every tool there is, with an argument that nobody else is to see. */
async function callEveryTool({ access_token }: Tokens): Promise<void> {
  const started = await postMcp(target.origin, access_token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  const send = async (body: unknown) => (await postMcp(target.origin, access_token, body, session)).text();
  const listed = await send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const names = Array.from(listed.matchAll(/"name":"(\w+)"/g), ([, name]) => name!);
  expect(names.length).toBeGreaterThanOrEqual(5);
  const input = { name: 'diary', text: 'nobody-is-to-read-this', steps: 1, minutes: 0.01 };
  for (const name of new Set(names)) await send(callTool(name, input));
  for (const name of ['no_such_tool', 'note']) await send(callTool(name, { wrong: 'nobody-is-to-read-this' }));
}

async function fail(client: OAuthClient, tokens: Tokens): Promise<void> {
  const forged = keep('forged refresh token', tokens.refresh_token.replace(/[^.]+$/, 'F'.repeat(43)));
  await client.refresh(forged);
  await client.refresh(tokens.refresh_token, { client_id: 'dcr_other' });
  await client.refresh(tokens.refresh_token, { client_secret: keep('guessed secret', 'guessed-client-secret') });
  await postMcp(
    target.origin,
    keep('forged access token', `${tokens.access_token.slice(0, -20)}${'A'.repeat(20)}`),
    initialize,
  );
  await postMcp(target.origin, keep('bearer of another kind', 'some-other-secret-bearer'), initialize);
  await fetch(
    `${target.origin}/callback?code=${keep('stray code', 'stray-upstream-code')}&state=${keep('stray state', 'stray-upstream-state')}`,
  );
  for (const service of ['dynamodb', 'kms'] as const) {
    await target.without(service, async () => {
      await client.refresh(tokens.refresh_token);
      await client.redeem('hac1_x');
      await postMcp(target.origin, tokens.access_token, initialize);
    });
  }
  await target.without('dynamodb', () => client.revoke(tokens.refresh_token));
  const sealed = await target.item(`T#${grantOf(tokens)}`);
  await target.put({ ...sealed, sealed: 'damaged', expiresAt: 1 });
  await client.refresh(tokens.refresh_token);
  await callEveryTool(tokens);
  await target.put({ ...sealed, expiresAt: 1 });
  provider.onRefresh = async () => ({ status: 500, body: { error: 'x', echo: 'something-of-the-providers' } });
  await client.refresh(tokens.refresh_token);
}

beforeAll(async () => {
  provider = await Provider.start();
  target = await TestCloud.start({ change: provider.use });
  const send = globalThis.fetch;
  globalThis.fetch = async (...request) => {
    const answer = await send(...request);
    const { status, headers } = answer;
    answers.push({
      url: String(request[0]),
      status,
      location: headers.get('location'),
      text: await answer.clone().text(),
    });
    return answer;
  };
  let issued = 0;
  const keepAll = (answer: Awaited<ReturnType<Provider['tokens']>>) => {
    issued++;
    const { access_token, refresh_token, id_token } = answer.body as Record<string, string>;
    for (const [name, token] of Object.entries({ access_token, refresh_token, id_token }))
      keep(`${name} ${issued} of the provider`, token!);
    return answer;
  };
  provider.onCode = async (asked) => {
    keep('nonce', asked.nonce);
    return keepAll(await provider.tokens(asked));
  };
  provider.onRefresh = async () => keepAll(await provider.tokens({ nonce: '', sub: provider.sub }));

  const client = await target.client();
  const tokens = await signIn(client);
  await callEveryTool(tokens);
  const next = (await json(await client.refresh(tokens.refresh_token))) as unknown as Tokens;
  keep('next access token', next.access_token);
  keep('next refresh token', next.refresh_token);
  await fail(client, next);
  atTheEnd = await target.items();
  await client.revoke(next.access_token);
  await postMcp(target.origin, next.access_token, initialize);
});
afterAll(async () => {
  await target?.stop();
  await provider.stop();
});

/** The names of the secrets that are found in the text. */
const found = (text: string, except: string[] = []) =>
  Array.from(secrets).flatMap(([name, secret]) => (!except.includes(name) && text.includes(secret) ? [name] : []));

test('A109: the run has had secrets of every kind', () => {
  expect(secrets.size).toBeGreaterThan(20);
  for (const secret of secrets.values()) expect(secret.length).toBeGreaterThan(10);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 201, 303, 400, 401, 403, 500, 503]));
});

test('A109: no secret is in any log, nor what a tool was called with', () => {
  const { log } = target;
  expect(log).toMatch(/outage/);
  expect(found(log)).toEqual([]);
  expect(log).not.toContain('nobody-is-to-read-this');
});

test('A109: no secret is in the table, at the end of the run', () => {
  expect(atTheEnd.map(({ pk }) => pk.split('#')[0])).toEqual(
    expect.arrayContaining(['CL', 'CO', 'D', 'G', 'K', 'N', 'S', 'T', 'U']),
  );
  expect(found(JSON.stringify(atTheEnd))).toEqual([]);
});

test('A109: what a tool was called with, and what it answered, is not in the record of its calls', () => {
  const calls = atTheEnd.filter(({ pk }) => pk.startsWith('D#'));
  expect(calls.length).toBeGreaterThan(10);
  expect(JSON.stringify(calls)).not.toContain('nobody-is-to-read-this');
});

test('A109: while a sign-in is under way the table has what has to come back, and nothing that lets one go on with it', () => {
  expect(whileUnderway.map(({ pk }) => pk.split('#')[0])).toContain('UP');
  expect(found(JSON.stringify(whileUnderway))).toEqual(['nonce']);
});

test('A109: no secret is in the answer to a request that failed', () => {
  const failed = answers.filter(({ status }) => status >= 400);
  expect(failed.length).toBeGreaterThan(10);
  for (const { url, text } of failed) expect([new URL(url).pathname, found(text)]).toEqual([new URL(url).pathname, []]);
});

test('A109: no token, verifier or cookie is in any address, and codes only where they go', () => {
  const locations = answers.flatMap(({ location }) => location ?? []);
  const oneWay = ['state at the provider', 'code of the provider', 'code', 'nonce'];
  expect(found(locations.join('\n'), oneWay)).toEqual([]);
  const withCode = locations.filter((location) => location.includes(secrets.get('code')!));
  expect(withCode.map((location) => location.split('?')[0])).toEqual([redirectUri]);
});

test('A109: no tool is handed the client’s token', () => {
  const called = answers.filter(({ url, status }) => url.endsWith('/mcp') && status === 200);
  for (const { text } of called) expect(found(text)).toEqual([]);
});
