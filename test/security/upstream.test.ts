import { createPublicKey } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { initialize, OAuthClient, postMcp, redirectUri, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { openIdProvider } from '../../lambda/adapters/openid.ts';
import { SignInRefusedError } from '../../lambda/core/identity/upstream-provider.ts';
import { randomToken } from '../../lambda/core/support/crypto.ts';
import { approveAndSignIn, Browser } from '../../local/testing/form-browser.ts';
import { becomes } from '../support/becomes.ts';
import { Provider, type TokenAnswer, type UpstreamSignIn } from '../support/fake-token-provider.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { answerAt, grantOf, refusal } from '../support/wire-checks.ts';

/** An identity provider that sends forged or malformed responses: they count only as far as they can be verified. */

jest.setTimeout(60_000);

let provider: Provider;
let target: TestCloud;
beforeAll(async () => {
  provider = await Provider.start();
  target = await TestCloud.start({ change: provider.use });
  // The provider rejects revocations, or does not answer.
  target.expectFailures('upstream_revocation_failed');
});
afterAll(async () => {
  await target?.stop();
  await provider.stop();
});
beforeEach(() => {
  provider.onCode = (signIn) => provider.tokens(signIn);
  provider.onRefresh = () => provider.tokens({ nonce: '', sub: provider.sub });
  provider.onRevoke = () => ({ body: {} });
  provider.sub = 'user-1';
});

/** Signs in. @returns the parameters of the redirect to the client */
async function signIn(): Promise<Record<string, string>> {
  const browser = new Browser();
  const consent = await browser.open((await target.client()).authorizationUrl(), redirectUri);
  return answerAt(await browser.submit(consent, { answer: 'approve' }, redirectUri));
}

const signedIn = async () => {
  const client = await OAuthClient.register(target.origin);
  const back = await approveAndSignIn(client.authorizationUrl(), 'any-user');
  const tokens = (await (await client.redeem(back.searchParams.get('code')!)).json()) as Tokens;
  return { client, tokens };
};

test('A55: an honest provider signs in its users', async () => {
  expect(await signIn()).toMatchObject({ code: expect.stringMatching(/^hac1_/), iss: target.origin });
});

type Lie = (signIn: UpstreamSignIn) => Promise<Record<string, unknown>>;
const idToken =
  (change: (claims: Record<string, unknown>) => Record<string, unknown>, header?: Record<string, unknown>): Lie =>
  async (signIn) => ({ id_token: await provider.sign(change(provider.claims(signIn)), header) });

const unsigned =
  (alg: string): Lie =>
  async (signIn) => {
    const parts = [{ alg, kid: provider.publicJwk.kid }, provider.claims(signIn)];
    return { id_token: `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.` };
  };

const symmetric =
  (key: () => Buffer): Lie =>
  async (signIn) => ({
    id_token: await new SignJWT(provider.claims(signIn))
      .setProtectedHeader({ alg: 'HS256', kid: provider.publicJwk.kid })
      .sign(key()),
  });

const signedByForeignKey =
  (header: (own: object) => Record<string, unknown>): Lie =>
  async (signIn) => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const own = await exportJWK(publicKey);
    return {
      id_token: await new SignJWT(provider.claims(signIn))
        .setProtectedHeader({ alg: 'RS256', ...header(own) })
        .sign(privateKey),
    };
  };

const now = () => Math.floor(Date.now() / 1000);

const nonceLies: [string, Lie][] = [
  ['no nonce', idToken(({ nonce, ...rest }) => rest)],
  ['another nonce', idToken((claims) => ({ ...claims, nonce: 'x'.repeat(43) }))],
  ['an empty nonce', idToken((claims) => ({ ...claims, nonce: '' }))],
];

const otherLies: [string, Lie][] = [
  ['another issuer', idToken((claims) => ({ ...claims, iss: 'https://evil.example' }))],
  ['the issuer with a slash', idToken((claims) => ({ ...claims, iss: `${claims.iss}/` }))],
  ['no issuer', idToken(({ iss, ...rest }) => rest)],
  ['another audience', idToken((claims) => ({ ...claims, aud: 'another-client' }))],
  ['other audiences', idToken((claims) => ({ ...claims, aud: ['another', 'client'] }))],
  ['no audience', idToken(({ aud, ...rest }) => rest)],
  ['several audiences and no azp', idToken((claims) => ({ ...claims, aud: [claims.aud, 'else'] }))],
  ['several audiences and a foreign azp', idToken((claims) => ({ ...claims, aud: [claims.aud, 'else'], azp: 'else' }))],
  ['a foreign azp', idToken((claims) => ({ ...claims, azp: 'another-client' }))],
  ['an exp in the past', idToken((claims) => ({ ...claims, exp: now() - 120 }))],
  ['no exp', idToken(({ exp, ...rest }) => rest)],
  ['an nbf in the future', idToken((claims) => ({ ...claims, nbf: now() + 600 }))],
  ['no subject', idToken(({ sub, ...rest }) => rest)],
  ['an empty subject', idToken((claims) => ({ ...claims, sub: '' }))],
  ['a subject that is a list', idToken((claims) => ({ ...claims, sub: ['user-1'] }))],
  ['no signature', unsigned('none')],
  ['no signature and alg RS256', unsigned('RS256')],
  ['the public key as a secret', symmetric(() => Buffer.from(JSON.stringify(provider.publicJwk)))],
  [
    'the public key as PEM as a secret',
    symmetric(() =>
      Buffer.from(
        createPublicKey({ key: provider.publicJwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
      ),
    ),
  ],
  ['the client id as a secret', symmetric(() => Buffer.from(provider.clientId))],
  ['a foreign key under the known kid', signedByForeignKey(() => ({ kid: provider.publicJwk.kid }))],
  ['an embedded jwk', signedByForeignKey((jwk) => ({ jwk }))],
  ['an unknown kid', idToken((claims) => claims, { kid: 'unknown' })],
  ['a critical extension', idToken((claims) => claims, { crit: ['x'], x: 1 })],
  ['no id token', async () => ({ id_token: undefined })],
  ['a malformed id token', async () => ({ id_token: 'x.y.z' })],
  ['no access token', async () => ({ access_token: undefined })],
  ['another type of token', async () => ({ token_type: 'mac' })],
];

async function expectNoGrant(lie: Lie): Promise<void> {
  provider.onCode = async (signIn) => provider.tokens(signIn, await lie(signIn));
  const before = await target.items('G#');
  const answer = await signIn();
  expect(answer).toMatchObject({
    error: expect.stringMatching(/^(server_error|temporarily_unavailable)$/),
    state: 'the-state',
    iss: target.origin,
  });
  expect(Object.keys(answer).sort()).toEqual(['error', 'error_description', 'iss', 'state']);
  expect(await target.items('G#')).toEqual(before);
}

test.each(nonceLies)('A55: an id token with %s ends the sign-in and creates no grant', (_what, lie) =>
  expectNoGrant(lie),
);

test.each(otherLies)('A56: a token response with %s ends the sign-in and creates no grant', (_what, lie) =>
  expectNoGrant(lie),
);

test('A56: unknown key ids do not cause repeated fetches of the key set', async () => {
  await signIn();
  provider.onCode = async (signIn) =>
    provider.tokens(signIn, { id_token: await provider.sign(provider.claims(signIn), { kid: 'unknown' }) });
  const before = provider.requests['/jwks']!;
  for (let i = 0; i < 5; i++) expect(await signIn()).not.toHaveProperty('code');
  expect(provider.requests['/jwks']! - before).toBeLessThanOrEqual(1);
});

test('A56: a rotated key of the provider is accepted at once, and the key set is fetched once in ten seconds', async () => {
  const changing = await Provider.start();
  const clock = jest.spyOn(Date, 'now');
  const adapter = openIdProvider({
    issuer: changing.issuer,
    clientId: changing.clientId,
    authentication: 'client_secret_post',
    scopes: ['openid'],
    parameters: {},
    dashboard: { scopes: ['openid'], parameters: {} },
    groupsIn: () => [],
    userInfo: false,
    revokes: false,
    redirectUri,
    now,
    log: () => undefined,
  });
  const signInThere = async () => {
    const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
    const { headers } = await fetch(await adapter.signInUrl(secrets), { redirect: 'manual' });
    return adapter.redeem(new URL(headers.get('location')!).searchParams, secrets);
  };
  try {
    const start = Date.now();
    clock.mockImplementation(() => start);
    await signInThere();
    await changing.newKey();
    expect((await signInThere()).identity).toMatchObject({ issuer: changing.issuer, subject: 'user-1' });
    expect(changing.requests['/jwks']).toBe(2);
    await changing.newKey();
    await expect(signInThere()).rejects.toThrow(SignInRefusedError);
    expect(changing.requests['/jwks']).toBe(2);
    clock.mockImplementation(() => start + 10_000);
    expect((await signInThere()).identity).toMatchObject({ issuer: changing.issuer, subject: 'user-1' });
    expect(changing.requests['/jwks']).toBe(3);
  } finally {
    clock.mockRestore();
    await changing.stop();
  }
});

test.each<[string, () => TokenAnswer]>([
  ['a response that is not JSON', () => ({ body: '<html>' })],
  ['a response that is a list', () => ({ body: [] as never })],
  ['an error response', () => ({ status: 400, body: { error: 'invalid_grant', error_description: '<script>' } })],
  ['an invalid_client error', () => ({ status: 401, body: { error: 'invalid_client' } })],
  ['a 500 response', () => ({ status: 500, body: '<html>' })],
])('A49: %s of the provider reaches the client as an error of this server alone', async (_what, answer) => {
  provider.onCode = async () => answer();
  const parameters = await signIn();
  expect(parameters.error).toMatch(/^(server_error|temporarily_unavailable)$/);
  expect(JSON.stringify(parameters)).not.toMatch(/<|invalid_/);
});

/** Expires the upstream access token, so that the next refresh sends a request to the provider. */
async function expireUpstreamToken(tokens: Tokens): Promise<void> {
  await target.put({ ...(await target.item(`T#${grantOf(tokens)}`)), expiresAt: now() - 1 });
}

test.each([
  'invalid_grant',
  'interaction_required',
  'login_required',
  'consent_required',
  'mfa_required',
  'access_denied',
])('A89: %s from the provider ends the grant', async (error) => {
  const { client, tokens } = await signedIn();
  await expireUpstreamToken(tokens);
  provider.onRefresh = async () => ({ status: 400, body: { error } });
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(await target.acceptsToken(tokens)).toBe(false);
});

test.each<[string, () => TokenAnswer]>([
  ['5xx', () => ({ status: 503, body: '<html>' })],
  ['429', () => ({ status: 429, body: { error: 'slow_down' } })],
  ['a body that is not JSON', () => ({ body: '<html>' })],
])('A89: a provider that responds with %s ends no grant', async (_what, answer) => {
  const { client, tokens } = await signedIn();
  await expireUpstreamToken(tokens);
  provider.onRefresh = async () => answer();
  const waiting = await client.refresh(tokens.refresh_token);
  expect(waiting.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await refusal(waiting)).toEqual([503, 'temporarily_unavailable']);
  provider.onRefresh = () => provider.tokens({ nonce: '', sub: provider.sub });
  expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
});

test.each(['invalid_client', 'invalid_scope', 'unauthorized_client'])(
  'A89: %s from the provider ends no grant, is no outage, and is logged for the operator',
  async (error) => {
    const { client, tokens } = await signedIn();
    await expireUpstreamToken(tokens);
    provider.onRefresh = async () => ({ status: 401, body: { error } });
    const logged = target.log.length;
    const rejected = await client.refresh(tokens.refresh_token);
    expect(rejected.headers.has('retry-after')).toBe(false);
    expect(await refusal(rejected)).toEqual([500, 'server_error']);
    const line = () => target.log.slice(logged).match(/\{.*"upstream_misconfigured".*\}/)?.[0];
    await becomes(() => line() !== undefined);
    expect(JSON.parse(line()!)).toMatchObject({
      message: `the provider answered ${error}`,
      advice: expect.stringContaining('identityProvider.'),
      upstream_misconfigured: 1,
    });
    provider.onRefresh = () => provider.tokens({ nonce: '', sub: provider.sub });
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  },
);

test('A56: a refresh with an id token of another user ends the grant', async () => {
  const { client, tokens } = await signedIn();
  await expireUpstreamToken(tokens);
  provider.onRefresh = () => provider.tokens({ nonce: '', sub: 'another user' });
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(await target.acceptsToken(tokens)).toBe(false);
});

test('A89: ten concurrent refreshes cause one refresh at the provider', async () => {
  const { client, tokens } = await signedIn();
  await expireUpstreamToken(tokens);
  let refreshes = 0;
  provider.onRefresh = async () => {
    refreshes++;
    return provider.tokens({ nonce: '', sub: provider.sub });
  };
  const answers = await Promise.all(Array.from({ length: 10 }, () => client.refresh(tokens.refresh_token)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(refreshes).toBe(1);
});

test('A102: revoking a grant revokes the token at the provider', async () => {
  const { client, tokens } = await signedIn();
  const before = provider.requests['/revoke'] ?? 0;
  expect((await client.revoke(tokens.refresh_token)).status).toBe(200);
  expect(provider.requests['/revoke']).toBe(before + 1);
});

test.each<[string, () => TokenAnswer | undefined]>([
  ['fails', () => ({ status: 500, body: '<html>' })],
  ['rejects the client', () => ({ status: 401, body: { error: 'invalid_client' } })],
  ['does not respond', () => undefined],
])('A102: a provider that %s on revocation keeps no grant alive', async (_what, answer) => {
  const { client, tokens } = await signedIn();
  const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
  // Those of the grants that other tests have ended.
  await target.runSchedules();
  provider.onRevoke = answer;
  const [revocations, logged] = [provider.requests['/revoke'] ?? 0, target.log.length];
  expect((await client.revoke(next.refresh_token)).status).toBe(200);
  expect(provider.requests['/revoke']).toBe(revocations + 1);
  for (const each of [tokens, next]) {
    expect(await target.acceptsToken(each)).toBe(false);
    expect(await refusal(await client.refresh(each.refresh_token))).toEqual([400, 'invalid_grant']);
  }
  await becomes(() => target.log.slice(logged).includes('upstream_revocation_failed'));
  provider.onRevoke = () => ({ body: {} });
  await target.runSchedules();
  expect(provider.requests['/revoke']).toBe(revocations + 2);
  expect(await target.items(`T#${grantOf(tokens)}`)).toEqual([]);
});

test('A115: the lease of a process that died is taken over', async () => {
  const { client, tokens } = await signedIn();
  await expireUpstreamToken(tokens);
  const item = await target.item(`T#${grantOf(tokens)}`);
  await target.put({ ...item, leaseOwner: 'dead', leaseUntil: now() + 1 });
  expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  expect(await target.item(`T#${grantOf(tokens)}`)).not.toHaveProperty('leaseOwner');
});

test('A115: a lost rotation at the provider ends the grant after one attempt', async () => {
  const { client, tokens } = await signedIn();
  await expireUpstreamToken(tokens);
  let refreshes = 0;
  provider.onRefresh = async () => {
    refreshes++;
    return { status: 400, body: { error: 'invalid_grant' } };
  };
  for (let i = 0; i < 3; i++) {
    expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  }
  expect(refreshes).toBe(1);
});

test('A117: two subjects with one e-mail address are two users', async () => {
  const users = [];
  for (const sub of ['user-1', 'user-2', 'user-1']) {
    provider.sub = sub;
    const { tokens } = await signedIn();
    users.push((await target.item(`G#${grantOf(tokens)}`)).user);
  }
  expect([users[0] === users[2], users[0] === users[1]]).toEqual([true, false]);
});

test('A92: an access token of the provider is rejected', async () => {
  let upstream = '';
  provider.onCode = async (signIn) => {
    const answer = await provider.tokens(signIn);
    upstream = (answer.body as Record<string, string>).access_token!;
    return answer;
  };
  await signedIn();
  expect((await postMcp(target.origin, upstream, initialize)).status).toBe(401);
});
