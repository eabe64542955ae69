import {
  Client,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';
import { SignInMemory } from '../../bench/harness/mcp-clients.ts';
import {
  callTool,
  initialize,
  messageOf,
  OAuthClient,
  postMcp,
  redirectUri,
  type Tokens,
} from '../../bench/harness/raw-oauth-client.ts';
import { approveAndSignIn, Browser } from '../../local/testing/form-browser.ts';
import { TestCloud, toolScopes } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start({ edits: toolScopes });
});
afterAll(() => cloud?.stop());

const metadataUrl = () => `${cloud.origin}/.well-known/oauth-protected-resource/mcp`;
const challenge = () => `Bearer error="insufficient_scope", scope="mcp notes", resource_metadata="${metadataUrl()}"`;

async function tokensWith(scope: string | undefined): Promise<Tokens> {
  const client = await OAuthClient.register(cloud.origin);
  const back = await approveAndSignIn(client.authorizationUrl({ scope }), 'ada');
  return (await (await client.redeem(back.searchParams.get('code')!)).json()) as Tokens;
}

/** A 2026-07-28 call whose headers may contradict its body. */
function modernCall(token: string, tool: string, headerTool = tool): Promise<Response> {
  const protocolVersion = '2026-07-28';
  const message = callTool(tool, { name: 'n' });
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': protocolVersion,
    'io.modelcontextprotocol/clientInfo': { name: 'by-hand', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const headers = { 'mcp-protocol-version': protocolVersion, 'mcp-method': 'tools/call', 'mcp-name': headerTool };
  return postMcp(cloud.origin, token, { ...message, params: { ...message.params, _meta } }, headers);
}

test('the metadata and the challenge name the default scope; the server metadata names all scopes', async () => {
  const resource = (await (await fetch(metadataUrl())).json()) as { scopes_supported: string[] };
  expect(resource.scopes_supported).toEqual(['mcp']);
  const server = await fetch(`${cloud.origin}/.well-known/oauth-authorization-server`);
  const { scopes_supported } = (await server.json()) as { scopes_supported: string[] };
  expect(scopes_supported).toEqual(['mcp', 'notes', 'admin', 'offline_access']);
  expect((await postMcp(cloud.origin, undefined, initialize)).headers.get('www-authenticate')).toContain('scope="mcp"');
});

test('the consent page shows the description of each scope', async () => {
  const client = await OAuthClient.register(cloud.origin);
  const page = await new Browser().open(client.authorizationUrl({ scope: 'mcp notes' }), redirectUri);
  expect(page.html).toContain('<li>Use the tools</li><li>Keep notes</li>');
});

test('the gateway rejects a 2026 call without its scope with a challenge, and admits it with the scope', async () => {
  const { access_token } = await tokensWith(undefined);
  const rejected = await modernCall(access_token, 'note');
  expect([rejected.status, rejected.headers.get('www-authenticate')]).toEqual([403, challenge()]);
  expect((await modernCall(access_token, 'whoami')).status).toBe(200);
  expect((await modernCall((await tokensWith('mcp notes')).access_token, 'note')).status).toBe(200);
});

test('a scope that includes the required one is sufficient', async () => {
  expect((await modernCall((await tokensWith('admin')).access_token, 'note')).status).toBe(200);
});

test('a header that names another tool does not admit the call', async () => {
  const { access_token } = await tokensWith(undefined);
  const answer = await modernCall(access_token, 'note', 'whoami');
  expect(answer.status).toBe(400);
  expect((await messageOf(answer)).error?.code).toBe(-32020);
});

test('the server rejects a legacy call without its scope and names the scope', async () => {
  const { access_token } = await tokensWith(undefined);
  const started = await postMcp(cloud.origin, access_token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  const rejected = await postMcp(cloud.origin, access_token, callTool('note', { name: 'n' }), session);
  expect(rejected.status).toBe(403);
  expect(await messageOf(rejected)).toMatchObject({
    error: { data: { error: 'insufficient_scope', scope: 'mcp notes' } },
  });
});

test('the server rejects a batch with a call without its scope', async () => {
  const { access_token } = await tokensWith(undefined);
  // The only revision with batches.
  const params = { ...initialize.params, protocolVersion: '2025-03-26' };
  const started = await postMcp(cloud.origin, access_token, { ...initialize, params });
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  const batch = [callTool('whoami'), { ...callTool('note', { name: 'n' }), id: 2 }];
  expect((await postMcp(cloud.origin, access_token, batch, session)).status).toBe(403);
});

test('the SDK client requests the missing scope and continues', async () => {
  const memory = new SignInMemory();
  const authProvider = memory as OAuthClientProvider;
  const open = async () => {
    const transport = new StreamableHTTPClientTransport(new URL(cloud.mcpUrl), { authProvider });
    const client = new Client(
      { name: 'sdk-v2', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    await client.connect(transport);
    return client;
  };
  /** Signs in with the scope that the client requests. */
  const signIn = async () => {
    const back = await approveAndSignIn(memory.authorizationUrl!.href, 'ada');
    const transport = new StreamableHTTPClientTransport(new URL(cloud.mcpUrl), { authProvider });
    await transport.finishAuth(back.searchParams);
  };
  await expect(open()).rejects.toThrow(UnauthorizedError);
  await signIn();
  const client = await open();
  await client.callTool({ name: 'whoami', arguments: {} });
  await expect(client.callTool({ name: 'note', arguments: { name: 'n' } })).rejects.toThrow(UnauthorizedError);
  expect(memory.authorizationUrl!.searchParams.get('scope')?.split(' ')).toEqual(
    expect.arrayContaining(['mcp', 'notes']),
  );
  await signIn();
  const again = await open();
  const stored = await again.callTool({ name: 'note', arguments: { name: 'n', text: 'stepped up' } });
  expect(stored.isError).toBeFalsy();
  await Promise.all([client.close(), again.close()]);
});
