import { authenticateBearer, directCaller, facadeCaller } from '../../../lambda/core/access/access-token.ts';
import { callerContext, readCallerContext } from '../../../lambda/core/access/caller.ts';
import { InvalidTokenError } from '../../../lambda/core/access/invalid-token-error.ts';
import { userKey } from '../../../lambda/core/access/user-key.ts';
import { groupReader } from '../../../lambda/core/identity/upstream-provider.ts';
import { PERSONAL_TOKEN_CLIENT } from '../../../lambda/shared/personal-token.ts';

/** The caller of a verified token. The tests of the verifier cover the verification. */

const issuer = 'https://login.example.com';
const claims = { iss: issuer, sub: 'ada', client_id: 'client-1', exp: 2_000_000_000 };
const groupsIn = groupReader({ claims: ['roles', 'role'], kept: ['*'] }, () => undefined);
const read = directCaller({ issuer, groupsIn, defaultScope: 'mcp' });

const callerOf = (change: object = {}) => read({ ...claims, ...change });

test('direct mode derives the same user key as the facade', async () => {
  expect(await callerOf()).toMatchObject({
    user: await userKey(issuer, 'ada'),
    client: 'client-1',
    expiresAt: 2_000_000_000,
    identity: { issuer, subject: 'ada', groups: [] },
  });
});

test('direct mode derives one grant id per user and client', async () => {
  const grantOf = async (change?: object) => (await callerOf(change)).grant;
  expect(await grantOf({ exp: 2_100_000_000, scope: 'other' })).toBe(await grantOf());
  expect(await grantOf({ sub: 'alan' })).not.toBe(await grantOf());
  expect(await grantOf({ client_id: 'client-2' })).not.toBe(await grantOf());
});

test.each<[string, object, string[]]>([
  ['of a scope string', { scope: 'notes openid' }, ['mcp', 'notes', 'openid']],
  ['of an scp string', { scp: 'notes' }, ['mcp', 'notes']],
  ['of an scp list', { scp: ['notes', 'all'] }, ['mcp', 'notes', 'all']],
  ['of a token without scopes', {}, ['mcp']],
  ['of a token with the default scope', { scope: 'mcp' }, ['mcp']],
  ['of an invalid claim', { scope: 7 }, ['mcp']],
])('direct mode reads the scopes %s', async (_how, change, expected) => {
  expect((await callerOf(change)).scopes).toEqual(expected);
});

test('direct mode reads groups from every configured claim', async () => {
  const { identity } = await callerOf({ roles: ['admin', 7], role: 'member' });
  expect(identity?.groups).toEqual(['admin', 'member']);
});

test('direct mode reads the client from azp', async () => {
  expect(await read({ iss: issuer, sub: 'ada', azp: 'client-1', exp: 1 })).toEqual({
    ...(await callerOf()),
    expiresAt: 1,
  });
});

test.each(['sub', 'client_id', 'exp'])('a token without %s has no caller', async (claim) => {
  const missing = { reason: 'claim', signed: true, message: expect.stringContaining(claim) };
  await expect(callerOf({ [claim]: undefined })).rejects.toMatchObject(missing);
});

test.each(['sub', 'client_id', 'grant', 'scope', 'exp'])('a facade token without %s has no caller', async (claim) => {
  const missing = { reason: 'claim', message: expect.stringContaining(claim) };
  const token = { ...claims, scope: 'mcp', grant: 'g', [claim]: undefined };
  await expect(facadeCaller(token)).rejects.toMatchObject(missing);
});

test('a facade token has no upstream identity, whatever its claims are', async () => {
  const token = { ...claims, scope: 'mcp', grant: 'g', identity: { issuer, subject: 'eve', groups: [] } };
  expect(await facadeCaller(token)).toEqual({
    user: 'ada',
    client: 'client-1',
    grant: 'g',
    scopes: ['mcp'],
    expiresAt: claims.exp,
  });
});

test('a caller passes through the authorizer context, which holds strings alone', async () => {
  for (const caller of [
    await callerOf({ roles: ['a "b"', 'ü'] }),
    await facadeCaller({ ...claims, scope: '', grant: 'g' }),
  ]) {
    const context = callerContext(caller);
    expect(Object.values(context).every((value) => typeof value === 'string')).toBe(true);
    expect(readCallerContext(context)).toEqual(caller);
  }
});

test('a token that the verifier rejects has no caller', async () => {
  const invalid = new InvalidTokenError('signature', 'Invalid signature');
  const rejecting = { verify: () => Promise.reject(invalid) };
  await expect(authenticateBearer(['Bearer x'], rejecting, read)).rejects.toBe(invalid);
  expect(await authenticateBearer(['Bearer x'], { verify: async () => claims }, read)).toEqual(await callerOf());
});

describe('before its verification', () => {
  const verify = jest.fn(async () => claims);
  const authenticate = (...authorization: string[]) => authenticateBearer(authorization, { verify }, read);
  beforeEach(() => verify.mockClear());

  test.each([[['Basic eDp5']], [['Bearer']], [['Bearer a b']], [['Bearer x', 'Bearer x']], [[]]])(
    'the header %j is rejected with its reason',
    async (authorization) => {
      await expect(authenticate(...authorization)).rejects.toMatchObject({ reason: 'header', signed: false });
      expect(verify).not.toHaveBeenCalled();
    },
  );

  test('a token of 8,192 characters is accepted, and a longer one rejected with its length', async () => {
    expect(await authenticate(`Bearer ${'x'.repeat(8192)}`)).toEqual(await callerOf());
    const tooLong = { reason: 'too_long', message: '8193 characters, more than 8192' };
    await expect(authenticate(`Bearer ${'x'.repeat(8193)}`)).rejects.toMatchObject(tooLong);
  });
});

describe('personal access tokens', () => {
  const personal = { ...claims, client_id: PERSONAL_TOKEN_CLIENT, grant: 'g', scope: 'mcp' };
  const verifying = (verified: object) => ({ verify: async (token: string) => ({ ...verified, jti: token }) });
  const caller = (token: string, verified: object, personalTokens: boolean) =>
    authenticateBearer([`Bearer ${token}`], verifying(verified), facadeCaller, { personalTokens });

  test('are accepted with their prefix where the setting is on', async () => {
    expect(await caller('hfp_token', personal, true)).toMatchObject({ user: 'ada', grant: 'g' });
  });

  test.each<[string, string, object, boolean]>([
    ['without its prefix', 'token', personal, true],
    ['where the setting is off', 'hfp_token', personal, false],
    ['without its prefix where the setting is off', 'token', personal, false],
  ])('one %s is rejected', async (_, token, verified, personalTokens) => {
    await expect(caller(token, verified, personalTokens)).rejects.toMatchObject({ reason: 'claim' });
  });

  test('the prefix before another access token is rejected', async () => {
    const other = { ...personal, client_id: 'client-1' };
    await expect(caller('hfp_token', other, true)).rejects.toMatchObject({ reason: 'claim' });
    expect(await caller('token', other, true)).toMatchObject({ client: 'client-1' });
  });
});
