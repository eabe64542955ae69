import { callTool, initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** A tool that returns all request data that the SDK and Holdfast give it. */

jest.setTimeout(60_000);

let emulator: TestCloud;
beforeAll(async () => {
  emulator = await TestCloud.start();
});
afterAll(() => emulator?.stop());

const modern = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test-client', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** Headers with credentials, some of which proxies add. */
const credentials = [
  ...[
    'Cookie',
    'Proxy-Authorization',
    'X-API-Key',
    'ApiKey',
    'X-Amz-Security-Token',
    'X-Auth-Token',
    'X-Auth-Request-Email',
  ],
  ...['X-Forwarded-Access-Token', 'X-Forwarded-Authorization', 'X-Original-Authorization', 'X-Goog-IAP-JWT-Assertion'],
  ...[
    'Cf-Access-Jwt-Assertion',
    'X-Amzn-Oidc-Data',
    'X-Amzn-Oidc-Accesstoken',
    'X-CSRF-Token',
    'DPoP',
    'X-Client-Secret',
  ],
  ...['PRIVATE-TOKEN', 'X-Vault-Token', 'X-Password', 'Authentication', 'Cookie2', 'X-Api-Credential'],
];

test('RS10: a tool cannot read a header with a credential, in either era', async () => {
  const { access_token } = await (await OAuthClient.register(emulator.origin)).tokensFor('ada');
  const started = await postMcp(emulator.origin, access_token, initialize);
  const sent = Object.fromEntries(credentials.map((name) => [name, 'hunter2']));
  const call = callTool('request_details');
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  const own = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'request_details' };
  const inModern = { ...call, params: { ...call.params, _meta: modern } };
  for (const [message, headers] of [
    [call, session],
    [inModern, own],
  ] as const) {
    const answer = await postMcp(emulator.origin, access_token, message, { ...sent, ...headers, 'x-kept': 'kept' });
    const text = await answer.text();
    expect(text).toContain('x-kept');
    expect(text).not.toContain('hunter2');
  }
});

test('RS10: a tool cannot read the token of the client, in either era', async () => {
  const { access_token } = await (await OAuthClient.register(emulator.origin)).tokensFor('ada');
  const started = await postMcp(emulator.origin, access_token, initialize);
  const call = callTool('request_details');
  const responses = [
    await postMcp(emulator.origin, access_token, call, { 'mcp-session-id': started.headers.get('mcp-session-id')! }),
    await postMcp(
      emulator.origin,
      access_token,
      { ...call, params: { ...call.params, _meta: modern } },
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'request_details' },
    ),
  ];
  for (const answer of responses) {
    const text = await answer.text();
    expect(text).toContain('user-agent');
    expect(text).not.toContain(access_token);
  }
});
