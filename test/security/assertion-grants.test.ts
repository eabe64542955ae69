import { SignJWT } from 'jose';
import { userKey } from '../../lambda/core/access/user-key.ts';
import { matchesSubject } from '../../lambda/core/oauth/assertions/workload-rule.ts';
import type { MachineClient } from '../../lambda/core/oauth/clients/machine-client.ts';
import {
  claimsOf,
  publicUrl,
  refusalOf,
  type TestKey,
  type TokenAnswer,
  TokenFacade,
  testKey,
} from '../support/token-facade.ts';

/** Attacks on workload identity and on enterprise-managed authorization. */

const ASSERTION_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const CLIENT_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const github = 'https://token.actions.githubusercontent.com';
const cluster = 'https://cluster.example';
const okta = 'https://acme.okta.example';
const partner = 'https://partner.example';
const deploy = 'repo:acme/shop:ref:refs/heads/main';
const rejected = [400, 'invalid_grant'];

let platform: TestKey;
let otherKey: TestKey;
let clientKey: TestKey;
beforeAll(async () => {
  [platform, otherKey, clientKey] = await Promise.all([testKey('RS256'), testKey('RS256'), testKey()]);
});

let server: TokenFacade;
beforeEach(() => {
  const rule = { issuer: github, scopes: ['mcp', 'notes'], singleUse: true };
  const machineClients: MachineClient[] = [
    { id: 'notes-app', name: 'App', scopes: ['mcp', 'notes'], keys: { jwks: { keys: [clientKey.jwk] } } },
    { id: 'other-app', name: 'Other', scopes: ['mcp'], keys: { jwks: { keys: [clientKey.jwk] } } },
  ];
  server = new TokenFacade({
    machineClients,
    workloads: [
      { ...rule, name: 'deploy', subject: deploy },
      { ...rule, name: 'docs', subject: 'repo:acme/docs:*', scopes: ['mcp'] },
      { name: 'pod', issuer: cluster, subject: 'system:serviceaccount:ci:job', scopes: ['mcp'], singleUse: false },
    ],
    enterpriseIssuers: [
      { issuer: okta, hasGroups: true },
      { issuer: partner, clients: ['other-app'] },
    ],
  });
  for (const issuer of [github, cluster, okta, partner]) server.published.set(issuer, [platform.jwk]);
});

const token = (assertion: string, change: Record<string, string | undefined> = {}) =>
  server.token({ grant_type: ASSERTION_GRANT, assertion, ...change });

const workloadToken = (claims = {}, header = {}, key = platform) =>
  server.sign(key, { iss: github, sub: deploy, aud: `${publicUrl}/mcp`, ...claims }, header);

/** The token endpoint's answer to a workload's token. */
const workload = async (claims = {}, header = {}, key = platform) => token(await workloadToken(claims, header, key));

const idJag = (claims = {}, header = {}, key = platform) =>
  server.sign(
    key,
    {
      iss: okta,
      sub: 'ada',
      aud: publicUrl,
      client_id: 'notes-app',
      resource: `${publicUrl}/mcp`,
      scope: 'mcp',
      groups: ['staff'],
      ...claims,
    },
    { typ: 'oauth-id-jag+jwt', ...header },
  );

const asClient = async (id = 'notes-app') => ({
  client_assertion_type: CLIENT_ASSERTION,
  client_assertion: await server.sign(clientKey, { iss: id, sub: id, aud: publicUrl }),
});

/** The answer to an ID-JAG that an authenticated client presents. */
const enterprise = async (claims = {}, header = {}, key = platform, client = 'notes-app') =>
  token(await idJag(claims, header, key), await asClient(client));

const alarms = () =>
  server.log.filter(([event]) => event === 'trusted_assertion_rejected').map(([, each]) => each!.reason);

test('M13: a workload gets a token as a service for the token of its platform, without a stored secret', async () => {
  const answer = await workload();
  expect(answer).toMatchObject({ status: 200, scope: 'mcp notes', expires_in: 3600 });
  expect([answer.refresh_token, await server.accepts(answer)]).toEqual([undefined, true]);
  expect((await workload({ aud: publicUrl })).status).toBe(200);
  const { items } = await server.stores.directory.recentGrants({ limit: 10 });
  expect(items).toMatchObject([
    { kind: 'service', origin: 'workload', issuer: github, subject: deploy, client: 'deploy' },
  ]);
});

test('M13: a token of another issuer with the same subject is rejected, and its keys are not fetched', async () => {
  expect(refusalOf(await workload({ iss: 'https://evil.example' }))).toEqual(rejected);
  expect(server.keyRequests).toEqual([]);
  expect(refusalOf(await workload({ iss: cluster }))).toEqual(rejected);
  expect(refusalOf(await workload({ iss: okta }))).toEqual(rejected);
  expect(alarms()).toEqual([]);
});

test('M14: a token for another audience or resource, or for several audiences, is rejected', async () => {
  for (const aud of [
    'https://other.example/mcp',
    `${publicUrl}/token`,
    [publicUrl, 'https://other.example'],
    undefined,
  ]) {
    expect(refusalOf(await workload({ aud }))).toEqual(rejected);
    expect(refusalOf(await enterprise({ aud }))).toEqual(rejected);
  }
  for (const resource of ['https://other.example/mcp', undefined, [`${publicUrl}/mcp`, 'https://other.example/mcp']]) {
    expect(refusalOf(await enterprise({ resource }))).toEqual(rejected);
  }
  const elsewhere = await token(await workloadToken(), { resource: 'https://other.example/mcp' });
  expect(refusalOf(elsewhere)).toEqual([400, 'invalid_target']);
});

test('M15: a subject pattern matches character by character, and a star counts at its end alone', () => {
  const cases: [string, string, boolean][] = [
    ['repo:acme/*', 'repo:acme/shop:ref:refs/heads/main', true],
    ['repo:acme/*', 'repo:acme-evil/shop:ref:refs/heads/main', false],
    ['repo:acme/*', 'repo:Acme/shop:ref:refs/heads/main', false],
    ['repo:acme/*:ref', 'repo:acme/shop:ref', false],
    ['repo:*/shop:ref', 'repo:evil/shop:ref', false],
    [deploy, `${deploy}x`, false],
    [deploy, deploy.replace('a', '\u0430'), false],
    [deploy, deploy.replace('main', 'main\u200b'), false],
    ['repo:acme/é', 'repo:acme/e\u0301', false],
  ];
  for (const [pattern, subject, matches] of cases)
    expect([pattern, matchesSubject(pattern, subject)]).toEqual([pattern, matches]);
});

test('M15: a workload of a fork, of another branch, or with a subject that is no text is rejected', async () => {
  const subjects = [
    'repo:forker/shop:ref:refs/heads/main',
    'repo:acme/shop:ref:refs/heads/main2',
    'repo:acme/shop:pull_request',
    'repo:acme/docs',
    'repo:Acme/docs:ref:refs/heads/main',
    ['repo:acme/docs:ref:refs/heads/main'],
    undefined,
    '',
  ];
  for (const sub of subjects) expect(refusalOf(await workload({ sub }))).toEqual(rejected);
  expect(alarms()).toEqual([]);
  expect(await workload({ sub: 'repo:acme/docs:ref:refs/heads/main' })).toMatchObject({ status: 200, scope: 'mcp' });
});

test('M16: a JWT of another type is neither the token of a workload nor an ID-JAG', async () => {
  for (const typ of ['at+jwt', 'logout+jwt', 'oauth-id-jag+jwt']) {
    expect((await workload({}, { typ })).status).not.toBe(200);
  }
  for (const typ of ['JWT', 'at+jwt', undefined]) expect((await enterprise({}, { typ })).status).not.toBe(200);
  const asClientAssertion = {
    client_assertion_type: CLIENT_ASSERTION,
    client_assertion: await idJag({ iss: 'notes-app', sub: 'notes-app' }, {}, clientKey),
  };
  expect(refusalOf(await token(await idJag(), asClientAssertion))).toEqual([401, 'invalid_client']);
});

test('M17: an assertion without signature, with a key in its header, or with a public key as secret is rejected', async () => {
  const claims = claimsOf(await workloadToken());
  const none = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify(claims))}.`.replaceAll('=', '');
  const hmac = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
    .sign(new TextEncoder().encode(JSON.stringify(platform.jwk)));
  const header = { jwk: otherKey.jwk, jku: 'https://evil.example/jwks.json' };
  const answers = [
    await token(none),
    await token(hmac),
    await token(await workloadToken({}, header, otherKey)),
    await token('x'),
    await token('e30.e30.'),
    await token(`${'e30.'.repeat(3000)}`),
    await enterprise({}, header, otherKey),
  ];
  expect(answers.map(refusalOf)).toEqual(answers.map(() => rejected));
  expect(alarms()).toEqual([]);
});

test('M18: an assertion that is expired, from the future, for too long, or without exp is rejected', async () => {
  const { now } = server;
  const times = [{ exp: now }, { exp: undefined }, { exp: now + 2 * 86_400 }, { iat: now + 120 }, { nbf: now + 120 }];
  for (const change of times) {
    expect(refusalOf(await workload(change))).toEqual(rejected);
    expect(refusalOf(await enterprise(change))).toEqual(rejected);
  }
  for (const change of [{ iat: undefined }, { jti: undefined }, { exp: now + 7200 }]) {
    expect(refusalOf(await enterprise(change))).toEqual(rejected);
  }
});

test('M19: an assertion that is presented many times at once gives one token', async () => {
  const once = async (assertion: string, client?: () => Promise<Record<string, string>>) => {
    const requests = Array.from({ length: 10 }, async () => token(assertion, await client?.()));
    const answers = await Promise.all(requests);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ error }) => error === 'invalid_grant')).toHaveLength(9);
  };
  await once(await workloadToken());
  await once(await workloadToken({ jti: undefined }));
  await once(await idJag(), () => asClient());
});

test('M19: the token of a platform that repeats it gives further tokens', async () => {
  const repeated = await workloadToken({ iss: cluster, sub: 'system:serviceaccount:ci:job' });
  expect([(await token(repeated)).status, (await token(repeated)).status]).toEqual([200, 200]);
});

test('M20: an ID-JAG signs the user of its provider in, as the same user as after a sign-in there', async () => {
  const answer = await enterprise({ scope: 'mcp notes admin' });
  expect(answer).toMatchObject({ status: 200, scope: 'mcp notes', expires_in: 3600 });
  expect(answer.refresh_token).toBeUndefined();
  const { user } = await server.callerOf(answer);
  expect([user, await server.accepts(answer)]).toEqual([await userKey(okta, 'ada'), true]);
  const { items } = await server.stores.directory.grantsOf(user, { limit: 10 });
  expect(items).toMatchObject([
    { origin: 'enterprise', issuer: okta, subject: 'ada', client: 'notes-app', groups: ['staff'] },
  ]);
  expect(items[0]!.kind).toBeUndefined();
});

test('M20: an ID-JAG for another client, or of a client that does not authenticate, is rejected', async () => {
  expect(refusalOf(await enterprise({ client_id: 'other-app' }))).toEqual(rejected);
  expect(refusalOf(await enterprise({}, {}, platform, 'other-app'))).toEqual(rejected);
  expect(refusalOf(await enterprise({ iss: partner }))).toEqual(rejected);
  expect(refusalOf(await enterprise({ iss: 'https://evil.example' }))).toEqual(rejected);
  const registered = await server.request('/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] }),
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  expect(refusalOf(await token(await idJag({ client_id }), { client_id }))).toEqual([400, 'unauthorized_client']);
  expect(refusalOf(await token(await idJag()))).toEqual([401, 'invalid_client']);
});

test('M20: groups of another provider than that of the users have no meaning', async () => {
  const answer = await enterprise({ iss: partner, client_id: 'other-app' }, {}, platform, 'other-app');
  const { user } = await server.callerOf(answer);
  expect((await server.stores.directory.grantsOf(user, { limit: 1 })).items).toMatchObject([{ groups: [] }]);
});

test('M21: neither a request nor an assertion widens the scopes', async () => {
  const scopes = async (claims: object, scope?: string): Promise<TokenAnswer> =>
    token(await idJag(claims), { ...(await asClient()), scope });
  expect((await scopes({ scope: 'mcp' })).scope).toBe('mcp');
  expect((await scopes({ scope: 'mcp notes' }, 'notes')).scope).toBe('notes');
  expect(refusalOf(await scopes({ scope: 'mcp' }, 'notes'))).toEqual([400, 'invalid_scope']);
  expect(refusalOf(await token(await workloadToken(), { scope: 'admin' }))).toEqual([400, 'invalid_scope']);
});

test('M22: a revoked workload or enterprise grant is rejected at the next request, and gets no further token', async () => {
  for (const request of [() => workload(), () => enterprise()]) {
    const answer = await request();
    await server.stores.revocation.revokeGrant(claimsOf(answer.access_token!).grant as string, server.now);
    expect([await server.accepts(answer), refusalOf(await request())]).toEqual([false, rejected]);
  }
  expect(alarms()).toEqual([]);
});

test('M23: the log states rejected assertions of a trusted issuer for an admitted subject, and no token', async () => {
  const assertion = await workloadToken({ aud: 'https://other.example' });
  await token(assertion);
  await workload({ exp: server.now });
  await enterprise({ aud: 'https://other.example' });
  await workload({ sub: 'repo:stranger/x:ref:refs/heads/main' });
  expect(alarms()).toEqual(['grant_assertion_audience', 'grant_assertion_expired', 'grant_assertion_audience']);
  expect(JSON.stringify(server.log)).not.toContain(assertion.split('.')[2]);
});

test('M24: a server without assertions of other issuers advertises and accepts none', async () => {
  const off = new TokenFacade({ machineClients: undefined });
  const refused = await off.token({ grant_type: ASSERTION_GRANT, assertion: await workloadToken(), client_id: 'x' });
  expect(refusalOf(refused)).toEqual([401, 'invalid_client']);
  const [without, withThem] = [await off.metadata(), await server.metadata()];
  expect([without.grant_types_supported, without.authorization_grant_profiles_supported]).toEqual([
    ['authorization_code', 'refresh_token'],
    undefined,
  ]);
  expect(withThem).toMatchObject({
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials', ASSERTION_GRANT],
    authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
  });
});
