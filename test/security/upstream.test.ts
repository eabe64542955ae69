import { createPublicKey } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { approveAndSignIn, Browser } from '../../bench/harness/form-browser.ts';
import { initialize, OAuthClient, postMcp, redirectUri, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { openIdProvider } from '../../lambda/adapters/openid.ts';
import { SignInRefusedError } from '../../lambda/core/identity/upstream-provider.ts';
import { randomToken } from '../../lambda/core/support/crypto.ts';
import { becomes } from '../support/becomes.ts';
import { type Asked, Provider, type TokenAnswer } from '../support/fake-token-provider.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { answerAt, grantOf, refusal } from '../support/wire-checks.ts';

/** An identity provider that lies, or is lied about. Its answers are believed only as far as they can be verified. */

jest.setTimeout(60_000);

let provider: Provider;
let target: TestCloud;
beforeAll(async () => {
  provider = await Provider.start();
  target = await TestCloud.start({ change: provider.use });
});
afterAll(async () => {
  await target?.stop();
  await provider.stop();
});
beforeEach(() => {
  provider.onCode = (asked) => provider.tokens(asked);
  provider.onRefresh = () => provider.tokens({ nonce: '', sub: provider.sub });
  provider.onRevoke = () => ({ body: {} });
  provider.sub = 'user-1';
});

/** Signs in; @returns what the client was answered */
async function signIn(): Promise<Record<string, string>> {
  const browser = new Browser();
  const consent = await browser.open((await target.client()).authorizationUrl(), redirectUri);
  return answerAt(await browser.submit(consent, { answer: 'approve' }, redirectUri));
}

const signedIn = async () => {
  const client = await OAuthClient.register(target.origin);
  const back = await approveAndSignIn(client.authorizationUrl(), 'nobody');
  const tokens = (await (await client.redeem(back.searchParams.get('code')!)).json()) as Tokens;
  return { client, tokens };
};

const isAlive = async ({ access_token }: Tokens) =>
  (await postMcp(target.origin, access_token, initialize)).status === 200;

test('A55: an honest provider signs its users in', async () => {
  expect(await signIn()).toMatchObject({ code: expect.stringMatching(/^hac1_/), iss: target.origin });
});

type Lie = (asked: Asked) => Promise<Record<string, unknown>>;
const idToken =
  (change: (claims: Record<string, unknown>) => Record<string, unknown>, header?: Record<string, unknown>): Lie =>
  async (asked) => ({ id_token: await provider.sign(change(provider.claims(asked)), header) });

const unsigned =
  (alg: string): Lie =>
  async (asked) => {
    const parts = [{ alg, kid: provider.publicJwk.kid }, provider.claims(asked)];
    return { id_token: `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.` };
  };

const symmetric =
  (key: () => Buffer): Lie =>
  async (asked) => ({
    id_token: await new SignJWT(provider.claims(asked))
      .setProtectedHeader({ alg: 'HS256', kid: provider.publicJwk.kid })
      .sign(key()),
  });

const bySomebodyElse =
  (header: (own: object) => Record<string, unknown>): Lie =>
  async (asked) => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const own = await exportJWK(publicKey);
    return {
      id_token: await new SignJWT(provider.claims(asked))
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
  ['another audience', idToken((claims) => ({ ...claims, aud: 'somebody-else' }))],
  ['other audiences', idToken((claims) => ({ ...claims, aud: ['somebody', 'else'] }))],
  ['no audience', idToken(({ aud, ...rest }) => rest)],
  ['several audiences, and no party named', idToken((claims) => ({ ...claims, aud: [claims.aud, 'else'] }))],
  [
    'several audiences, and another party named',
    idToken((claims) => ({ ...claims, aud: [claims.aud, 'else'], azp: 'else' })),
  ],
  ['another party named', idToken((claims) => ({ ...claims, azp: 'somebody-else' }))],
  ['an end that is past', idToken((claims) => ({ ...claims, exp: now() - 120 }))],
  ['no end', idToken(({ exp, ...rest }) => rest)],
  ['a beginning to come', idToken((claims) => ({ ...claims, nbf: now() + 600 }))],
  ['no subject', idToken(({ sub, ...rest }) => rest)],
  ['an empty subject', idToken((claims) => ({ ...claims, sub: '' }))],
  ['a subject that is a list', idToken((claims) => ({ ...claims, sub: ['user-1'] }))],
  ['no signature', unsigned('none')],
  ['no signature, said otherwise', unsigned('RS256')],
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
  ['somebody else’s key under our kid', bySomebodyElse(() => ({ kid: provider.publicJwk.kid }))],
  ['somebody else’s key beside it', bySomebodyElse((jwk) => ({ jwk }))],
  ['an unknown kid', idToken((claims) => claims, { kid: 'unknown' })],
  ['a critical extension', idToken((claims) => claims, { crit: ['x'], x: 1 })],
  ['no id token', async () => ({ id_token: undefined })],
  ['an id token that is none', async () => ({ id_token: 'x.y.z' })],
  ['no access token', async () => ({ access_token: undefined })],
  ['another type of token', async () => ({ token_type: 'mac' })],
];

async function expectNoGrant(lie: Lie): Promise<void> {
  provider.onCode = async (asked) => provider.tokens(asked, await lie(asked));
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

test.each(nonceLies)('A55: an id token with %s ends the sign-in, and makes no grant', (_what, lie) =>
  expectNoGrant(lie),
);

test.each(otherLies)('A56: an answer with %s ends the sign-in, and makes no grant', (_what, lie) => expectNoGrant(lie));

test('A56: keys that are made up do not have the key set fetched time and again', async () => {
  await signIn();
  provider.onCode = async (asked) =>
    provider.tokens(asked, { id_token: await provider.sign(provider.claims(asked), { kid: 'unknown' }) });
  const before = provider.asked['/jwks']!;
  for (let i = 0; i < 5; i++) expect(await signIn()).not.toHaveProperty('code');
  expect(provider.asked['/jwks']! - before).toBeLessThanOrEqual(1);
});

test('A56: a key that the provider has changed to counts once the copy at hand is a minute old', async () => {
  const changing = await Provider.start();
  const clock = jest.spyOn(Date, 'now');
  const adapter = openIdProvider({
    issuer: changing.issuer,
    clientId: changing.clientId,
    authentication: 'client_secret_post',
    scopes: ['openid'],
    parameters: {},
    groupClaims: [],
    revokes: false,
    redirectUri,
    now,
  });
  const signInThere = async () => {
    const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
    const { headers } = await fetch(await adapter.signInUrl(secrets), { redirect: 'manual' });
    return adapter.redeem(new URL(headers.get('location')!).searchParams, secrets);
  };
  try {
    await signInThere();
    await changing.newKey();
    await expect(signInThere()).rejects.toThrow(SignInRefusedError);
    expect(changing.asked['/jwks']).toBe(1);
    const later = Date.now() + 61_000;
    clock.mockImplementation(() => later);
    expect((await signInThere()).identity).toMatchObject({ issuer: changing.issuer, subject: 'user-1' });
    expect(changing.asked['/jwks']).toBe(2);
  } finally {
    clock.mockRestore();
    await changing.stop();
  }
});

test.each<[string, () => TokenAnswer]>([
  ['an answer that is no JSON', () => ({ body: '<html>' })],
  ['an answer that is a list', () => ({ body: [] as never })],
  ['a refusal', () => ({ status: 400, body: { error: 'invalid_grant', error_description: '<script>' } })],
  ['a wrong client', () => ({ status: 401, body: { error: 'invalid_client' } })],
  ['a failure', () => ({ status: 500, body: '<html>' })],
])('A49: of %s the client hears a code and words of ours', async (_what, answer) => {
  provider.onCode = async () => answer();
  const heard = await signIn();
  expect(heard.error).toMatch(/^(server_error|temporarily_unavailable)$/);
  expect(JSON.stringify(heard)).not.toMatch(/<|invalid_/);
});

/** Makes the provider's access token due, so that the next refresh has to ask the provider. */
async function due(tokens: Tokens): Promise<void> {
  await target.put({ ...(await target.item(`T#${grantOf(tokens)}`)), expiresAt: now() - 1 });
}

test('A89: a user whom the provider has let go is let go here too', async () => {
  const { client, tokens } = await signedIn();
  await due(tokens);
  provider.onRefresh = async () => ({ status: 400, body: { error: 'invalid_grant' } });
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(await isAlive(tokens)).toBe(false);
});

test.each<[string, () => TokenAnswer]>([
  ['5xx', () => ({ status: 503, body: '<html>' })],
  ['429', () => ({ status: 429, body: { error: 'slow_down' } })],
  ['no JSON', () => ({ body: '<html>' })],
  ['that our own client is wrong', () => ({ status: 401, body: { error: 'invalid_client' } })],
])('A89: a provider that answers %s ends nobody’s grant', async (_what, answer) => {
  const { client, tokens } = await signedIn();
  await due(tokens);
  provider.onRefresh = async () => answer();
  const waiting = await client.refresh(tokens.refresh_token);
  expect(waiting.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await refusal(waiting)).toEqual([503, 'temporarily_unavailable']);
  provider.onRefresh = () => provider.tokens({ nonce: '', sub: provider.sub });
  expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
});

test('A89: ten who ask at once cost the provider one refresh', async () => {
  const { client, tokens } = await signedIn();
  await due(tokens);
  let refreshes = 0;
  provider.onRefresh = async () => {
    refreshes++;
    return provider.tokens({ nonce: '', sub: provider.sub });
  };
  const answers = await Promise.all(Array.from({ length: 10 }, () => client.refresh(tokens.refresh_token)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(refreshes).toBe(1);
});

test('A102: the provider is told of a grant that ends', async () => {
  const { client, tokens } = await signedIn();
  const before = provider.asked['/revoke'] ?? 0;
  expect((await client.revoke(tokens.refresh_token)).status).toBe(200);
  expect(provider.asked['/revoke']).toBe(before + 1);
});

test.each<[string, () => TokenAnswer | undefined]>([
  ['fails', () => ({ status: 500, body: '<html>' })],
  ['refuses', () => ({ status: 401, body: { error: 'invalid_client' } })],
  ['does not answer', () => undefined],
])('A102: a provider that %s when it is told keeps no grant alive', async (_what, answer) => {
  const { client, tokens } = await signedIn();
  const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
  provider.onRevoke = answer;
  const [asked, logged] = [provider.asked['/revoke'] ?? 0, target.log.length];
  expect((await client.revoke(next.refresh_token)).status).toBe(200);
  expect(provider.asked['/revoke']).toBe(asked + 1);
  for (const each of [tokens, next]) {
    expect(await isAlive(each)).toBe(false);
    expect(await refusal(await client.refresh(each.refresh_token))).toEqual([400, 'invalid_grant']);
  }
  expect(await target.items(`T#${grantOf(tokens)}`)).toEqual([]);
  await becomes(() => target.log.slice(logged).includes('upstream_revocation_failed'));
});

test('A115: a lease whose holder has died is taken over', async () => {
  const { client, tokens } = await signedIn();
  await due(tokens);
  const item = await target.item(`T#${grantOf(tokens)}`);
  await target.put({ ...item, leaseOwner: 'dead', leaseUntil: now() + 1 });
  expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  expect(await target.item(`T#${grantOf(tokens)}`)).not.toHaveProperty('leaseOwner');
});

test('A115: a rotation whose answer was lost ends in a new sign-in, not in a loop', async () => {
  const { client, tokens } = await signedIn();
  await due(tokens);
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

test('A117: one e-mail address is not one user', async () => {
  const users = [];
  for (const sub of ['user-1', 'user-2', 'user-1']) {
    provider.sub = sub;
    const { tokens } = await signedIn();
    users.push((await target.item(`G#${grantOf(tokens)}`)).user);
  }
  expect([users[0] === users[2], users[0] === users[1]]).toEqual([true, false]);
});

test('A92: the provider’s access token is none of ours', async () => {
  let upstream = '';
  provider.onCode = async (asked) => {
    const answer = await provider.tokens(asked);
    upstream = (answer.body as Record<string, string>).access_token!;
    return answer;
  };
  await signedIn();
  expect((await postMcp(target.origin, upstream, initialize)).status).toBe(401);
});
