import { setVariables } from '../../bench/harness/assembly.ts';
import {
  callTool,
  initialize,
  type OAuthClient,
  postMcp,
  redirectUri,
  type Tokens,
} from '../../bench/harness/raw-oauth-client.ts';
import { Browser, formOf } from '../../local/testing/form-browser.ts';
import { AssertionIssuer, redeemAssertion } from '../support/assertion-issuer.ts';
import { runCli } from '../support/cli-process.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { Provider } from '../support/fake-token-provider.ts';
import { type Item, TestCloud } from '../support/test-cloud.ts';
import { basic } from '../support/token-facade.ts';
import { grantOf, json } from '../support/wire-checks.ts';

/** One run with sign-in, calls and failures of every kind, followed by a search for its secrets. */

jest.setTimeout(60_000);

type MachineClient = { client_id: string; client_secret: string };

type RecordedResponse = { url: string; status: number; location: string | null; text: string };

let provider: Provider;
let target: TestCloud;
/** Of workloads, and of an enterprise; `nightly`, a machine client, has the same key. */
let signer: AssertionIssuer;
const responses: RecordedResponse[] = [];
/** Secrets of one party each, by name. */
const secrets = new Map<string, string>();
let itemsDuringSignIn: Item[];
let itemsAtTheEnd: Item[];

const recordSecret = <T extends string>(name: string, secret: T): T => {
  secrets.set(name, secret);
  return secret;
};

function recordCookies(step: string, browser: Browser): void {
  for (const [i, pair] of browser.cookieHeader(target.origin).split('; ').filter(Boolean).entries()) {
    recordSecret(`cookie ${i} of ${step}`, pair.split(/=(.*)/s)[1]!);
  }
}

/** Signs in step by step and records every secret. */
async function signIn(client: OAuthClient): Promise<Tokens> {
  const browser = new Browser();
  const consent = await browser.open(client.authorizationUrl(), redirectUri);
  recordSecret('consent handle', formOf(consent).fields.request!);
  recordCookies('consent', browser);
  const callback = await browser.submit(consent, { answer: 'approve' }, `${target.origin}/callback`);
  recordCookies('sign-in', browser);
  recordSecret('state at the provider', new URL(callback.url).searchParams.get('state')!);
  recordSecret('code of the provider', new URL(callback.url).searchParams.get('code')!);
  itemsDuringSignIn = await target.items();
  const back = await browser.open(callback.url, redirectUri);
  const code = recordSecret('code', new URL(back.url).searchParams.get('code')!);
  recordSecret('verifier', client.verifier);
  await client.redeem(code, { code_verifier: recordSecret('wrong verifier', 'w'.repeat(43)) });
  const tokens = (await json(await client.redeem(code))) as unknown as Tokens;
  await client.redeem(code);
  recordSecret('access token', tokens.access_token);
  recordSecret('refresh token', tokens.refresh_token);
  return tokens;
}

/** @returns the header of the session */
async function newSession(token: string): Promise<Record<string, string>> {
  const started = await postMcp(target.origin, token, initialize);
  return { 'mcp-session-id': started.headers.get('mcp-session-id')! };
}

const basicOf = ({ client_id, client_secret }: MachineClient) => basic(client_id, client_secret);

/** Signs a machine client, a workload and a user of an enterprise in, and fails to, in every way that presents a secret. */
async function signInWithoutBrowser(): Promise<void> {
  const command = ['clients', 'add', 'reports', '--scopes', 'mcp', '--local', '--json'];
  const client: MachineClient = JSON.parse((await runCli(command, { HOLDFAST_DATA: target.folder })).out);
  recordSecret('machine client secret', client.client_secret.slice('hms_'.length));
  const requestToken = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${target.origin}/token`, { method: 'POST', headers, body: new URLSearchParams(form) });
  const bySecret = (headers = basicOf(client), form: Record<string, string> = {}) =>
    requestToken({ grant_type: 'client_credentials', ...form }, headers);
  const clientAssertion = async (name: string) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: recordSecret(name, await signer.clientAssertion(target.origin, 'nightly')),
  });
  const byKey = await clientAssertion('client assertion');
  const workloadToken = recordSecret('workload token', await signer.workloadToken(target.origin, 'job'));
  const idJag = recordSecret('ID-JAG', await signer.idJag(target.origin, client.client_id, 'ada'));
  const redeem = (assertion: string) => redeemAssertion(target.origin, assertion, basicOf(client));
  const requests: [string, () => Promise<Response>][] = [
    ['machine client', () => bySecret()],
    ['machine client with a key', () => requestToken({ grant_type: 'client_credentials', ...byKey })],
    ['workload', () => redeemAssertion(target.origin, workloadToken)],
    ['user of an enterprise', () => redeem(idJag)],
  ];
  for (const service of ['dynamodb', 'kms'] as const) {
    await target.without(service, async () => {
      const answers = await Promise.all(requests.map(([, request]) => request()));
      expect(answers.map(({ status }) => status)).toEqual(requests.map(() => 503));
    });
  }
  for (const [name, request] of requests) {
    const { access_token } = (await json(await request())) as { access_token: string };
    recordSecret(`access token of the ${name}`, access_token);
    const session = await newSession(access_token);
    const called = await postMcp(target.origin, access_token, callTool('whoami'), session);
    expect([name, called.status]).toEqual([name, 200]);
  }
  const wrongSecret = recordSecret('wrong machine client secret', `hms_${'w'.repeat(43)}`);
  const forged = (assertion: string) => recordSecret('forged assertion', `${assertion.slice(0, -20)}${'A'.repeat(20)}`);
  const failures = [
    await bySecret(basicOf({ ...client, client_secret: wrongSecret })),
    await bySecret(basicOf(client), { resource: client.client_secret }),
    await bySecret(basicOf(client), { client_secret: client.client_secret }),
    await requestToken({ grant_type: 'client_credentials', ...byKey }),
    await requestToken({ grant_type: 'client_credentials', ...byKey, client_id: client.client_id }),
    await redeem(workloadToken),
    await redeem(idJag),
    await redeemAssertion(target.origin, idJag),
    await redeem(forged(idJag)),
    await redeem(
      recordSecret('ID-JAG for another server', await signer.idJag('https://other.example', client.client_id, 'ada')),
    ),
    await redeem(recordSecret('token of another workload', await signer.workloadToken(target.origin, 'other'))),
  ];
  expect(new Set(failures.map(({ status }) => status))).toEqual(new Set([400, 401]));
}

/** Calls every tool with a confidential argument. */
async function callEveryTool({ access_token }: Tokens): Promise<void> {
  const session = await newSession(access_token);
  const send = async (body: unknown) => (await postMcp(target.origin, access_token, body, session)).text();
  const listed = await send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const names = Array.from(listed.matchAll(/"name":"(\w+)"/g), ([, name]) => name!);
  expect(names.length).toBeGreaterThanOrEqual(5);
  const input = { name: 'diary', text: 'confidential-argument', steps: 1, minutes: 0.01 };
  for (const name of new Set(names)) await send(callTool(name, input));
  for (const name of ['no_such_tool', 'note']) await send(callTool(name, { wrong: 'confidential-argument' }));
}

async function provokeFailures(client: OAuthClient, tokens: Tokens): Promise<void> {
  const forged = recordSecret('forged refresh token', tokens.refresh_token.replace(/[^.]+$/, 'F'.repeat(43)));
  await client.refresh(forged);
  await client.refresh(tokens.refresh_token, { client_id: 'dcr_other' });
  await client.refresh(tokens.refresh_token, {
    client_secret: recordSecret('guessed secret', 'guessed-client-secret'),
  });
  await postMcp(
    target.origin,
    recordSecret('forged access token', `${tokens.access_token.slice(0, -20)}${'A'.repeat(20)}`),
    initialize,
  );
  await postMcp(target.origin, recordSecret('bearer of another kind', 'some-other-secret-bearer'), initialize);
  await fetch(
    `${target.origin}/callback?code=${recordSecret('stray code', 'stray-upstream-code')}&state=${recordSecret('stray state', 'stray-upstream-state')}`,
  );
  for (const service of ['dynamodb', 'kms'] as const) {
    await target.without(service, async () => {
      await Promise.all([
        client.refresh(tokens.refresh_token),
        client.redeem('hac1_x'),
        postMcp(target.origin, tokens.access_token, initialize),
      ]);
    });
  }
  await target.without('dynamodb', () => client.revoke(tokens.refresh_token));
  const sealed = await target.item(`T#${grantOf(tokens)}`);
  await target.put({ ...sealed, sealed: 'damaged', expiresAt: 1 });
  await client.refresh(tokens.refresh_token);
  await callEveryTool(tokens);
  await target.put({ ...sealed, expiresAt: 1 });
  provider.onRefresh = async () => ({ status: 500, body: { error: 'x', echo: 'a-secret-of-the-provider' } });
  await client.refresh(tokens.refresh_token);
}

beforeAll(async () => {
  provider = await Provider.start();
  signer = await AssertionIssuer.create('https://acme.example');
  const trusted = { issuer: signer.issuer, jwks: signer.jwks };
  target = await TestCloud.start({
    change: (resources) => {
      provider.use(resources);
      setVariables(resources, 'OAuth', {
        MACHINE_CLIENTS: JSON.stringify([{ id: 'nightly', scopes: ['mcp'], jwks: signer.jwks }]),
        MACHINE_TOKEN_MINUTES: '60',
        WORKLOADS: JSON.stringify([{ ...trusted, name: 'deploy', subject: 'job', scopes: ['mcp'], singleUse: true }]),
        ENTERPRISE_ISSUERS: JSON.stringify([trusted]),
      });
    },
  });
  // During the outages of the table and of the keys.
  target.expectFailures('session_failed', 'tool_failed');
  const send = globalThis.fetch;
  globalThis.fetch = async (...request) => {
    const answer = await send(...request);
    const { status, headers } = answer;
    responses.push({
      url: String(request[0]),
      status,
      location: headers.get('location'),
      text: await answer.clone().text(),
    });
    return answer;
  };
  let issued = 0;
  const recordTokens = (answer: Awaited<ReturnType<Provider['tokens']>>) => {
    issued++;
    const { access_token, refresh_token, id_token } = answer.body as Record<string, string>;
    for (const [name, token] of Object.entries({ access_token, refresh_token, id_token }))
      recordSecret(`${name} ${issued} of the provider`, token!);
    return answer;
  };
  provider.onCode = async (signIn) => {
    recordSecret('nonce', signIn.nonce);
    return recordTokens(await provider.tokens(signIn));
  };
  provider.onRefresh = async () => recordTokens(await provider.tokens({ nonce: '', sub: provider.sub }));

  const client = await target.client();
  const tokens = await signIn(client);
  await callEveryTool(tokens);
  const next = (await json(await client.refresh(tokens.refresh_token))) as unknown as Tokens;
  recordSecret('next access token', next.access_token);
  recordSecret('next refresh token', next.refresh_token);
  const dashboard = await DashboardClient.signIn(target.origin, 'ada');
  const { token } = await dashboard.makeToken();
  recordSecret('personal access token', token.slice('hfp_'.length));
  await callEveryTool({ ...next, access_token: token });
  await postMcp(target.origin, `${token.slice(0, -20)}${'A'.repeat(20)}`, initialize);
  await signInWithoutBrowser();
  await provokeFailures(client, next);
  itemsAtTheEnd = await target.items();
  await client.revoke(next.access_token);
  await postMcp(target.origin, next.access_token, initialize);
});
afterAll(async () => {
  await target?.stop();
  await provider.stop();
});

/** The names of the secrets that the text contains. */
const found = (text: string, except: string[] = []) =>
  Array.from(secrets).flatMap(([name, secret]) => (!except.includes(name) && text.includes(secret) ? [name] : []));

test('A109: the run collects secrets of every kind', () => {
  expect(secrets.size).toBeGreaterThan(20);
  for (const secret of secrets.values()) expect(secret.length).toBeGreaterThan(10);
  expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200, 201, 303, 400, 401, 403, 500, 503]));
});

test('A109: the logs contain no secret and no tool argument', () => {
  const { log } = target;
  expect(log).toMatch(/service_unavailable/);
  expect(found(log)).toEqual([]);
  expect(log).not.toContain('confidential-argument');
});

test('A109: the table contains no secret at the end of the run', () => {
  expect(itemsAtTheEnd.map(({ pk }) => pk.split('#')[0])).toEqual(
    expect.arrayContaining(['CL', 'CO', 'D', 'G', 'JT', 'K', 'N', 'S', 'T', 'U']),
  );
  expect(found(JSON.stringify(itemsAtTheEnd))).toEqual([]);
});

test('A109: the audit log contains neither arguments nor results of tools', () => {
  const calls = itemsAtTheEnd.filter(({ pk }) => pk.startsWith('D#'));
  expect(calls.length).toBeGreaterThan(10);
  expect(JSON.stringify(calls)).not.toContain('confidential-argument');
});

test('A109: during a sign-in the table contains no secret', () => {
  expect(itemsDuringSignIn.map(({ pk }) => pk.split('#')[0])).toContain('UP');
  expect(found(JSON.stringify(itemsDuringSignIn))).toEqual([]);
});

test('A109: error responses contain no secret', () => {
  const failed = responses.filter(({ status }) => status >= 400);
  expect(failed.length).toBeGreaterThan(10);
  for (const { url, text } of failed) expect([new URL(url).pathname, found(text)]).toEqual([new URL(url).pathname, []]);
});

test('A109: redirects contain no token, verifier or cookie, and a code only for its redirect URI', () => {
  const locations = responses.flatMap(({ location }) => location ?? []);
  const oneWay = ['state at the provider', 'code of the provider', 'code', 'nonce'];
  expect(found(locations.join('\n'), oneWay)).toEqual([]);
  const withCode = locations.filter((location) => location.includes(secrets.get('code')!));
  expect(withCode.map((location) => location.split('?')[0])).toEqual([redirectUri]);
});

test('A109: no tool result contains the token of the client', () => {
  const called = responses.filter(({ url, status }) => url.endsWith('/mcp') && status === 200);
  for (const { text } of called) expect(found(text)).toEqual([]);
});
