import { callTool, initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** A tool that tells everything the SDK and Holdfast let it know of its request. */

jest.setTimeout(60_000);

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud?.stop());

const modern = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'by-hand', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

test('RS10: a tool that looks for the client’s token does not find it, in either era', async () => {
  const { access_token } = await (await OAuthClient.register(cloud.origin)).tokensFor('ada');
  const started = await postMcp(cloud.origin, access_token, initialize);
  const call = callTool('request_details');
  const told = [
    await postMcp(cloud.origin, access_token, call, { 'mcp-session-id': started.headers.get('mcp-session-id')! }),
    await postMcp(
      cloud.origin,
      access_token,
      { ...call, params: { ...call.params, _meta: modern } },
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'request_details' },
    ),
  ];
  for (const answer of told) {
    const text = await answer.text();
    expect(text).toContain('user-agent');
    expect(text).not.toContain(access_token);
  }
});
