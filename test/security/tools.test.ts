import { ProjectCopy } from '../support/project-copy.ts';
import { StartedEmulator } from '../support/started-emulator.ts';
import { callTool, initialize, OAuthClient, postMcp } from '../support/test-oauth-client.ts';

/** A tool that returns all request data that the SDK and Holdfast give it. */

jest.setTimeout(60_000);

let variant: ProjectCopy;
let emulator: StartedEmulator;
beforeAll(async () => {
  variant = new ProjectCopy();
  variant.edit(
    'lambda/server.ts',
    'async () => json({ user: context.user,',
    'async ({ http }) => json({ headers: Object.fromEntries(http!.req!.headers), info: http!.authInfo, user: context.user,',
  );
  emulator = await StartedEmulator.start({}, variant.root);
});
afterAll(async () => {
  await emulator?.stop();
  variant.remove();
});

const modern = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test-client', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

test('RS10: a tool cannot read the token of the client, in either era', async () => {
  const { access_token } = await (await OAuthClient.register(emulator.origin)).tokensFor('ada');
  const started = await postMcp(emulator.origin, access_token, initialize);
  const call = callTool('whoami');
  const responses = [
    await postMcp(emulator.origin, access_token, call, { 'mcp-session-id': started.headers.get('mcp-session-id')! }),
    await postMcp(
      emulator.origin,
      access_token,
      { ...call, params: { ...call.params, _meta: modern } },
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'whoami' },
    ),
  ];
  for (const answer of responses) {
    const text = await answer.text();
    expect(text).toContain('user-agent');
    expect(text).not.toContain(access_token);
  }
});
