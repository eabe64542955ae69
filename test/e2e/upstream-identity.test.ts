import type { Resources } from '../../bench/harness/assembly.ts';
import {
  callTool,
  initialize,
  messageOf,
  OAuthClient,
  postMcp,
  type Tokens,
} from '../../bench/harness/raw-oauth-client.ts';
import { ScriptedProvider } from '../support/scripted-provider.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { grantOf } from '../support/wire-checks.ts';

/** The effects of later changes at the identity provider on a signed-in user. */

jest.setTimeout(60_000);

const now = () => Math.floor(Date.now() / 1000);

/** Sets the times of the upstream tokens in the table: how a test moves time. */
const changeTokens = (cloud: TestCloud, tokens: Tokens, change: { expiresAt?: number; refreshedAt: number }) =>
  cloud.set({ pk: `T#${grantOf(tokens)}`, sk: '-' }, change);

const isAdmitted = async ({ origin }: TestCloud, { access_token }: Tokens) =>
  (await postMcp(origin, access_token, initialize)).status === 200;

describe('a user who is disabled at the identity provider', () => {
  let cloud: TestCloud;
  beforeAll(async () => {
    cloud = await TestCloud.start();
  });
  afterAll(() => cloud?.stop());

  test('has no access after the access token is due, although the upstream tokens have not expired', async () => {
    const client = await OAuthClient.register(cloud.origin);
    const tokens = await client.tokensFor('ada');
    await changeTokens(cloud, tokens, { refreshedAt: now() - 120 });
    await cloud.disable('ada');
    expect(await isAdmitted(cloud, tokens)).toBe(true);

    const rejected = await client.refresh(tokens.refresh_token);
    expect([rejected.status, await rejected.json()]).toEqual([
      400,
      expect.objectContaining({ error: 'invalid_grant' }),
    ]);
    expect(await isAdmitted(cloud, tokens)).toBe(false);
    expect(cloud.log).toContain('upstream_ended_grant');
  });

  test('does not affect other users', async () => {
    const client = await OAuthClient.register(cloud.origin);
    const tokens = await client.tokensFor('alan');
    await changeTokens(cloud, tokens, { refreshedAt: now() - 120 });
    await cloud.disable('ada');
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
    expect(await isAdmitted(cloud, tokens)).toBe(true);
  });
});

/** Makes the functions of a template use the provider. */
const using = (provider: ScriptedProvider) => (resources: Resources) => {
  for (const { Type, Properties } of Object.values(resources)) {
    const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
    if ('IDP_ISSUER' in variables) {
      Object.assign(variables, { IDP_ISSUER: provider.issuer, IDP_CLIENT_ID: provider.clientId });
    }
  }
};

describe('the groups of a user', () => {
  let provider: ScriptedProvider;
  let cloud: TestCloud;
  beforeAll(async () => {
    provider = await ScriptedProvider.start({ rotates: true });
    cloud = await TestCloud.start({ change: using(provider) });
  });
  afterAll(async () => {
    await cloud?.stop();
    await provider.stop();
  });

  test('are limited to 50 at sign-in, with those of settings first, although the id token has 12,000', async () => {
    const groups = Array.from({ length: 12_000 }, (_, index) => `team-${index}`.padEnd(36, '-'));
    provider.behaviour.claims = { 'cognito:groups': [...groups, 'admins'] };
    const { tokens } = await cloud.signedIn();
    expect((await cloud.item(`G#${grantOf(tokens)}`)).groups).toEqual(['admins', ...groups.slice(0, 49)]);
    expect(cloud.log).toContain('"event":"groups_omitted"');
  });
});

describe('a user who has left a group', () => {
  let provider: ScriptedProvider;
  let cloud: TestCloud;
  beforeAll(async () => {
    provider = await ScriptedProvider.start({ rotates: true });
    cloud = await TestCloud.start({ change: using(provider) });
  });
  beforeEach(() => {
    provider.behaviour.claims = { 'cognito:groups': ['admins', 'staff'] };
  });
  afterAll(async () => {
    await cloud?.stop();
    await provider.stop();
  });

  /** The groups that a tool sees. */
  const groupsFor = async ({ access_token }: Tokens) => {
    const started = await postMcp(cloud.origin, access_token, initialize);
    const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
    const { result } = await messageOf(await postMcp(cloud.origin, access_token, callTool('whoami'), session));
    const { content } = result as unknown as { content: { text: string }[] };
    return JSON.parse(content[0]!.text).user.groups;
  };

  test('is no member for tools after the next refresh of the access token', async () => {
    const { client, tokens } = await cloud.signedIn();
    expect(await groupsFor(tokens)).toEqual(['admins', 'staff']);
    provider.behaviour.claims = { 'cognito:groups': ['staff'] };
    await changeTokens(cloud, tokens, { refreshedAt: now() - 120 });
    const refreshed = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
    expect(await groupsFor(refreshed)).toEqual(['staff']);
    // The grant has changed, so the former access token has no more groups than the new one.
    expect(await groupsFor(tokens)).toEqual(['staff']);
  });

  test('is no member after a refresh whose response was lost and is repeated', async () => {
    const { client, tokens } = await cloud.signedIn();
    await client.refresh(tokens.refresh_token);
    provider.behaviour.claims = {};
    await changeTokens(cloud, tokens, { refreshedAt: now() - 120 });
    const repeated = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
    expect(await groupsFor(repeated)).toEqual([]);
  });

  test('keeps the groups of the sign-in when the provider issues no refresh token', async () => {
    provider.behaviour.refreshTokenFor = { scope: 'offline_access' };
    const { client, tokens } = await cloud.signedIn();
    provider.behaviour.refreshTokenFor = {};
    provider.behaviour.claims = {};
    await changeTokens(cloud, tokens, { refreshedAt: now() - 120 });
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
    expect(await groupsFor(tokens)).toEqual(['admins', 'staff']);
  });
});

describe('tools in many processes at once', () => {
  let provider: ScriptedProvider;
  let cloud: TestCloud;
  beforeAll(async () => {
    provider = await ScriptedProvider.start({ rotates: true });
    cloud = await TestCloud.start({ change: using(provider), freshPerRequest: true });
  });
  afterAll(async () => {
    await cloud?.stop();
    await provider.stop();
  });

  test('cause one refresh at the provider, and receive the same token', async () => {
    const client = await OAuthClient.register(cloud.origin);
    const tokens = await client.tokensFor('anybody');
    const started = await postMcp(cloud.origin, tokens.access_token, initialize);
    const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
    await changeTokens(cloud, tokens, { expiresAt: now() - 1, refreshedAt: now() - 3600 });
    const before = provider.tokenRequests;
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () =>
        messageOf(await postMcp(cloud.origin, tokens.access_token, callTool('userinfo'), session)),
      ),
    );
    expect(provider.tokenRequests - before).toBe(1);
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ result: expect.anything() })));
    expect(provider.userInfoTokens).toHaveLength(8);
    expect(new Set(provider.userInfoTokens).size).toBe(1);
  });
});
