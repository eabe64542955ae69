import { callTool, initialize, OAuthClient, postMcp, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { BUCKET_MILLISECONDS } from '../../lambda/core/audit/tool-call.ts';
import { AttackedCloud, grantOf, type Item, json } from '../support/attacked-cloud.ts';

/**
 * What things cost, counted where it is paid: the requests that the functions send to DynamoDB and KMS. The numbers are
 * those of `docs/data-model.md`.
 *
 * Everything has been done once before anything is counted, because a fresh process has to fetch some things first: the
 * key of refresh tokens (GetItem and Decrypt) and the public keys (GetPublicKey, once for each signing key). The very first
 * process of a deployment makes that key as well (GenerateDataKey and PutItem).
 */

jest.setTimeout(60_000);

let target: AttackedCloud;
let client: OAuthClient;
/** Of a grant whose tokens the provider has renewed within the last minute. */
let tokens: Tokens;
/** Of a legacy session that was seen within the last minute. */
let session: Record<string, string>;

beforeAll(async () => {
  target = await AttackedCloud.start();
  ({ client, tokens } = await target.signedIn());
  tokens = await refreshed(tokens);
  session = await newSession(tokens);
});
afterAll(() => target?.stop());

const refreshed = async ({ refresh_token }: Tokens) => (await json(await client.refresh(refresh_token))) as Tokens;

async function newSession({ access_token }: Tokens): Promise<Record<string, string>> {
  const answer = await postMcp(target.origin, access_token, initialize);
  await answer.text();
  return { 'mcp-session-id': answer.headers.get('mcp-session-id')! };
}

/** A request of the legacy session that succeeds. */
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

/** Does as if something had happened two minutes earlier. */
const earlier = (item: Item, time: string) => target.put({ ...item, [time]: Number(item[time]) - 120 });

const requestsOf = (work: () => Promise<unknown>) => target.requestsOf(work);

/**
 * What a call asks for that is not the first one of its session in five minutes.
 * @param prepare is done before the call, and not counted
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

test('a sign-in, from the question to the code: six, in three requests, and one data key', async () => {
  expect(await requestsOf(() => client.signIn('ada'))).toEqual({
    dynamodb: { GetItem: 1, PutItem: 2, DeleteItem: 2, TransactWriteItems: 1 },
    kms: { GenerateDataKey: 1 },
  });
});

test('a code is exchanged: three, and one signature', async () => {
  const code = await client.signIn('ada');
  expect(await requestsOf(() => client.redeem(code))).toEqual({
    dynamodb: { GetItem: 1, UpdateItem: 2 },
    kms: { Sign: 1 },
  });
});

test('a refresh, where the provider was asked within the last minute: two, and one signature', async () => {
  const counted = await requestsOf(async () => {
    tokens = await refreshed(tokens);
  });
  expect(counted).toEqual({ dynamodb: { BatchGetItem: 1, UpdateItem: 1 }, kms: { Sign: 1 } });
});

test('a refresh that asks the provider: two more, and a data key to open and one to seal', async () => {
  await earlier(await target.item(`T#${grantOf(tokens)}`), 'refreshedAt');
  const counted = await requestsOf(async () => {
    tokens = await refreshed(tokens);
  });
  expect(counted).toEqual({
    dynamodb: { BatchGetItem: 1, UpdateItem: 3 },
    kms: { Decrypt: 1, GenerateDataKey: 1, Sign: 1 },
  });
});

test('a revocation: two, and one data key to tell the provider', async () => {
  const other = await client.tokensFor('ada');
  expect(await requestsOf(() => client.revoke(other.refresh_token))).toEqual({
    dynamodb: { BatchGetItem: 1, TransactWriteItems: 1 },
    kms: { Decrypt: 1 },
  });
});

test('the authorizer: nothing, be it that it refuses or lets in', async () => {
  const refused = await requestsOf(async () => {
    expect((await postMcp(target.origin, 'forged', initialize)).status).toBe(401);
  });
  expect(refused).toEqual({ dynamodb: {}, kms: {} });
  // The gateway does not know the new token yet. What is read is the session, and what is written the call.
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
  ['a call of a tool', () => inSession(callTool('whoami'))],
  ['a call as 2026-07-28 has it', () => modernCall(tokens)],
])('%s in a session: one read, and one write that records it', async (_what, request) => {
  expect(await requestsOfAnother(request)).toEqual({ dynamodb: { BatchGetItem: 1, PutItem: 1 }, kms: {} });
});

test('the first call of a session in five minutes: one write more, by which its calls are found', async () => {
  session = await newSession(tokens);
  expect(await requestsOf(() => inSession(callTool('whoami')))).toEqual({
    dynamodb: { BatchGetItem: 1, PutItem: 2 },
    kms: {},
  });
});

test('once a minute, one write more, by which the session slides', async () => {
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

test('an id that is unknown: one read more, and the transaction that renews it', async () => {
  const headers = { 'mcp-session-id': 'never-heard-of' };
  const counted = await requestsOf(async () => {
    const answer = await postMcp(target.origin, tokens.access_token, callTool('whoami'), headers);
    expect(answer.status).toBe(200);
    await answer.text();
  });
  expect(counted).toEqual({ dynamodb: { BatchGetItem: 1, GetItem: 1, PutItem: 2, TransactWriteItems: 1 }, kms: {} });
});
