import { SignJWT } from 'jose';
import { serviceKey, userKey } from '../../lambda/core/access/user-key.ts';
import {
  createMachineClientId,
  createSecret,
  replacedSecrets,
} from '../../lambda/core/admin/machine-client-registry.ts';
import { isSecretOf, type MachineClient } from '../../lambda/core/oauth/clients/machine-client.ts';
import {
  basic,
  claimsOf,
  publicUrl,
  refusalOf,
  type TestKey,
  type TokenAnswer,
  TokenFacade,
  testKey,
} from '../support/token-facade.ts';

/** Attacks on machine clients, and by them. */

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

let key: TestKey;
let otherKey: TestKey;
let rsa: TestKey;
beforeAll(async () => {
  [key, otherKey, rsa] = await Promise.all([testKey(), testKey(), testKey('RS256')]);
});

let server: TokenFacade;
beforeEach(() => {
  const clients: MachineClient[] = [
    { id: 'nightly', name: 'nightly', scopes: ['mcp', 'notes'], keys: { jwks: { keys: [key.jwk] } } },
    { id: 'other', name: 'other', scopes: ['mcp'], keys: { jwks: { keys: [otherKey.jwk] } } },
    { id: 'rsa', name: 'rsa', scopes: ['mcp'], keys: { jwks: { keys: [rsa.jwk] } } },
  ];
  server = new TokenFacade({ machineClients: clients });
});

/** A client of the table with a secret. */
async function withSecret(change: Partial<MachineClient> = {}): Promise<{ client: MachineClient; secret: string }> {
  const { secret, stored } = await createSecret();
  const id = createMachineClientId();
  const client = { id, name: 'ci', scopes: ['mcp'], secrets: [stored], ...change };
  server.machines.set(id, client);
  return { client, secret };
}

const credentials = (change: Record<string, string | undefined> = {}) => ({
  grant_type: 'client_credentials',
  resource: `${publicUrl}/mcp`,
  ...change,
});

const assertion = (id: string, signedBy: TestKey, claims = {}, header = {}) =>
  server.sign(signedBy, { iss: id, sub: id, aud: publicUrl, ...claims }, header);

const byAssertion = async (client_assertion: string, change = {}): Promise<TokenAnswer> =>
  server.token(credentials({ client_assertion_type: ASSERTION_TYPE, client_assertion, ...change }));

test('M1: a machine client gets an access token for itself by secret or assertion', async () => {
  const { client, secret } = await withSecret();
  const answers = [
    await server.token(credentials(), basic(client.id, secret)),
    await server.token(credentials({ client_id: client.id, client_secret: secret })),
    await byAssertion(await assertion('nightly', key)),
    await byAssertion(await assertion('nightly', key, { aud: `${publicUrl}/token` })),
  ];
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 200, token_type: 'Bearer', expires_in: 3600 });
    expect(answer.refresh_token).toBeUndefined();
    expect(await server.accepts(answer)).toBe(true);
  }
  const { sub, client_id } = claimsOf(answers[0]!.access_token!);
  expect([sub, client_id]).toEqual([await serviceKey(publicUrl, client.id), client.id]);
});

test('M1: a machine client is rejected with the credentials of another, without any, or with two kinds', async () => {
  const [one, other] = [await withSecret(), await withSecret()];
  const secretAssertion = await assertion('nightly', key);
  const answers = [
    await server.token(credentials(), basic(one.client.id, other.secret)),
    await server.token(credentials({ client_id: one.client.id })),
    await server.token(credentials({ client_id: other.client.id }), basic(one.client.id, one.secret)),
    await server.token(credentials({ client_secret: one.secret }), basic(one.client.id, one.secret)),
    await server.token(credentials({ client_id: 'nightly', client_secret: one.secret })),
    await server.token(credentials({ client_id: createMachineClientId(), client_secret: one.secret })),
    await server.token(credentials(), { authorization: 'Basic !' }),
    await server.token(credentials(), { authorization: `Bearer ${one.secret}` }),
    await byAssertion(await assertion('nightly', otherKey)),
    await byAssertion(await assertion('nightly', key, { sub: 'other' })),
    await byAssertion(await assertion('nightly', key, { iss: 'other' })),
    await byAssertion(await assertion('nightly', key), { client_id: 'other' }),
    await byAssertion(secretAssertion, { client_id: one.client.id, client_secret: one.secret }),
    await byAssertion(await assertion('nightly', key), { client_secret: one.secret }),
    await byAssertion(await assertion(one.client.id, key)),
  ];
  expect(answers.map(refusalOf)).toEqual(answers.map(() => [401, 'invalid_client']));
});

test('M1: a client that users sign in with gets no token for itself', async () => {
  const registered = await server.request('/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] }),
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  expect(refusalOf(await server.token(credentials({ client_id })))).toEqual([400, 'unauthorized_client']);
});

test('M2: a token has the scopes that the client requests, and no request widens those of the client', async () => {
  const token = async (scope?: string) => byAssertion(await assertion('nightly', key), { scope });
  expect([(await token()).scope, (await token('notes')).scope]).toEqual(['mcp notes', 'notes']);
  expect((await token('openid mcp')).scope).toBe('mcp');
  expect([refusalOf(await token('admin')), refusalOf(await token('mcp admin'))]).toEqual([
    [400, 'invalid_scope'],
    [400, 'invalid_scope'],
  ]);
});

test('M2: a token for another resource is rejected with invalid_target', async () => {
  const answer = await byAssertion(await assertion('nightly', key), { resource: 'https://other.example/mcp' });
  expect(refusalOf(answer)).toEqual([400, 'invalid_target']);
});

test('M3: a secret in the query is rejected, and no secret is in the log or the table', async () => {
  const { client, secret } = await withSecret();
  const query = new URLSearchParams({ client_id: client.id, client_secret: secret });
  const rejected = await server.post(`/token?${query}`, credentials());
  expect(refusalOf(rejected)).toEqual([400, 'invalid_request']);
  expect(rejected.error_description).not.toContain(secret);
  const wrong = await server.token(credentials({ client_id: client.id, client_secret: `${secret}x` }));
  expect(JSON.stringify([wrong, server.log, client])).not.toContain(secret.slice(4));
});

test('M4: every stored digest of a client is compared with that of the presented secret', async () => {
  const [first, second] = [await createSecret(), await createSecret()];
  const reads: string[] = [];
  const watched = [first, second].map(({ stored }) => ({
    get hash() {
      reads.push(stored.hash);
      return stored.hash;
    },
  }));
  const client = { id: 'x', name: 'x', scopes: [], secrets: watched };
  expect(await isSecretOf(client, first.secret, server.now)).toBe(true);
  expect(reads).toEqual([first.stored.hash, second.stored.hash]);
});

test('M4: a replaced secret is valid until its overlap ends, and the one before it no longer', async () => {
  const secrets = [await createSecret(), await createSecret(), await createSecret()];
  const { client } = await withSecret({ secrets: [secrets[0]!.stored] });
  const accepted = () =>
    Promise.all(
      secrets.map(async ({ secret }) => (await server.token(credentials(), basic(client.id, secret))).status),
    );
  for (const { stored } of secrets.slice(1)) {
    client.secrets = replacedSecrets(client.secrets!, stored, server.now, 60);
  }
  expect(await accepted()).toEqual([401, 200, 200]);
  await server.clock.advance(60_000);
  expect(await accepted()).toEqual([401, 401, 200]);
});

test('M5: a service has no state of a person, even with the same issuer and subject', async () => {
  const { state } = server.stores;
  const person = await userKey(publicUrl, 'nightly');
  await state.overwrite(person, { key: 'note', value: 'of the person', expiresAt: server.now + 100 });
  const service = (await server.callerOf(await byAssertion(await assertion('nightly', key)))).user;
  expect(service).toBe(await serviceKey(publicUrl, 'nightly'));
  expect(await state.get(service, 'note', server.now)).toBeUndefined();
  const grant = await server.stores.directory.recentGrants({ limit: 1 });
  expect(grant.items).toMatchObject([
    { kind: 'service', origin: 'client-credentials', issuer: publicUrl, subject: 'nightly', user: service },
  ]);
});

test('M6: a revoked machine client is rejected at its next request, and gets no further token', async () => {
  const token = await byAssertion(await assertion('nightly', key));
  const other = await byAssertion(await assertion('other', otherKey));
  await server.stores.revocation.revokeGrant(claimsOf(token.access_token!).grant as string, server.now);
  expect([await server.accepts(token), await server.accepts(other)]).toEqual([false, true]);
  expect(refusalOf(await byAssertion(await assertion('nightly', key)))).toEqual([400, 'invalid_grant']);
  await server.clock.advance(400 * 24 * 3600_000);
  expect(refusalOf(await byAssertion(await assertion('nightly', key)))).toEqual([400, 'invalid_grant']);
});

test('M6: a machine client that revokes its own token keeps its access', async () => {
  const { client, secret } = await withSecret();
  const token = await server.token(credentials(), basic(client.id, secret));
  const answer = await server.post('/revoke', { token: token.access_token }, basic(client.id, secret));
  expect(refusalOf(answer)).toEqual([400, 'unsupported_token_type']);
  expect(await server.accepts(token)).toBe(true);
});

test('M6: one grant serves all tokens of a machine client', async () => {
  const tokens = [
    await byAssertion(await assertion('nightly', key)),
    await byAssertion(await assertion('nightly', key)),
  ];
  const grants = tokens.map(({ access_token }) => claimsOf(access_token!).grant);
  expect(new Set(grants).size).toBe(1);
  expect((await server.stores.directory.recentGrants({ limit: 10 })).items).toHaveLength(1);
});

test('M7: a server without machine clients advertises and issues nothing for them', async () => {
  const off = new TokenFacade({ machineClients: undefined });
  expect(await off.metadata()).toMatchObject({
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
  });
  off.machines.set('hmc_x', { id: 'hmc_x', name: 'x', scopes: ['mcp'] });
  expect(refusalOf(await off.token(credentials({ client_id: 'hmc_x', client_secret: 'x' })))).toEqual([
    401,
    'invalid_client',
  ]);
  const on = await server.metadata();
  expect(on).toMatchObject({
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt', 'client_secret_basic', 'client_secret_post'],
    token_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256', 'PS256', 'EdDSA'],
  });
});

test('M8: an assertion that is presented many times at once gives one token', async () => {
  const replayed = await assertion('nightly', key);
  const answers = await Promise.all(Array.from({ length: 20 }, () => byAssertion(replayed)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ error }) => error === 'invalid_client')).toHaveLength(19);
});

test('M9: an assertion without signature, with a key in its header, or with a public key as secret is rejected', async () => {
  const claims = { iss: 'rsa', sub: 'rsa', aud: publicUrl, jti: 'j', iat: server.now, exp: server.now + 60 };
  const none = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify(claims))}.`.replaceAll('=', '');
  const hmac = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
    .sign(new TextEncoder().encode(JSON.stringify(rsa.jwk)));
  const forged = await assertion('rsa', otherKey, {}, { jwk: otherKey.jwk, jku: 'https://evil.example/jwks.json' });
  const answers = [await byAssertion(none), await byAssertion(hmac), await byAssertion(forged)];
  expect(answers.map(refusalOf)).toEqual(answers.map(() => [401, 'invalid_client']));
});

test('M10: an assertion that is expired, from the future, for too long, or without exp or jti is rejected', async () => {
  const { now } = server;
  const changes = [
    { exp: now },
    { exp: undefined },
    { exp: now + 7200 },
    { iat: now + 120 },
    { nbf: now + 120 },
    { jti: undefined },
  ];
  for (const change of changes) {
    expect(refusalOf(await byAssertion(await assertion('nightly', key, change)))).toEqual([401, 'invalid_client']);
  }
});

test('M11: a JWT of another type does not authenticate a client', async () => {
  for (const typ of ['oauth-id-jag+jwt', 'at+jwt', 'logout+jwt']) {
    expect(refusalOf(await byAssertion(await assertion('nightly', key, {}, { typ })))).toEqual([401, 'invalid_client']);
  }
  for (const typ of ['JWT', 'client-authentication+jwt']) {
    expect((await byAssertion(await assertion('nightly', key, {}, { typ }))).status).toBe(200);
  }
});

test('M12: a machine client that requests tokens without end is limited, and another one is not', async () => {
  const { client, secret } = await withSecret();
  const request = () => server.token(credentials(), basic(client.id, secret));
  const answers: TokenAnswer[] = [];
  for (let count = 0; count < 101; count++) answers.push(await request());
  expect(answers.slice(0, 100).every(({ status }) => status === 200)).toBe(true);
  expect(refusalOf(answers[100]!)).toEqual([429, 'temporarily_unavailable']);
  const body = new URLSearchParams(credentials() as Record<string, string>);
  const limited = await server.request('/token', { method: 'POST', body, headers: basic(client.id, secret) });
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '2']);
  expect((await byAssertion(await assertion('nightly', key))).status).toBe(200);
  await server.clock.advance(1000);
  expect((await request()).status).toBe(200);
});
