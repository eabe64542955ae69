import type { Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { grantOf, refusal } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

test.each(['access_token', 'refresh_token'] as const)(
  'A100: a client cannot revoke the %s of another client',
  async (kind) => {
    const { client, tokens } = await target.signedIn();
    const other = await target.client({ client_name: 'Other' });
    expect((await client.revoke(tokens[kind], { client_id: other.id })).status).toBe(200);
    expect((await client.revoke(tokens[kind], { client_id: 'dcr_unknown' })).status).toBe(401);
    expect(await target.acceptsToken(tokens)).toBe(true);
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  },
);

test.each<[string, (tokens: Tokens) => string]>([
  ['a random string', () => 'nothing'],
  ['the id of the grant', grantOf],
  ['a forged refresh token', ({ refresh_token }) => refresh_token.replace(/[^.]+$/, 'A'.repeat(43))],
  ['a future generation', ({ refresh_token }) => refresh_token.replace('.1.', '.2.')],
  ['an access token without its signature', ({ access_token }) => access_token.replace(/[^.]+$/, '')],
  ['an access token with another signature', ({ access_token }) => access_token.replace(/[^.]+$/, 'A'.repeat(86))],
  [
    'an unsigned access token',
    ({ access_token }) => `${btoa('{"alg":"none","typ":"at+jwt"}')}.${access_token.split('.')[1]}.`,
  ],
])('A100: revoking %s gets the same response and ends nothing', async (_what, forge) => {
  const { client, tokens } = await target.signedIn();
  expect((await client.revoke(forge(tokens))).status).toBe(200);
  expect(await target.acceptsToken(tokens)).toBe(true);
});

test.each(['access_token', 'refresh_token'] as const)(
  'A102: revoking the %s ends the whole grant at the next request',
  async (kind) => {
    const { client, tokens } = await target.signedIn();
    const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
    expect(await target.acceptsToken(next)).toBe(true);
    expect((await client.revoke(tokens[kind])).status).toBe(200);
    for (const each of [tokens, next]) {
      expect(await target.acceptsToken(each)).toBe(false);
      expect(await refusal(await client.refresh(each.refresh_token))).toEqual([400, 'invalid_grant']);
    }
    expect(await target.items(`T#${grantOf(tokens)}`)).toEqual([]);
  },
);

test('A102: revoking a superseded refresh token ends its grant, and repeating it changes nothing', async () => {
  const { client, tokens } = await target.signedIn();
  const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
  for (let i = 0; i < 2; i++) expect((await client.revoke(tokens.refresh_token)).status).toBe(200);
  expect(await target.acceptsToken(next)).toBe(false);
});

test('A102: a revocation leaves the other grants of the client alive', async () => {
  const { client, tokens } = await target.signedIn();
  const other = await client.tokensFor('ada');
  await client.revoke(tokens.refresh_token);
  expect(await target.acceptsToken(other)).toBe(true);
});

test('A102: a wrong token_type_hint is ignored', async () => {
  const { client, tokens } = await target.signedIn();
  await client.revoke(tokens.refresh_token, { token_type_hint: 'access_token' });
  expect(await target.acceptsToken(tokens)).toBe(false);
});

test.each<[string, Record<string, string | undefined>]>([
  ['no client id', { client_id: undefined }],
  ['an empty client id', { client_id: '' }],
  ['a secret', { client_secret: 'guess' }],
  ['an assertion', { client_assertion: 'e30.e30.' }],
])('A103: a revocation with %s is rejected with invalid_client', async (_what, change) => {
  const { client, tokens } = await target.signedIn();
  expect(await refusal(await client.revoke(tokens.refresh_token, change))).toEqual([401, 'invalid_client']);
  expect(await target.acceptsToken(tokens)).toBe(true);
});
