import { createHash, createPublicKey } from 'node:crypto';
import { base64url, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { callTool, initialize, postMcp, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { becomes } from '../support/becomes.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { json, rawRequest } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
let tokens: Tokens;
let publicKey: JWK;
let header: Record<string, unknown>;
let claims: Record<string, unknown>;
let signature: string;
beforeAll(async () => {
  target = await TestCloud.start();
  tokens = (await target.signedIn()).tokens;
  publicKey = ((await json(await fetch(`${target.origin}/jwks.json`))).keys as JWK[])[0]!;
  const parts = tokens.access_token.split('.');
  [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString())) as [
    never,
    never,
  ];
  signature = parts[2]!;
});
afterAll(() => target?.stop());

const encoded = (part: object) => base64url.encode(JSON.stringify(part));
const challenge = () =>
  `Bearer resource_metadata="${target.origin}/.well-known/oauth-protected-resource/mcp", scope="mcp"`;

/** 401 with the challenge, without an error code (RFC 6750 §3.1) and the same for every request. */
async function expectChallenge(authorization: string | undefined, method = 'POST'): Promise<void> {
  const headers = { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) };
  const answer = await fetch(`${target.origin}/mcp`, {
    method,
    headers,
    ...(method === 'POST' && { body: JSON.stringify(initialize) }),
  });
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, challenge()]);
  expect(answer.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
}

const isAccepted = async (token: string) => (await postMcp(target.origin, token, initialize)).status === 200;

test.each(['POST', 'GET', 'DELETE', 'PUT', 'PATCH', 'HEAD'])(
  'A90: a %s request without token is challenged',
  async (method) => {
    await expectChallenge(undefined, method);
  },
);

test.each<[string, () => string]>([
  ['no value', () => ''],
  ['Bearer alone', () => 'Bearer'],
  ['Bearer and a space', () => 'Bearer '],
  ['Basic credentials', () => `Basic ${btoa('ada:ada')}`],
  ['the token in Basic', () => `Basic ${tokens.access_token}`],
  ['the token alone', () => tokens.access_token],
  ['two tokens', () => `Bearer ${tokens.access_token} ${tokens.access_token}`],
  ['a list of tokens', () => `Bearer ${tokens.access_token}, Bearer ${tokens.access_token}`],
  ['a token in quotes', () => `Bearer "${tokens.access_token}"`],
  ['another scheme', () => `DPoP ${tokens.access_token}`],
  ['a token of 8 KB', () => `Bearer ${'x'.repeat(8 * 1024)}`],
  ['characters after the token', () => `Bearer ${tokens.access_token}${'.x'.repeat(5)}`],
])('A91: an Authorization header with %s is challenged', async (_what, authorization) =>
  expectChallenge(authorization()),
);

test('A91: two Authorization headers are rejected, even if both are valid', async () => {
  const bearer: [string, string] = ['Authorization', `Bearer ${tokens.access_token}`];
  const headers: [string, string][] = [bearer, bearer, ['Content-Type', 'application/json']];
  const answer = await rawRequest(`${target.origin}/mcp`, {
    method: 'POST',
    headers,
    body: JSON.stringify(initialize),
  });
  expect(answer.status).toBe(401);
});

test.each(['bearer', 'BEARER', 'Bearer '])('A91: the scheme is case-insensitive: %s', async (scheme) => {
  const answer = await postMcp(target.origin, undefined, initialize, {
    authorization: `${scheme} ${tokens.access_token}`,
  });
  expect(answer.status).toBe(200);
});

/** A client assertion, as the token endpoint accepts it. */
async function assertionOf(client: string): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256');
  return new SignJWT({ iss: client, sub: client, aud: target.origin, jti: 'x' })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('1m')
    .sign(privateKey);
}

test('A92: no other credential of the flow is accepted as an access token', async () => {
  const { code, client } = await target.withCode();
  const foreign: [string, string][] = [
    ['a refresh token', tokens.refresh_token],
    ['a code', code],
    ['a client id', client.id],
    ['a state', 'the-state'],
    ['a client assertion', await assertionOf(client.id)],
  ];
  for (const [what, token] of foreign) expect([what, await isAccepted(token)]).toEqual([what, false]);
});

test('A92: no token of the identity provider is accepted as an access token', async () => {
  const [browser, client] = [new Browser(), await target.client()];
  const consent = await browser.open(client.authorizationUrl());
  const { url } = await browser.submit(consent, { answer: 'approve' }, 'http://localhost:');
  const request = new URL(url);
  const issuer = `${request.origin}/${request.pathname.split('/')[1]}`;
  const verifier = 'v'.repeat(43);
  request.searchParams.set('code_challenge', createHash('sha256').update(verifier).digest('base64url'));
  const signIn = await browser.open(request.href);
  const back = await browser.submit(signIn, { username: 'ada', password: 'ada' }, `${target.origin}/callback`);
  const { token_endpoint } = await json(await fetch(`${issuer}/.well-known/openid-configuration`));
  const upstream = await json(
    await fetch(String(token_endpoint), {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: new URL(back.url).searchParams.get('code')!,
        client_id: request.searchParams.get('client_id')!,
        redirect_uri: `${target.origin}/callback`,
        code_verifier: verifier,
      }),
    }),
  );
  for (const kind of ['access_token', 'id_token', 'refresh_token']) {
    expect([kind, typeof upstream[kind], await isAccepted(String(upstream[kind]))]).toEqual([kind, 'string', false]);
  }
});

/** The same claims, signed by a foreign key. */
async function forged(changedHeader: object, changedClaims: object = {}): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256');
  return new SignJWT({ ...claims, ...changedClaims })
    .setProtectedHeader({ ...header, alg: 'ES256', ...changedHeader })
    .sign(privateKey);
}

const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
const r = () => Buffer.from(signature, 'base64url').subarray(0, 32);
const s = () => Buffer.from(signature, 'base64url').subarray(32);
const withSignature = (raw: Buffer) =>
  `${tokens.access_token.split('.').slice(0, 2).join('.')}.${raw.toString('base64url')}`;
const integer = (value: Buffer) => {
  const positive = value[0]! & 0x80 ? Buffer.concat([Buffer.of(0), value]) : value;
  return Buffer.concat([Buffer.of(2, positive.length), positive]);
};

const forgeries: [string, () => string | Promise<string>][] = [
  ['alg none', () => `${encoded({ ...header, alg: 'none' })}.${encoded(claims)}.`],
  ['alg None', () => `${encoded({ ...header, alg: 'None' })}.${encoded(claims)}.${signature}`],
  ['no alg', () => `${encoded({ ...header, alg: undefined })}.${encoded(claims)}.${signature}`],
  [
    'HS256 keyed with the public key as JWK',
    () =>
      new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(Buffer.from(JSON.stringify(publicKey))),
  ],
  [
    'HS256 keyed with the public key as PEM',
    () => {
      const pem = createPublicKey({ key: publicKey as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
      return new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(Buffer.from(pem));
    },
  ],
  ['a foreign signing key', () => forged({})],
  ['an unknown kid', () => forged({ kid: 'unknown' })],
  ['no kid', () => forged({ kid: undefined })],
  ['a kid that is a path', () => forged({ kid: '../../dev/null' })],
  ['the kid __proto__', () => forged({ kid: '__proto__' })],
  [
    'an embedded jwk',
    async () => {
      const { privateKey, publicKey: own } = await generateKeyPair('ES256', { extractable: true });
      return new SignJWT(claims)
        .setProtectedHeader({ ...header, alg: 'ES256', jwk: await exportJWK(own) })
        .sign(privateKey);
    },
  ],
  ['jku and x5u headers', () => forged({ jku: 'https://evil.example/jwks.json', x5u: 'https://evil.example/x' })],
  ['a critical extension', () => `${encoded({ ...header, crit: ['exp'] })}.${encoded(claims)}.${signature}`],
  ['typ JWT', () => forged({ typ: 'JWT' })],
  ['no typ', () => forged({ typ: undefined })],
  ['a changed header', () => `${encoded({ ...header, x: 1 })}.${encoded(claims)}.${signature}`],
  ['a changed sub', () => `${encoded(header)}.${encoded({ ...claims, sub: 'x'.repeat(43) })}.${signature}`],
  ['a later exp', () => `${encoded(header)}.${encoded({ ...claims, exp: 9_999_999_999 })}.${signature}`],
  ['another audience', () => forged({}, { aud: 'https://evil.example/mcp' })],
  [
    'a DER signature',
    () =>
      withSignature(
        Buffer.concat([Buffer.of(0x30, integer(r()).length + integer(s()).length), integer(r()), integer(s())]),
      ),
  ],
  ['r of zero', () => withSignature(Buffer.concat([Buffer.alloc(32), s()]))],
  ['s of zero', () => withSignature(Buffer.concat([r(), Buffer.alloc(32)]))],
  ['a signature of zeros', () => withSignature(Buffer.alloc(64))],
  ['r and s of the order', () => withSignature(Buffer.from(order.toString(16).repeat(2), 'hex'))],
  ['a longer signature', () => withSignature(Buffer.concat([r(), s(), Buffer.of(0)]))],
  ['half a signature', () => withSignature(r())],
  ['no signature', () => withSignature(Buffer.alloc(0))],
  ['one bit changed', () => withSignature(Buffer.concat([r(), s()]).fill(r()[0]! ^ 1, 0, 1))],
  ['four parts', () => `${tokens.access_token}.x`],
  ['two parts', () => tokens.access_token.split('.').slice(0, 2).join('.')],
  ['a header that is not JSON', () => `e30x.${encoded(claims)}.${signature}`],
  ['claims that are a list', () => `${encoded(header)}.${base64url.encode('[]')}.${signature}`],
];

test.each(forgeries)('A93: a token with %s is challenged', async (_what, forge) => {
  await expectChallenge(`Bearer ${await forge()}`);
});

test('A93: a rejected token leaves its reason in the log, and no part of itself', async () => {
  const tooLong = `${tokens.access_token}${'x'.repeat(8192)}`;
  await expectChallenge(`Bearer ${tooLong}`);
  await becomes(() => target.log.includes('"too_long"'));
  const line = target.log.split('\n').find((each) => each.includes('"too_long"'))!;
  expect(line).toContain('"event":"token_rejected"');
  for (const piece of tokens.access_token.split('.')) expect(line).not.toContain(piece);
});

test('A93: the genuine token is accepted', async () => {
  expect(await isAccepted(tokens.access_token)).toBe(true);
});

test('A95: a token in the query, body or cookie is ignored and does not reach the log', async () => {
  const { access_token } = tokens;
  const form = new URLSearchParams({ access_token });
  const answers = [
    await fetch(`${target.origin}/mcp?access_token=${access_token}`, { method: 'POST' }),
    await fetch(`${target.origin}/mcp?Authorization=Bearer%20${access_token}`, { method: 'POST' }),
    await fetch(`${target.origin}/mcp`, { method: 'POST', body: form }),
    await fetch(`${target.origin}/mcp`, { method: 'POST', headers: { cookie: `access_token=${access_token}` } }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
  expect(target.log).not.toContain(access_token);
});

test('A96: a token of a revoked grant is rejected at the next request, for every method', async () => {
  const { client, tokens: own } = await target.signedIn();
  const started = await postMcp(target.origin, own.access_token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  await client.revoke(own.refresh_token);
  const headers = { authorization: `Bearer ${own.access_token}`, ...session };
  for (const request of [
    postMcp(target.origin, own.access_token, initialize),
    postMcp(target.origin, own.access_token, callTool('whoami'), session),
    postMcp(target.origin, own.access_token, callTool('whoami')),
    fetch(`${target.origin}/mcp`, { method: 'DELETE', headers }),
  ]) {
    expect((await request).status).toBe(401);
  }
});

test('A97: a cached authorizer decision serves the requests of its token alone', async () => {
  const [ada, alan] = await Promise.all([target.signedIn('ada'), target.signedIn('alan')]);
  const who = async ({ access_token }: Tokens) => {
    const started = await postMcp(target.origin, access_token, initialize);
    const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
    const answer = await (await postMcp(target.origin, access_token, callTool('whoami'), session)).text();
    const ended = await fetch(`${target.origin}/mcp`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${access_token}`, ...session },
    });
    expect([started.status, ended.status]).toEqual([200, 200]);
    return /\\"key\\": \\"([^\\]+)/.exec(answer)![1];
  };
  const seen = [await who(ada.tokens), await who(alan.tokens), await who(ada.tokens)];
  expect([seen[0] === seen[2], seen[0] === seen[1]]).toEqual([true, false]);
});
