import { decodeJwt } from 'jose';
import { redirectUri, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { grantOf, json, refusal } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

/** Moves every redemption so far into the past. */
async function afterRedemption(seconds: number): Promise<void> {
  for (const code of await target.items('CO#')) {
    if (typeof code.usedAt === 'number') await target.put({ ...code, usedAt: code.usedAt - seconds });
  }
}

test('A37: a code that is presented again later ends its grant', async () => {
  const { client, code } = await target.withCode();
  const tokens = (await (await client.redeem(code)).json()) as Tokens;
  await afterRedemption(11);
  expect(await refusal(await client.redeem(code))).toEqual([400, 'invalid_grant']);
  expect(await target.acceptsToken(tokens)).toBe(false);
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(target.log).toContain('code_reuse');
});

test.each<[string, Record<string, string | undefined>]>([
  ['another client', { client_id: 'dcr_other' }],
  ['no verifier', { code_verifier: undefined }],
  ['a wrong verifier', { code_verifier: 'x'.repeat(43) }],
  ['another redirect URI', { redirect_uri: `${redirectUri}/x` }],
])('A37: a used code that is presented with %s ends nothing', async (_what, change) => {
  const { client, code } = await target.withCode();
  const tokens = (await (await client.redeem(code)).json()) as Tokens;
  await afterRedemption(11);
  expect((await client.redeem(code, change)).ok).toBe(false);
  expect(await target.acceptsToken(tokens)).toBe(true);
});

test('A38: of twenty concurrent redemptions one gets tokens, which stay valid', async () => {
  const { client, code } = await target.withCode();
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.redeem(code)));
  const [good, ...more] = answers.filter(({ status }) => status === 200);
  expect(more).toEqual([]);
  const rejections = await Promise.all(answers.filter((each) => each !== good).map(refusal));
  expect(new Set(rejections.map(String))).toEqual(new Set(['400,invalid_grant']));
  const tokens = (await good!.json()) as Tokens;
  expect(await target.acceptsToken(tokens)).toBe(true);
  expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
});

test('A38: a token response is not cacheable and has the claims of its grant', async () => {
  const { client, code } = await target.withCode();
  const answer = await client.redeem(code);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const tokens = (await answer.json()) as Tokens;
  expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'mcp' });
  const [header, claims] = tokens.access_token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(atob(part)));
  expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
  expect(claims).toEqual({
    iss: target.origin,
    aud: `${target.origin}/mcp`,
    sub: expect.stringMatching(/^[\w-]{43}$/),
    client_id: client.id,
    scope: 'mcp',
    grant: grantOf(tokens),
    jti: expect.any(String),
    iat: expect.any(Number),
    exp: claims.iat + 3600,
  });
  const { access_token: next } = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
  expect(decodeJwt(next).jti).not.toBe(claims.jti);
});

test.each(['https://evil.example/', 'http://127.0.0.1:1/mcp', '/mcp', `x`])(
  'A39: a redemption with another resource is rejected and leaves the code valid: %s',
  async (resource) => {
    const { client, code } = await target.withCode();
    expect(await refusal(await client.redeem(code, { resource }))).toEqual([400, 'invalid_target']);
    expect((await client.redeem(code)).status).toBe(200);
  },
);

test('AS18: a redemption may name this server several times, and no other (RFC 8707 §2)', async () => {
  const { client, code } = await target.withCode();
  const redeem = (resources: string[]) => {
    const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: client.id, code });
    body.set('code_verifier', client.verifier);
    for (const resource of resources) body.append('resource', resource);
    return fetch(`${target.origin}/token`, { method: 'POST', body });
  };
  const ours = [`${target.origin}/mcp`, `${target.origin}/mcp`, `${target.origin}/`];
  expect(await refusal(await redeem([...ours, 'https://evil.example/mcp']))).toEqual([400, 'invalid_target']);
  expect(await refusal(await redeem(['https://evil.example/mcp', ...ours]))).toEqual([400, 'invalid_target']);
  const { access_token, refresh_token } = (await json(await redeem(ours))) as { [name: string]: string };
  expect(JSON.parse(atob(access_token!.split('.')[1]!)).aud).toBe(`${target.origin}/mcp`);
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: client.id,
    refresh_token: refresh_token!,
  });
  for (const resource of ours) body.append('resource', resource);
  expect((await fetch(`${target.origin}/token`, { method: 'POST', body })).status).toBe(200);
});

test.each<[string, Record<string, string | undefined>, string]>([
  ['an unknown client', { client_id: 'dcr_unknown' }, 'invalid_client'],
  ['another grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
  ['no grant type', { grant_type: undefined }, 'invalid_request'],
  ['no code', { code: undefined }, 'invalid_request'],
  ['a malformed code', { code: 'hac1_x' }, 'invalid_grant'],
  ['the code as a refresh token', { grant_type: 'refresh_token' }, 'invalid_request'],
])('A39: a request with %s leaves the code valid', async (_what, change, error) => {
  const { client, code } = await target.withCode();
  expect((await json(await client.redeem(code, change))).error).toBe(error);
  expect((await client.redeem(code)).status).toBe(200);
});

test('A100: a code whose grant was revoked is rejected with invalid_grant', async () => {
  const { client, code } = await target.withCode();
  const [item] = (await target.items('CO#')).filter(({ usedAt }) => usedAt === undefined);
  const grant = await target.item(`G#${item!.grant}`);
  for (const each of await target.items('CO#')) {
    if (each.usedAt === undefined) await target.put({ ...(await target.item(`G#${each.grant}`)), status: 'revoked' });
  }
  expect(grant.status).toBe('active');
  expect(await refusal(await client.redeem(code))).toEqual([400, 'invalid_grant']);
});

test('A41: a made-up code is rejected and ends nothing', async () => {
  const { client, tokens } = await target.signedIn();
  const grant = grantOf(tokens);
  for (const code of [
    `hac1_${grant}`,
    `hac1_${grant}.1.x`,
    tokens.refresh_token,
    tokens.access_token,
    grant,
    'hac1_',
  ]) {
    expect(await refusal(await client.redeem(code))).toEqual([400, 'invalid_grant']);
  }
  expect(await target.acceptsToken(tokens)).toBe(true);
});

test('A41: a code of another client is rejected and stays valid for its client', async () => {
  const { client, code } = await target.withCode();
  const other = await target.client({ client_name: 'Other' });
  expect(await refusal(await other.redeem(code, { code_verifier: client.verifier }))).toEqual([400, 'invalid_grant']);
  expect((await client.redeem(code)).status).toBe(200);
});
