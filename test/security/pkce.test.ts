import { createHash } from 'node:crypto';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { offeredAt, open, refusal } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

async function expectRejected(change: Record<string, string | undefined>): Promise<void> {
  const page = await open((await target.client()).authorizationUrl(change));
  expect(offeredAt(page)).toMatchObject({ error: 'invalid_request', state: 'the-state', iss: target.origin });
}

test.each<[string, Record<string, string | undefined>]>([
  ['no challenge', { code_challenge: undefined }],
  ['a method without challenge', { code_challenge: '', code_challenge_method: 'S256' }],
  ['neither challenge nor method', { code_challenge: undefined, code_challenge_method: undefined }],
])('A31: a request with %s is rejected', async (_what, change) => expectRejected(change));

test('A32: the method plain is rejected', async () => expectRejected({ code_challenge_method: 'plain' }));

test.each<[string, Record<string, string | undefined>]>([
  ['no method, which means plain', { code_challenge_method: undefined }],
  ['an unknown method', { code_challenge_method: 'S512' }],
  ['a method in lower case', { code_challenge_method: 's256' }],
  ['two methods in one', { code_challenge_method: 'S256 plain' }],
  ['a challenge that is too short', { code_challenge: 'x'.repeat(42) }],
  ['a challenge that is too long', { code_challenge: 'x'.repeat(44) }],
  ['a challenge with padding', { code_challenge: `${'x'.repeat(42)}=` }],
])('A33: a request with %s is rejected', async (_what, change) => expectRejected(change));

test('A33: a repeated challenge is rejected', async () => {
  const page = await open(`${(await target.client()).authorizationUrl()}&code_challenge=${'x'.repeat(43)}`);
  expect(offeredAt(page)).toMatchObject({ error: 'invalid_request' });
});

async function expectCodeStaysValid(verifierFrom: (verifier: string) => string | undefined): Promise<void> {
  const { client, code } = await target.withCode();
  const change = { code_verifier: verifierFrom(client.verifier) };
  expect(await refusal(await client.redeem(code, change))).toEqual([400, 'invalid_grant']);
  expect((await client.redeem(code)).status).toBe(200);
}

test.each([
  ['no verifier', undefined],
  ['an empty verifier', ''],
])('A34: a redemption with %s is rejected and leaves the code valid', async (_what, verifier) =>
  expectCodeStaysValid(() => verifier),
);

test.each<[string, (verifier: string) => string]>([
  ['a wrong verifier', () => 'x'.repeat(43)],
  ['the challenge as verifier', (verifier) => createHash('sha256').update(verifier).digest('base64url')],
  ['a verifier in other case', (verifier) => verifier.toUpperCase()],
  ['a short verifier', (verifier) => verifier.slice(0, 42)],
  ['a long verifier', () => 'x'.repeat(129)],
  ['a verifier of other characters', () => `${'x'.repeat(42)}+`],
  ['a verifier with white space around', (verifier) => ` ${verifier}\n`],
])('A35: a redemption with %s is rejected and leaves the code valid', async (_what, verifierFrom) =>
  expectCodeStaysValid(verifierFrom),
);

test('A35: a short verifier is rejected even if its digest is the challenge', async () => {
  const client = await target.client();
  const short = 'too-short';
  const challenge = createHash('sha256').update(short).digest('base64url');
  const back = await approveAndSignIn(client.authorizationUrl({ code_challenge: challenge }), 'ada');
  const answer = await client.redeem(back.searchParams.get('code')!, { code_verifier: short });
  expect(await refusal(answer)).toEqual([400, 'invalid_grant']);
});
