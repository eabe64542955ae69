import { callTool, initialize, OAuthClient, postMcp, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { TestCloud, toolScopes } from '../support/test-cloud.ts';
import { json, refusal } from '../support/wire-checks.ts';

/** A server with several scopes. */

jest.setTimeout(60_000);

let emulator: TestCloud;
beforeAll(async () => {
  emulator = await TestCloud.start({ edits: toolScopes });
});
afterAll(() => emulator?.stop());

async function signedIn(scope: string): Promise<{ client: OAuthClient; tokens: Tokens }> {
  const client = await OAuthClient.register(emulator.origin);
  const back = await approveAndSignIn(client.authorizationUrl({ scope }), 'ada');
  const tokens = (await (await client.redeem(back.searchParams.get('code')!)).json()) as Tokens;
  return { client, tokens };
}

const scopeOf = ({ access_token }: Tokens): unknown =>
  JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString()).scope;

/** The status of a call to the tool that needs the scope `notes`. */
async function noteWith({ access_token }: Tokens): Promise<number> {
  const started = await postMcp(emulator.origin, access_token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  return (await postMcp(emulator.origin, access_token, callTool('note', { name: 'n' }), session)).status;
}

test('A88: a refresh with a narrower scope narrows its access token and not the grant', async () => {
  const { client, tokens } = await signedIn('mcp notes');
  const refresh = async (token: string, scope?: string) =>
    (await json(await client.refresh(token, { scope }))) as unknown as Tokens;
  const narrow = await refresh(tokens.refresh_token, 'mcp');
  expect([narrow.scope, scopeOf(narrow)]).toEqual(['mcp', 'mcp']);
  const narrowAgain = await refresh(narrow.refresh_token, 'notes offline_access');
  expect([narrowAgain.scope, scopeOf(narrowAgain)]).toEqual(['notes', 'notes']);
  const whole = await refresh(narrowAgain.refresh_token);
  expect([whole.scope, scopeOf(whole)]).toEqual(['mcp notes', 'mcp notes']);
  expect([await noteWith(tokens), await noteWith(narrow), await noteWith(whole)]).toEqual([200, 403, 200]);
});

test('A88: a refresh with an ungranted scope is rejected and leaves the token valid', async () => {
  const { client, tokens } = await signedIn('mcp');
  for (const scope of ['mcp notes', 'notes', 'notes admin']) {
    expect(await refusal(await client.refresh(tokens.refresh_token, { scope }))).toEqual([400, 'invalid_scope']);
  }
  expect(await json(await client.refresh(tokens.refresh_token))).toMatchObject({ scope: 'mcp' });
});

/** Headers of a call whose body names the tool `note`, by what they claim. */
const claims: [string, Record<string, string>][] = [
  ['nothing', {}],
  ['the tool', { 'mcp-method': 'tools/call', 'mcp-name': 'note' }],
  ['the tool in Base64', { 'mcp-method': 'tools/call', 'mcp-name': '=?base64?bm90ZQ==?=' }],
  ['a harmless tool', { 'mcp-method': 'tools/call', 'mcp-name': 'whoami' }],
  ['a harmless tool and no method', { 'mcp-name': 'whoami' }],
  ['a harmless method', { 'mcp-method': 'tools/list' }],
  ['a harmless method, with the tool', { 'mcp-method': 'tools/list', 'mcp-name': 'note' }],
  ['an empty name', { 'mcp-method': 'tools/call', 'mcp-name': '' }],
  ['two tools', { 'mcp-method': 'tools/call', 'mcp-name': 'whoami, note' }],
];

const call = callTool('note', { name: 'n', text: 'stored without permission' });

async function expectRejectedCall(answer: Response): Promise<void> {
  expect([400, 403]).toContain(answer.status);
  expect(await answer.text()).not.toContain('"result"');
}

test.each(claims)(
  'A98: a legacy call without the scope of its tool is rejected, with headers that name %s',
  async (_what, headers) => {
    const { access_token } = (await signedIn('mcp')).tokens;
    const started = await postMcp(emulator.origin, access_token, initialize);
    const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
    await expectRejectedCall(await postMcp(emulator.origin, access_token, call, { ...session, ...headers }));
    await expectRejectedCall(await postMcp(emulator.origin, access_token, [call], { ...session, ...headers }));
  },
);

test.each(claims)(
  'A98: a 2026 call without the scope of its tool is rejected, with headers that name %s',
  async (_what, headers) => {
    const { access_token } = (await signedIn('mcp')).tokens;
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test-client', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const body = { ...call, params: { ...call.params, _meta } };
    for (const version of ['2026-07-28', '2025-11-25']) {
      const all = { 'mcp-protocol-version': version, ...headers };
      await expectRejectedCall(await postMcp(emulator.origin, access_token, body, all));
    }
    await expectRejectedCall(await postMcp(emulator.origin, access_token, body, headers));
  },
);
