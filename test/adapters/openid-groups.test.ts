import type { ServerResponse } from 'node:http';
import { openIdProvider } from '../../lambda/adapters/openid.ts';
import { groupReader, SignInRefusedError } from '../../lambda/core/identity/upstream-provider.ts';
import { randomToken } from '../../lambda/core/support/crypto.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { type Behaviour, CLIENT, ScriptedProvider } from '../support/scripted-provider.ts';

/** Where a user's groups and name are read: the id token, and the userinfo endpoint for claims that it lacks. */

let provider: ScriptedProvider;
let events: unknown[];
beforeEach(async () => {
  provider = await ScriptedProvider.start();
  events = [];
});
afterEach(() => provider.stop());

const adapterOf = (options: { userInfo?: boolean; nameClaim?: string } = {}) =>
  openIdProvider({
    issuer: provider.issuer,
    clientId: CLIENT.id,
    authentication: 'client_secret_post',
    scopes: ['openid'],
    parameters: {},
    dashboard: { scopes: ['openid'], parameters: {} },
    groupsIn: groupReader({ claims: ['groups'], kept: ['*'] }, () => undefined),
    userInfo: true,
    revokes: false,
    redirectUri: 'https://mcp.example.com/callback',
    now: () => Math.floor(Date.now() / 1000),
    log: (...event) => events.push(event),
    ...options,
  });
type Adapter = ReturnType<typeof adapterOf>;

const behave = (behaviour: Partial<Behaviour>) => Object.assign(provider.behaviour, behaviour);

async function signIn(adapter: Adapter) {
  const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
  const answered = await fetch(await adapter.signInUrl(secrets), { redirect: 'manual' });
  return adapter.redeem(new URL(answered.headers.get('location')!).searchParams, secrets);
}

async function refreshed(adapter: Adapter, change: Partial<Behaviour>) {
  const { tokens, identity } = await signIn(adapter);
  behave(change);
  return adapter.refresh(tokens.refreshToken!, identity);
}

const answer =
  (status: number, body: string, headers: Record<string, string> = {}) =>
  (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };

describe('a sign-in', () => {
  test('reads groups of the id token without a request to the userinfo endpoint', async () => {
    behave({ claims: { groups: ['staff'] }, userInfoClaims: { groups: ['others'] } });
    expect((await signIn(adapterOf())).identity.groups).toEqual(['staff']);
    expect(provider.userInfoTokens).toEqual([]);
  });

  test('reads groups and name of the userinfo endpoint when the id token lacks them', async () => {
    behave({ userInfoClaims: { groups: ['staff'], name: 'Ada' } });
    const { identity, tokens } = await signIn(adapterOf({ nameClaim: 'name' }));
    expect(identity).toEqual({
      ...{ issuer: provider.issuer, subject: 'ada', groups: ['staff'], name: 'Ada' },
      account: { name: 'Ada', isLogin: false },
    });
    expect(provider.userInfoTokens).toEqual([`Bearer ${tokens.accessToken}`]);
  });

  test('prefers a claim of the id token to the same claim of the userinfo endpoint', async () => {
    behave({ claims: { groups: ['staff'] }, userInfoClaims: { groups: ['others'], name: 'Ada' } });
    expect((await signIn(adapterOf({ nameClaim: 'name' }))).identity).toMatchObject({ groups: ['staff'], name: 'Ada' });
  });

  test('of a profile without userinfo sends no request there', async () => {
    behave({ userInfoClaims: { groups: ['staff'] } });
    expect((await signIn(adapterOf({ userInfo: false }))).identity.groups).toEqual([]);
    expect(provider.userInfoTokens).toEqual([]);
  });

  test('is refused when the userinfo endpoint describes another user (OIDC Core §5.3.2)', async () => {
    behave({ userInfoClaims: { sub: 'eve', groups: ['admins'] } });
    await expect(signIn(adapterOf())).rejects.toMatchObject({ reason: 'userinfo_of_other_user' });
  });

  test.each([
    ['401 with a challenge', answer(401, '', { 'www-authenticate': 'Bearer error="invalid_token"' })],
    ['403', answer(403, '{"error":"insufficient_scope"}')],
  ])('succeeds without groups, and logs it, when the userinfo endpoint answers %s', async (_what, interfere) => {
    provider.interfereAtUserInfo = interfere;
    expect((await signIn(adapterOf())).identity.groups).toEqual([]);
    expect(events).toEqual([['userinfo_rejected', { status: expect.any(Number) }]]);
  });

  test.each([
    ['503', answer(503, '')],
    ['429', answer(429, '')],
    ['200 without JSON', answer(200, '<html>', { 'content-type': 'text/html' })],
  ])('reports the provider as unavailable when the userinfo endpoint answers %s', async (_what, interfere) => {
    provider.interfereAtUserInfo = interfere;
    await expect(signIn(adapterOf())).rejects.toThrow(ServiceUnavailableError);
  });
});

describe('a refresh', () => {
  test('returns the groups of the new id token', async () => {
    behave({ claims: { groups: ['staff', 'admins'] } });
    expect((await refreshed(adapterOf(), { claims: { groups: ['staff'] } })).groups).toEqual(['staff']);
  });

  test('returns no groups when the new id token has no group claim and the profile no userinfo', async () => {
    behave({ claims: { groups: ['admins'] } });
    expect((await refreshed(adapterOf({ userInfo: false }), { claims: {} })).groups).toEqual([]);
  });

  test.each<[string, Partial<Behaviour>]>([
    ['has no id token', { idTokenAtRefresh: false }],
    ['has an id token without a group claim', { claims: {} }],
  ])('leaves the groups to the userinfo endpoint when its response %s', async (_what, change) => {
    behave({ claims: { groups: ['admins'] }, userInfoClaims: { groups: ['staff'] } });
    const adapter = adapterOf();
    const { tokens, identity } = await signIn(adapter);
    behave(change);
    const fresh = await adapter.refresh(tokens.refreshToken!, identity);
    expect(fresh.groups).toBeUndefined();
    expect(await adapter.currentGroups(fresh.accessToken, identity)).toEqual(['staff']);
    expect(provider.userInfoTokens).toEqual([`Bearer ${fresh.accessToken}`]);
  });

  test('without id token and without userinfo leaves the groups unknown', async () => {
    const adapter = adapterOf({ userInfo: false });
    const { tokens, identity } = await signIn(adapter);
    behave({ idTokenAtRefresh: false });
    expect((await adapter.refresh(tokens.refreshToken!, identity)).groups).toBeUndefined();
    expect(await adapter.currentGroups(tokens.accessToken, identity)).toBeUndefined();
  });

  test('is refused when its id token is of another user (OIDC Core §12.2)', async () => {
    behave({ claims: { groups: [] } });
    await expect(refreshed(adapterOf(), { subject: 'eve' })).rejects.toMatchObject({
      reason: 'id_token_of_other_user',
    });
  });

  test('is refused when its id token is of another issuer than that of the sign-in', async () => {
    const adapter = adapterOf();
    const { tokens, identity } = await signIn(adapter);
    const other = { ...identity, issuer: 'https://login.example.com' };
    await expect(adapter.refresh(tokens.refreshToken!, other)).rejects.toThrow(SignInRefusedError);
  });

  test('is refused when its id token was issued to another client', async () => {
    const change = { claims: { azp: 'another-client' } };
    await expect(refreshed(adapterOf(), change)).rejects.toMatchObject({ reason: 'invalid_id_token' });
  });
});

describe('the current groups', () => {
  test('are none when the userinfo endpoint rejects the token, so that no former group keeps its power', async () => {
    const adapter = adapterOf();
    provider.interfereAtUserInfo = answer(403, '{}');
    expect(await adapter.currentGroups('token', { issuer: provider.issuer, subject: 'ada' })).toEqual([]);
    expect(events).toEqual([['userinfo_rejected', { status: 403 }]]);
  });

  test('of another user end the grant, and an outage does not', async () => {
    const adapter = adapterOf();
    const user = { issuer: provider.issuer, subject: 'ada' };
    behave({ userInfoClaims: { sub: 'eve' } });
    await expect(adapter.currentGroups('token', user)).rejects.toThrow(SignInRefusedError);
    provider.interfereAtUserInfo = answer(500, '');
    await expect(adapter.currentGroups('token', user)).rejects.toThrow(ServiceUnavailableError);
    provider.interfereAtUserInfo = answer(200, '[]');
    await expect(adapter.currentGroups('token', user)).rejects.toThrow(ServiceUnavailableError);
  });
});
