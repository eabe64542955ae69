import { authenticateBearer, directCaller, facadeCaller } from '../../../lambda/core/access/access-token.ts';
import { callerContext, readCallerContext } from '../../../lambda/core/access/caller.ts';
import { userKey } from '../../../lambda/core/access/user-key.ts';

/** Whom a verified token names. That it is verified, and how, is for the verifier's own tests. */

const issuer = 'https://login.example.com';
const claims = { iss: issuer, sub: 'ada', client_id: 'client-1', exp: 2_000_000_000 };
const read = directCaller({ issuer, groupClaims: ['roles', 'role'], defaultScope: 'mcp' });

const callerOf = (change: object = {}) => read({ ...claims, ...change });

test('in direct mode the user is the same as behind the facade', async () => {
  expect(await callerOf()).toMatchObject({
    user: await userKey(issuer, 'ada'),
    client: 'client-1',
    expiresAt: 2_000_000_000,
    identity: { issuer, subject: 'ada', groups: [] },
  });
});

test('the grant is one for each user and client, however often they come', async () => {
  const grantOf = async (change?: object) => (await callerOf(change))!.grant;
  expect(await grantOf({ exp: 2_100_000_000, scope: 'other' })).toBe(await grantOf());
  expect(await grantOf({ sub: 'alan' })).not.toBe(await grantOf());
  expect(await grantOf({ client_id: 'client-2' })).not.toBe(await grantOf());
});

test.each<[string, object, string[]]>([
  ['as words', { scope: 'notes openid' }, ['mcp', 'notes', 'openid']],
  ['under scp, as words', { scp: 'notes' }, ['mcp', 'notes']],
  ['under scp, as a list', { scp: ['notes', 'all'] }, ['mcp', 'notes', 'all']],
  ['not at all', {}, ['mcp']],
  ['with the default among them', { scope: 'mcp' }, ['mcp']],
  ['as what is none', { scope: 7 }, ['mcp']],
])('scopes are read where they are written %s', async (_how, change, expected) => {
  expect((await callerOf(change))?.scopes).toEqual(expected);
});

test('groups are read from every claim that names them', async () => {
  const { identity } = (await callerOf({ roles: ['admin', 7], role: 'member' }))!;
  expect(identity?.groups).toEqual(['admin', 'member']);
});

test('the client may be named by azp', async () => {
  expect(await read({ iss: issuer, sub: 'ada', azp: 'client-1', exp: 1 })).toEqual({
    ...(await callerOf()),
    expiresAt: 1,
  });
});

test.each(['sub', 'client_id', 'exp'])('a token without %s names nobody', async (claim) => {
  expect(await callerOf({ [claim]: undefined })).toBeUndefined();
});

test('the facade’s token names no identity of a provider, whatever it says', async () => {
  const token = { ...claims, scope: 'mcp', grant: 'g', identity: { issuer, subject: 'eve', groups: [] } };
  expect(await facadeCaller(token)).toEqual({
    user: 'ada',
    client: 'client-1',
    grant: 'g',
    scopes: ['mcp'],
    expiresAt: claims.exp,
  });
});

test('callers pass through the gateway’s context, which holds text alone', async () => {
  for (const caller of [
    (await callerOf({ roles: ['a "b"', 'ü'] }))!,
    (await facadeCaller({ ...claims, scope: '', grant: 'g' }))!,
  ]) {
    const context = callerContext(caller);
    expect(Object.values(context).every((value) => typeof value === 'string')).toBe(true);
    expect(readCallerContext(context)).toEqual(caller);
  }
});

test('a token of which the verifier knows nothing names nobody', async () => {
  expect(await authenticateBearer(['Bearer x'], { verify: async () => undefined }, read)).toBeUndefined();
  expect(await authenticateBearer(['Bearer x'], { verify: async () => claims }, read)).toEqual(await callerOf());
});
