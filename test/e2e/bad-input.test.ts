import {
  callTool,
  initialize,
  messageOf,
  OAuthClient,
  postMcp,
  type Tokens,
} from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

let cloud: TestCloud;
let ada: Tokens;
let alan: Tokens;
let sessionOfAda: string;

beforeAll(async () => {
  cloud = await TestCloud.start();
  const client = await OAuthClient.register(cloud.origin);
  ada = await client.tokensFor('ada');
  alan = await client.tokensFor('alan');
  sessionOfAda = (await postMcp(cloud.origin, ada.access_token, initialize)).headers.get('mcp-session-id')!;
});
afterAll(() => cloud.stop());

const session = () => ({ 'mcp-session-id': sessionOfAda });

describe('a request to /mcp', () => {
  test.each([
    ['malformed JSON', '{"jsonrpc"', {}, 400, -32700],
    ['a body that is not UTF-8', '\ud800', {}, 400, -32700],
    ['a number as its message', '42', {}, 400, -32600],
    ['an empty batch', '[]', {}, 400, -32600],
    ['a message that is not JSON-RPC', '{"hello":"world"}', {}, 400, -32600],
    ['a wrong content type', '{}', { 'content-type': 'text/plain' }, 415, -32000],
    ['no session', JSON.stringify(callTool('whoami')), { 'mcp-session-id': '' }, 400, -32000],
  ])('with %s is rejected with a protocol error', async (_what, body, headers, status, code) => {
    const answer = await postMcp(cloud.origin, ada.access_token, body, { ...session(), ...headers });
    expect(answer.status).toBe(status);
    expect((await messageOf(answer)).error?.code).toBe(code);
  });

  test('that starts with a byte order mark is processed', async () => {
    const answer = await postMcp(
      cloud.origin,
      ada.access_token,
      `\ufeff${JSON.stringify(callTool('whoami'))}`,
      session(),
    );
    expect(answer.status).toBe(200);
    expect((await messageOf(answer)).result).toBeDefined();
  });

  test('with a body over 4 MB is rejected with 413', async () => {
    const body = JSON.stringify(callTool('note', { name: 'big', text: 'x'.repeat(4 * 1024 * 1024) }));
    expect((await postMcp(cloud.origin, ada.access_token, body, session())).status).toBe(413);
    const huge = 'x'.repeat(11 * 1024 * 1024);
    expect((await postMcp(cloud.origin, ada.access_token, huge, session())).status).toBe(413);
  });

  test('with a batch is rejected in a revision without batches, and no part of it runs', async () => {
    const batch = [callTool('note', { name: 'batched', text: 'hello' })];
    const answer = await postMcp(cloud.origin, ada.access_token, batch, session());
    expect(answer.status).toBe(400);
    expect((await messageOf(answer)).error?.code).toBe(-32600);
    const recalled = await postMcp(cloud.origin, ada.access_token, callTool('note', { name: 'batched' }), session());
    expect(await recalled.text()).toContain('There is no note named batched');
  });

  test('for an unknown method or tool is rejected with a protocol error', async () => {
    const unknown = { jsonrpc: '2.0', id: 7, method: 'no/such/method' };
    const answer = await postMcp(cloud.origin, ada.access_token, unknown, session());
    expect((await messageOf(answer)).error?.code).toBe(-32601);
    const tool = await messageOf(await postMcp(cloud.origin, ada.access_token, callTool('no_such_tool'), session()));
    expect(JSON.stringify(tool)).toContain('no_such_tool');
  });

  test.each(['GET', 'PUT', 'PATCH'])('with %s and a valid token is rejected with 405', async (method) => {
    const headers = { authorization: `Bearer ${ada.access_token}`, accept: 'text/event-stream' };
    const answer = await fetch(cloud.mcpUrl, { method, headers });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toContain('POST');
  });

  test('with an unknown session id starts a fresh session, and with a malformed id is rejected with 404', async () => {
    const answer = await postMcp(cloud.origin, ada.access_token, callTool('whoami'), { 'mcp-session-id': 'stale' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('mcp-session-id')).not.toBe('stale');
    const malformed = { 'mcp-session-id': 'x'.repeat(200) };
    expect((await postMcp(cloud.origin, ada.access_token, callTool('whoami'), malformed)).status).toBe(404);
  });

  test('with the session id of another user starts a fresh session, and does not change the other one', async () => {
    const answer = await postMcp(cloud.origin, alan.access_token, callTool('session'), session());
    expect(answer.status).toBe(200);
    expect(answer.headers.get('mcp-session-id')).not.toBe(sessionOfAda);
    const headers = { authorization: `Bearer ${alan.access_token}`, ...session() };
    await fetch(cloud.mcpUrl, { method: 'DELETE', headers });
    const hers = await postMcp(cloud.origin, ada.access_token, callTool('session'), session());
    expect(await hers.text()).toContain(sessionOfAda);
  });

  test('in a deleted session is rejected', async () => {
    const started = await postMcp(cloud.origin, ada.access_token, initialize);
    const named = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
    const headers = { authorization: `Bearer ${ada.access_token}`, ...named };
    expect((await fetch(cloud.mcpUrl, { method: 'DELETE', headers })).status).toBe(200);
    expect((await postMcp(cloud.origin, ada.access_token, callTool('whoami'), named)).status).toBe(404);
    expect((await fetch(cloud.mcpUrl, { method: 'DELETE', headers })).status).toBe(404);
  });
});
