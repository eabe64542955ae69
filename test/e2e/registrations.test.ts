import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { initialize, OAuthClient, postMcp, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { DocumentClouds, unsafely } from '../support/document-server.ts';
import type { TestCloud } from '../support/test-cloud.ts';

/**
 * The known registrations and documents of the clients of 2026, each with a complete flow. Their metadata is unchanged:
 * unknown members, several redirect URIs of which one is used, ephemeral ports.
 */

jest.setTimeout(60_000);

let clouds: DocumentClouds;
let cloud: TestCloud;
beforeAll(async () => {
  clouds = await DocumentClouds.create();
  cloud = await clouds.cloud(unsafely);
});
afterAll(() => clouds?.end());

const grants = { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] };

type Known = { name: string; redirect_uri: string; metadata: Record<string, unknown> };

const registering: Known[] = [
  {
    name: 'Claude',
    redirect_uri: 'https://claude.ai/api/mcp/auth_callback',
    metadata: {
      client_name: 'Claude',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
      ...grants,
      scope: 'mcp offline_access',
      token_endpoint_auth_method: 'none',
      client_uri: null,
      logo_uri: null,
    },
  },
  {
    name: 'Claude Code',
    redirect_uri: 'http://localhost:3118/callback',
    metadata: {
      client_name: 'Claude Code (holdfast)',
      redirect_uris: ['http://localhost:3118/callback'],
      ...grants,
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
  },
  {
    name: 'ChatGPT',
    redirect_uri: 'https://chatgpt.com/connector/oauth/a1B2c3D4e5F6',
    metadata: {
      client_name: 'ChatGPT',
      redirect_uris: ['https://chatgpt.com/connector/oauth/a1B2c3D4e5F6'],
      ...grants,
      token_endpoint_auth_method: 'client_secret_post',
    },
  },
  {
    name: 'Codex',
    redirect_uri: 'http://127.0.0.1:51234/callback/a1B2c3',
    metadata: {
      client_name: 'Codex',
      redirect_uris: ['http://127.0.0.1:51234/callback/a1B2c3'],
      ...grants,
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
  },
  ...['cursor://anysphere.cursor-mcp/oauth/callback', 'http://localhost:8787/callback'].map((redirect_uri) => ({
    name: `Cursor at ${redirect_uri}`,
    redirect_uri,
    metadata: {
      client_name: 'Cursor',
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
      ...grants,
      token_endpoint_auth_method: 'none',
    },
  })),
  ...['http://127.0.0.1:33418/', 'http://127.0.0.1:49876/', 'https://vscode.dev/redirect'].map((redirect_uri) => ({
    name: `VS Code at ${redirect_uri}`,
    redirect_uri,
    metadata: {
      client_name: 'Visual Studio Code',
      client_uri: 'https://code.visualstudio.com',
      redirect_uris: [
        'https://insiders.vscode.dev/redirect',
        'https://vscode.dev/redirect',
        'http://127.0.0.1/',
        'http://127.0.0.1:33418/',
      ],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
  })),
  {
    name: 'mcp-remote',
    redirect_uri: 'http://localhost:22227/oauth/callback',
    metadata: {
      client_name: 'MCP CLI Proxy',
      client_uri: 'https://github.com/modelcontextprotocol/mcp-cli',
      redirect_uris: ['http://localhost:22227/oauth/callback'],
      ...grants,
      token_endpoint_auth_method: 'none',
      software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
      software_version: '0.15.1',
    },
  },
  {
    name: 'Inspector',
    redirect_uri: 'http://localhost:6274/oauth/callback/debug',
    metadata: {
      client_name: 'MCP Inspector',
      client_uri: 'https://github.com/modelcontextprotocol/inspector',
      redirect_uris: ['http://localhost:6274/oauth/callback', 'http://localhost:6274/oauth/callback/debug'],
      ...grants,
      token_endpoint_auth_method: 'none',
      scope: '',
    },
  },
  {
    name: 'OpenCode',
    redirect_uri: 'http://127.0.0.1:19876/mcp/oauth/callback',
    metadata: {
      client_name: 'OpenCode',
      client_uri: 'https://opencode.ai',
      redirect_uris: ['http://127.0.0.1:19876/mcp/oauth/callback'],
      ...grants,
      token_endpoint_auth_method: 'none',
    },
  },
  {
    name: 'Gemini',
    redirect_uri: 'http://localhost:7777/oauth/callback',
    metadata: {
      client_name: 'Gemini CLI MCP Client',
      redirect_uris: ['http://localhost:7777/oauth/callback'],
      ...grants,
      token_endpoint_auth_method: 'none',
      scope: 'mcp',
    },
  },
  {
    name: 'Copilot Studio',
    redirect_uri: 'https://global.consent.azure-apim.net/redirect/cr123-5fholdfast-5f0a1b2c3d',
    metadata: {
      client_name: 'Microsoft Copilot Studio',
      redirect_uris: ['https://global.consent.azure-apim.net/redirect/cr123-5fholdfast-5f0a1b2c3d'],
      ...grants,
      token_endpoint_auth_method: 'client_secret_basic',
    },
  },
];

const publishing: Known[] = [
  {
    name: 'Claude',
    redirect_uri: 'https://claude.ai/api/mcp/auth_callback',
    metadata: {
      client_name: 'Claude',
      client_uri: 'https://claude.ai',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
      ...grants,
      token_endpoint_auth_method: 'none',
    },
  },
  ...['http://localhost:53682/callback', 'http://127.0.0.1:53682/callback'].map((redirect_uri) => ({
    name: `Claude Code at ${redirect_uri}`,
    redirect_uri,
    metadata: {
      client_name: 'Claude Code',
      client_uri: 'https://claude.ai',
      redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
      ...grants,
      token_endpoint_auth_method: 'none',
    },
  })),
  {
    name: 'Codex',
    redirect_uri: 'http://127.0.0.1:40123/callback',
    metadata: {
      client_name: 'Codex',
      redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'],
      ...grants,
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
  },
  {
    name: 'VS Code',
    redirect_uri: 'http://127.0.0.1:33418/',
    metadata: {
      client_name: 'Visual Studio Code',
      client_uri: 'https://vscode.dev/product',
      logo_uri: 'https://vscode.dev/code.png',
      redirect_uris: ['http://127.0.0.1:33418/', 'http://127.0.0.1/', 'https://vscode.dev/redirect'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
  },
  {
    name: 'OpenCode',
    redirect_uri: 'http://127.0.0.1:19876/mcp/oauth/callback',
    metadata: {
      client_name: 'OpenCode',
      redirect_uris: ['http://127.0.0.1:19876/mcp/oauth/callback'],
      ...grants,
      token_endpoint_auth_method: 'none',
    },
  },
];

/** Signs in, uses the token, refreshes it and revokes it. @param proof the client authentication of each request */
async function wholeFlow(
  client: OAuthClient,
  redirect_uri: string,
  proof: () => Promise<Record<string, string>> = async () => ({}),
): Promise<void> {
  const back = await approveAndSignIn(client.authorizationUrl({ redirect_uri, scope: 'mcp offline_access' }), 'ada');
  const answer = await client.redeem(back.searchParams.get('code')!, { redirect_uri, ...(await proof()) });
  expect(answer.status).toBe(200);
  const { access_token, refresh_token } = (await answer.json()) as Tokens;
  expect((await postMcp(cloud.origin, access_token, initialize)).status).toBe(200);
  const refreshed = await client.refresh(refresh_token, await proof());
  expect(refreshed.status).toBe(200);
  expect((await client.revoke(((await refreshed.json()) as Tokens).refresh_token, await proof())).status).toBe(200);
}

test.each(registering)('$name registers and connects', async ({ metadata, redirect_uri }) => {
  await wholeFlow(await OAuthClient.register(cloud.origin, metadata), redirect_uri);
});

test.each(publishing)('$name connects by its document', async ({ metadata, redirect_uri }) => {
  const host = await clouds.documents();
  await wholeFlow(OAuthClient.known(cloud.origin, host.serveClient(metadata)), redirect_uri);
});

test('ChatGPT connects by its document and signs its requests', async () => {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const [host, keyHost] = [await clouds.documents(), await clouds.documents()];
  const jwks_uri = keyHost.serve('/oauth/jwks.json', {
    keys: [{ ...(await exportJWK(publicKey)), kid: 'chatgpt-1', alg: 'RS256', use: 'sig' }],
  });
  const redirect_uri = 'https://chatgpt.com/connector/oauth/a1B2c3D4e5F6';
  const id = host.serveClient({
    client_name: 'ChatGPT',
    redirect_uris: [redirect_uri],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    response_types: ['code', 'id_token'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    token_endpoint_auth_signing_alg: 'RS256',
    jwks_uri,
  });
  await wholeFlow(OAuthClient.known(cloud.origin, id), redirect_uri, async () => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await new SignJWT({ iss: id, sub: id, aud: `${cloud.origin}/token`, jti: randomUUID() })
      .setProtectedHeader({ alg: 'RS256', kid: 'chatgpt-1', typ: 'JWT' })
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey),
  }));
});
