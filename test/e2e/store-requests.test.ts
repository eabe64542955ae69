import { callTool, initialize, OAuthClient, postMcp, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { BUCKET_MILLISECONDS } from '../../lambda/core/audit/tool-call.ts';
import { ASSERTION_GRANT, AssertionIssuer } from '../support/assertion-issuer.ts';
import { runCli } from '../support/cli-process.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { DocumentClouds, unsafely } from '../support/document-server.ts';
import type { Item, TestCloud } from '../support/test-cloud.ts';
import { basic } from '../support/token-facade.ts';
import { grantOf, json } from '../support/wire-checks.ts';

/**
 * The requests of the functions to DynamoDB and KMS. `docs/data-model.md` has the same numbers.
 *
 * Each request has run once before it is counted: a fresh process loads the key of refresh tokens (GetItem and Decrypt). The
 * first process of a deployment also creates that key (GenerateDataKey and PutItem).
 */

jest.setTimeout(60_000);

let clouds: DocumentClouds;
let target: TestCloud;
let client: OAuthClient;
/** Of an enterprise, and of workloads; `nightly`, a machine client, has the same key. */
let issuer: AssertionIssuer;
/** The tokens of a grant whose upstream tokens were refreshed within the last minute. */
let tokens: Tokens;
/** A legacy session that was used within the last minute. */
let session: Record<string, string>;

beforeAll(async () => {
  clouds = await DocumentClouds.create();
  issuer = await AssertionIssuer.at(await clouds.documents());
  const trusted = { issuer: issuer.issuer, jwksUri: `${issuer.issuer}/jwks.json` };
  target = await clouds.cloud({
    ...unsafely,
    MACHINE_CLIENTS: JSON.stringify([{ id: 'nightly', scopes: ['mcp'], jwks: issuer.jwks }]),
    MACHINE_TOKEN_MINUTES: '60',
    WORKLOADS: JSON.stringify([{ ...trusted, name: 'deploy', subject: 'job', scopes: ['mcp'], singleUse: true }]),
    ENTERPRISE_ISSUERS: JSON.stringify([trusted]),
  });
  ({ client, tokens } = await target.signedIn());
  tokens = await refreshed(tokens);
  session = await newSession(tokens);
});
afterAll(() => clouds?.end());

const refreshed = async ({ refresh_token }: Tokens) => (await json(await client.refresh(refresh_token))) as Tokens;

async function newSession({ access_token }: Tokens): Promise<Record<string, string>> {
  const answer = await postMcp(target.origin, access_token, initialize);
  await answer.text();
  return { 'mcp-session-id': answer.headers.get('mcp-session-id')! };
}

/** A successful request in the legacy session. */
async function inSession(body: unknown, { access_token } = tokens): Promise<void> {
  const answer = await postMcp(target.origin, access_token, body, session);
  expect(answer.ok).toBe(true);
  await answer.text();
}

async function modernCall({ access_token }: Tokens): Promise<void> {
  const call = callTool('whoami');
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const body = { ...call, params: { ...call.params, _meta: envelope } };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': call.method, 'mcp-name': 'whoami' };
  const answer = await postMcp(target.origin, access_token, body, headers);
  expect(answer.status).toBe(200);
  await answer.text();
}

/** Moves a time two minutes back. */
const earlier = (item: Item, time: string) => target.put({ ...item, [time]: Number(item[time]) - 3600 });

const requestsOf = (work: () => Promise<unknown>) => target.requestsOf(work);

/**
 * The requests of a call that is not the first of its session in five minutes.
 * @param prepare runs before the call and is not counted
 */
async function requestsOfAnother(call: () => Promise<void>, prepare = async () => {}) {
  for (;;) {
    const bucket = Math.floor(Date.now() / BUCKET_MILLISECONDS);
    await call();
    await prepare();
    const counted = await requestsOf(call);
    if (Math.floor(Date.now() / BUCKET_MILLISECONDS) === bucket) return counted;
  }
}

test('a registration: one write', async () => {
  expect(await requestsOf(() => OAuthClient.register(target.origin, { client_name: 'Counted' }))).toEqual({
    dynamodb: { UpdateItem: 1 },
    kms: {},
  });
});

test('a sign-in, from the authorization request to the code: seven, in three requests, and one data key', async () => {
  expect(await requestsOf(() => client.signIn('ada'))).toEqual({
    dynamodb: { GetItem: 3, PutItem: 1, TransactWriteItems: 3 },
    kms: { GenerateDataKey: 1 },
  });
});

test('the redemption of a code: three, and one signature', async () => {
  const code = await client.signIn('ada');
  expect(await requestsOf(() => client.redeem(code))).toEqual({
    dynamodb: { GetItem: 2, TransactWriteItems: 1 },
    kms: { Sign: 1 },
  });
});

test('a refresh within a minute of the last upstream refresh: three, and one signature', async () => {
  const counted = await requestsOf(async () => {
    tokens = await refreshed(tokens);
  });
  expect(counted).toEqual({
    dynamodb: { GetItem: 1, BatchGetItem: 1, TransactWriteItems: 1 },
    kms: { Sign: 1 },
  });
});

test('a refresh with an upstream refresh: two more, one decryption and one data key', async () => {
  await earlier(await target.item(`T#${grantOf(tokens)}`), 'refreshedAt');
  const counted = await requestsOf(async () => {
    tokens = await refreshed(tokens);
  });
  expect(counted).toEqual({
    dynamodb: { GetItem: 1, BatchGetItem: 1, UpdateItem: 1, TransactWriteItems: 2 },
    kms: { Decrypt: 1, GenerateDataKey: 1, Sign: 1 },
  });
});

describe('a token without a sign-in, with one signature', () => {
  const byKey = async () => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await issuer.clientAssertion(target.origin, 'nightly'),
  });
  const tokenFor = async (form: Record<string, string>, headers: Record<string, string> = {}) => {
    const body = new URLSearchParams(form);
    expect((await fetch(`${target.origin}/token`, { method: 'POST', body, headers })).status).toBe(200);
  };
  /** The requests of the first two tokens: the first one stores the grant. */
  const requestsOfTwo = async (request: () => Promise<void>) => [await requestsOf(request), await requestsOf(request)];
  const newClient = async (name: string): Promise<{ client_id: string; client_secret: string }> => {
    const command = ['clients', 'add', name, '--scopes', 'mcp', '--local', '--json'];
    return JSON.parse((await runCli(command, { HOLDFAST_DATA: target.folder })).out);
  };

  test('of a machine client by its secret: four, and one more for the first one', async () => {
    const { client_id, client_secret } = await newClient('counted');
    const request = () => tokenFor({ grant_type: 'client_credentials' }, basic(client_id, client_secret));
    const [first, second] = await requestsOfTwo(request);
    expect(first).toEqual({ dynamodb: { GetItem: 2, BatchGetItem: 1, TransactWriteItems: 2 }, kms: { Sign: 1 } });
    expect(second).toEqual({ dynamodb: { GetItem: 2, BatchGetItem: 1, TransactWriteItems: 1 }, kms: { Sign: 1 } });
  });

  test('of a machine client by its key in the settings: four', async () => {
    const request = async () => tokenFor({ grant_type: 'client_credentials', ...(await byKey()) });
    const each = { dynamodb: { GetItem: 1, BatchGetItem: 1, TransactWriteItems: 2 }, kms: { Sign: 1 } };
    expect(await requestsOfTwo(request)).toEqual([each, each]);
  });

  test('of a workload: five', async () => {
    const request = async () =>
      tokenFor({ grant_type: ASSERTION_GRANT, assertion: await issuer.workloadToken(target.origin, 'job') });
    // The first token also fetches the keys of the issuer.
    const [, second] = await requestsOfTwo(request);
    expect(second).toEqual({ dynamodb: { GetItem: 2, BatchGetItem: 1, TransactWriteItems: 2 }, kms: { Sign: 1 } });
  });

  test('of a user of an enterprise: five by a client with a key in the settings, six by one with a secret', async () => {
    const byAssertion = async () => {
      const assertion = await issuer.idJag(target.origin, 'nightly', 'ada');
      await tokenFor({ grant_type: ASSERTION_GRANT, assertion, ...(await byKey()) });
    };
    const five = { dynamodb: { GetItem: 2, BatchGetItem: 1, TransactWriteItems: 2 }, kms: { Sign: 1 } };
    expect(await requestsOfTwo(byAssertion)).toEqual([five, five]);
    const { client_id, client_secret } = await newClient('enterprise-app');
    const bySecret = async () => {
      const assertion = await issuer.idJag(target.origin, client_id, 'ada');
      await tokenFor({ grant_type: ASSERTION_GRANT, assertion }, basic(client_id, client_secret));
    };
    const six = { dynamodb: { GetItem: 3, BatchGetItem: 1, TransactWriteItems: 2 }, kms: { Sign: 1 } };
    expect(await requestsOfTwo(bySecret)).toEqual([six, six]);
  });
});

test('a revocation by the client: four, and one decryption for the upstream revocation', async () => {
  const other = await client.tokensFor('ada');
  expect(await requestsOf(() => client.revoke(other.refresh_token))).toEqual({
    dynamodb: { GetItem: 1, BatchGetItem: 1, TransactWriteItems: 1, DeleteItem: 1 },
    kms: { Decrypt: 1 },
  });
});

test('a revocation on the dashboard: three, and two with one decryption for the upstream revocation later', async () => {
  await target.runSchedules();
  const idle = await requestsOf(() => target.runSchedules());
  const dashboard = await DashboardClient.signIn(target.origin, 'ada');
  const grant = grantOf(await client.tokensFor('ada'));
  expect(await requestsOf(() => dashboard.post(`grants/${grant}/revoke`))).toEqual({
    dynamodb: { GetItem: 1, BatchGetItem: 1, TransactWriteItems: 1 },
    kms: {},
  });
  // A run that has found something searches again.
  const { dynamodb, kms } = await requestsOf(() => target.runSchedules());
  expect(kms).toEqual({ Decrypt: 1 });
  expect([dynamodb.DeleteItem, dynamodb.TransactWriteItems]).toEqual([1, 1]);
  expect(dynamodb.Query! - idle.dynamodb.Query!).toBe(4);
});

test('the authorizer: no requests, for allowed and denied tokens', async () => {
  const refused = await requestsOf(async () => {
    expect((await postMcp(target.origin, 'forged', initialize)).status).toBe(401);
  });
  expect(refused).toEqual({ dynamodb: {}, kms: {} });
  // The gateway has not cached the new token. The call reads the session and writes the audit log.
  let known = tokens;
  const call = () => inSession(callTool('whoami'), known);
  const renew = async () => {
    known = await refreshed(known);
  };
  expect(await requestsOfAnother(call, renew)).toEqual({ dynamodb: { BatchGetItem: 1, PutItem: 1 }, kms: {} });
  tokens = known;
});

test.each<[string, () => Promise<void>]>([
  ['a list of tools', () => inSession({ jsonrpc: '2.0', id: 1, method: 'tools/list' })],
  ['a notification', () => inSession({ jsonrpc: '2.0', method: 'notifications/initialized' })],
])('%s in a session: one read', async (_what, request) => {
  expect(await requestsOf(request)).toEqual({ dynamodb: { BatchGetItem: 1 }, kms: {} });
});

test.each<[string, () => Promise<void>]>([
  ['a tool call', () => inSession(callTool('whoami'))],
  ['a tool call of 2026-07-28', () => modernCall(tokens)],
])('%s in a session: one read, and one write to the audit log', async (_what, request) => {
  expect(await requestsOfAnother(request)).toEqual({ dynamodb: { BatchGetItem: 1, PutItem: 1 }, kms: {} });
});

test('the first call of a session in five minutes: one more write, of its marker', async () => {
  session = await newSession(tokens);
  expect(await requestsOf(() => inSession(callTool('whoami')))).toEqual({
    dynamodb: { BatchGetItem: 1, PutItem: 2 },
    kms: {},
  });
});

test('once an hour: one more write, which extends the session', async () => {
  const asIfIdle = async () => {
    const [item] = (await target.items(`S#${grantOf(tokens)}`)).filter(({ sk }) => sk === session['mcp-session-id']);
    await earlier(item!, 'lastSeenAt');
  };
  expect(await requestsOfAnother(() => inSession(callTool('whoami')), asIfIdle)).toEqual({
    dynamodb: { BatchGetItem: 1, PutItem: 1, UpdateItem: 1 },
    kms: {},
  });
});

test('a new session: one read and one write', async () => {
  expect(await requestsOf(() => newSession(tokens))).toEqual({ dynamodb: { BatchGetItem: 1, PutItem: 1 }, kms: {} });
});

test('an unknown session id: two more reads, and the transaction that replaces it, once for each grant', async () => {
  const callWith = async (id: string) => {
    const headers = { 'mcp-session-id': id };
    const answer = await postMcp(target.origin, tokens.access_token, callTool('whoami'), headers);
    expect(answer.status).toBe(200);
    await answer.text();
  };
  const counted = await requestsOf(() => callWith('never-heard-of'));
  expect(counted).toEqual({ dynamodb: { BatchGetItem: 2, GetItem: 1, PutItem: 2, TransactWriteItems: 1 }, kms: {} });
  const another = await requestsOfAnother(() => callWith('another'));
  expect(another).toEqual({ dynamodb: { BatchGetItem: 3, GetItem: 1, PutItem: 1 }, kms: {} });
});
