import { createHmac } from 'node:crypto';
import { assistants } from '../../bench/harness/mcp-clients.ts';
import { callTool, initialize, messageOf, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import type { TokenRejectionReason } from '../../lambda/core/access/invalid-token-error.ts';
import { userKey } from '../../lambda/core/access/user-key.ts';
import { sha256 } from '../../lambda/core/support/crypto.ts';
import { becomes } from '../support/becomes.ts';
import { CLIENT, ScriptedProvider } from '../support/scripted-provider.ts';
import { directMode, TestCloud } from '../support/test-cloud.ts';

/** Direct mode: the identity provider is the authorization server, and Holdfast keeps only the sessions. */

jest.setTimeout(60_000);

let provider: ScriptedProvider;
let stranger: ScriptedProvider;
let cloud: TestCloud;

beforeAll(async () => {
  [provider, stranger] = await Promise.all([ScriptedProvider.start(), ScriptedProvider.start()]);
  cloud = await TestCloud.start(directMode(provider.issuer));
  // The provider does not answer a test; its tokens cannot be had from a tool.
  cloud.expectFailures('authorizer_failed', 'tool_failed');
});
afterAll(async () => {
  await cloud?.stop();
  await Promise.all([provider.stop(), stranger.stop()]);
});

const mcpUrl = () => `${cloud.origin}/mcp`;
const now = () => Math.floor(Date.now() / 1000);

/** The claims of an access token of the provider for this server, with changes. */
const claims = (change: Record<string, unknown> = {}) => ({
  aud: mcpUrl(),
  client_id: CLIENT.id,
  scope: 'openid',
  ...change,
});

const tokenOf = (change: Record<string, unknown> = {}) => provider.sign(claims(change));
const send = (token: string | undefined, headers?: Record<string, string>) =>
  postMcp(cloud.origin, token, initialize, headers);

async function textOf(answer: Response): Promise<string> {
  const { result } = (await messageOf(answer)) as { result?: { content: { text: string }[] } };
  return result!.content[0]!.text;
}

describe('discovery', () => {
  test.each(['', '/mcp'])(
    'names the provider as the authorization server, at the well-known address%s',
    async (path) => {
      const answer = await fetch(`${cloud.origin}/.well-known/oauth-protected-resource${path}`);
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      expect(await answer.json()).toEqual({
        resource: mcpUrl(),
        authorization_servers: [provider.issuer],
        scopes_supported: ['profile', 'email'],
        bearer_methods_supported: ['header'],
      });
    },
  );

  test('starts with a challenge that names the metadata document and the provider’s scopes', async () => {
    const { status, headers } = await send(undefined);
    const metadata = `${cloud.origin}/.well-known/oauth-protected-resource/mcp`;
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${metadata}", scope="profile email"`);
  });

  test('rejects POST with 405', async () => {
    const answer = await fetch(`${cloud.origin}/.well-known/oauth-protected-resource`, { method: 'POST' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('has a page for people at its root, and an icon', async () => {
    const page = await fetch(`${cloud.origin}/`, { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain(`<code>${mcpUrl()}</code>`);
    const french = await fetch(`${cloud.origin}/`, { headers: { accept: 'text/html', 'accept-language': 'fr' } });
    expect(await french.text()).toContain('Connecter votre assistant');
    const icon = await fetch(`${cloud.origin}/favicon.ico`);
    expect([icon.status, icon.headers.get('content-type')]).toEqual([200, 'image/svg+xml']);
  });

  test.each([
    ...['authorize', 'consent', 'callback', 'token', 'register', 'revoke', 'jwks.json'],
    '.well-known/oauth-authorization-server',
    '.well-known/openid-configuration',
  ])('has no endpoint /%s', async (path) => {
    for (const method of ['GET', 'POST']) {
      const answer = await fetch(`${cloud.origin}/${path}`, { method });
      expect([answer.status, await answer.json()]).toEqual([404, expect.objectContaining({ error: 'not_found' })]);
    }
  });
});

test.each(assistants)('%s signs in at the provider and calls tools', async (_name, connect) => {
  const assistant = await connect(mcpUrl(), 'anybody');
  expect(provider.authorizationRequest.get('resource')).toBe(mcpUrl());
  const who = JSON.parse((await assistant.call('whoami')).text);
  expect(who).toEqual({
    user: {
      key: await userKey(provider.issuer, 'ada'),
      kind: 'person',
      issuer: provider.issuer,
      subject: 'ada',
      groups: [],
    },
    client: { id: CLIENT.id, name: CLIENT.id },
    scopes: expect.arrayContaining(['mcp', 'profile', 'email']),
  });
  const stored = await assistant.call('note', { name: 'n', text: 'stored' });
  expect(stored.isError).toBe(false);
  const userinfo = await assistant.call('userinfo');
  expect(userinfo).toEqual({ isError: true, text: expect.stringMatching(/direct mode/i) });
  await assistant.close();
});

describe('a token', () => {
  test('of the provider for this server is accepted', async () => {
    expect((await send(await tokenOf())).status).toBe(200);
  });

  test('may name its client by azp, its groups as roles, and this server among others', async () => {
    const token = await tokenOf({ client_id: undefined, azp: 'by-azp', roles: ['staff'], aud: ['other', mcpUrl()] });
    const session = (await send(token)).headers.get('mcp-session-id')!;
    const answer = await postMcp(cloud.origin, token, callTool('whoami'), { 'mcp-session-id': session });
    expect(JSON.parse(await textOf(answer))).toMatchObject({ user: { groups: ['staff'] }, client: { id: 'by-azp' } });
  });

  const rejected: [string, TokenRejectionReason, () => Promise<string> | string][] = [
    ['for another server', 'audience', () => tokenOf({ aud: 'https://other.example/mcp' })],
    ['for the host, but not for /mcp', 'audience', () => tokenOf({ aud: cloud.origin })],
    ['without an audience', 'audience', () => tokenOf({ aud: undefined })],
    ['of another issuer, by the provider’s key', 'issuer', () => tokenOf({ iss: 'https://evil.example' })],
    ['of another issuer, by its own key', 'signature', () => stranger.sign(claims())],
    ['by another’s key, in the provider’s name', 'signature', () => stranger.sign(claims({ iss: provider.issuer }))],
    ['that has expired', 'expired', () => tokenOf({ exp: now() - 1 })],
    ['that is not valid yet', 'not_yet_valid', () => tokenOf({ nbf: now() + 300 })],
    ['without a subject', 'claim', () => tokenOf({ sub: undefined })],
    ['without a client', 'claim', () => tokenOf({ client_id: undefined })],
    ['that is an id token', 'type', () => tokenOf({ nonce: 'n' })],
    ['that is an id token with at_hash', 'type', () => tokenOf({ at_hash: 'h' })],
    ['of another type', 'type', () => provider.sign(claims(), { typ: 'logout+jwt' })],
    [
      'without a signature',
      'malformed',
      async () =>
        `${part({ alg: 'none' })}.${part({ ...claims(), iss: provider.issuer, sub: 'ada', exp: now() + 300 })}.`,
    ],
    [
      'signed with the public key as an HMAC secret',
      'algorithm',
      async () => {
        const keys = await (await fetch(`${provider.origin}/jwks`)).text();
        const signed = `${part({ alg: 'HS256', kid: 'key-1' })}.${part({ ...claims(), iss: provider.issuer, sub: 'ada', exp: now() + 300 })}`;
        return `${signed}.${createHmac('sha256', keys).update(signed).digest('base64url')}`;
      },
    ],
    ['of an unknown key', 'unknown_key', () => provider.sign(claims(), { kid: 'unknown' })],
    ['of more than 8,192 characters', 'too_long', () => tokenOf({ roles: ['x'.repeat(6200)] })],
    ['that is opaque', 'malformed', () => 'c29tZSB0b2tlbg'],
  ];
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');

  test.each(rejected)('%s is rejected with 401 and the reason %s in the log', async (_what, reason, make) => {
    const token = await make();
    const before = cloud.log.length;
    const { status, headers } = await send(token);
    expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('resource_metadata=')]);
    await becomes(() => cloud.log.slice(before).includes(`"token_rejected"`));
    const line = cloud.log
      .slice(before)
      .split('\n')
      .find((each) => each.includes('"token_rejected"'))!;
    expect(line).toContain(`"reason":"${reason}"`);
    for (const piece of token.split('.').filter(Boolean)) expect(line).not.toContain(piece);
  });
});

describe('a session', () => {
  test('belongs to the user and the client that started it, with any token of them', async () => {
    const id = (await send(await tokenOf())).headers.get('mcp-session-id')!;
    const sessionSeenBy = async (token: string) => {
      const answer = await postMcp(cloud.origin, token, callTool('session'), { 'mcp-session-id': id });
      return JSON.parse(await textOf(answer)).id;
    };
    expect(await sessionSeenBy(await tokenOf({ jti: 'another' }))).toBe(id);
    expect(await sessionSeenBy(await tokenOf({ sub: 'eve' }))).not.toBe(id);
    expect(await sessionSeenBy(await tokenOf({ client_id: 'another' }))).not.toBe(id);
  });

  test('is rejected after a revocation, until the operator deletes the revocation', async () => {
    const token = await tokenOf({ sub: 'mallory' });
    const session = { 'mcp-session-id': (await send(token)).headers.get('mcp-session-id')! };
    const call = (by: string) => postMcp(cloud.origin, by, callTool('whoami'), session);
    const grant = await sha256([provider.issuer, 'mallory', CLIENT.id].join('\n'));
    const Key = { pk: `G#${grant}`, sk: '-' };
    await cloud.put({ ...Key, type: 'grant', status: 'revoked' });
    expect((await call(token)).status).toBe(401);
    expect((await call(await tokenOf({ sub: 'mallory', jti: 'fresh' }))).status).toBe(401);
    expect((await send(token)).status).toBe(401);
    expect((await send(await tokenOf())).status).toBe(200);
    await cloud.remove(Key);
    expect((await call(token)).status).toBe(200);
  });
});

test('an outage of the provider’s key set answers 503 to a valid token, and counts as an authorizer failure', async () => {
  const token = await tokenOf({ jti: 'cold' });
  await cloud.recycle();
  provider.down = true;
  const before = cloud.log.length;
  try {
    const answer = await send(token);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
    await becomes(() => cloud.log.slice(before).includes('"authorizer_failed":1'));
  } finally {
    provider.down = false;
  }
  await cloud.recycle();
  expect((await send(token)).status).toBe(200);
});
