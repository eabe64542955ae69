import { createHash } from 'node:crypto';
import { approveAndSignIn } from '../../bench/harness/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { answerAt, open, refusal } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

async function expectRefused(change: Record<string, string | undefined>): Promise<void> {
  const page = await open((await target.client()).authorizationUrl(change));
  expect(answerAt(page)).toMatchObject({ error: 'invalid_request', state: 'the-state', iss: target.origin });
}

test.each<[string, Record<string, string | undefined>]>([
  ['no challenge', { code_challenge: undefined }],
  ['a method alone', { code_challenge: '', code_challenge_method: 'S256' }],
  ['neither challenge nor method', { code_challenge: undefined, code_challenge_method: undefined }],
])('A31: a request with %s is refused', async (_what, change) => expectRefused(change));

test('A32: plain is refused', async () => expectRefused({ code_challenge_method: 'plain' }));

test.each<[string, Record<string, string | undefined>]>([
  ['no method, which would mean plain', { code_challenge_method: undefined }],
  ['an unknown method', { code_challenge_method: 'S512' }],
  ['a method in lower case', { code_challenge_method: 's256' }],
  ['two methods in one', { code_challenge_method: 'S256 plain' }],
  ['a challenge that is no SHA-256', { code_challenge: 'x'.repeat(42) }],
  ['a challenge that is too long', { code_challenge: 'x'.repeat(44) }],
  ['a challenge with padding', { code_challenge: `${'x'.repeat(42)}=` }],
])('A33: a request with %s is refused', async (_what, change) => expectRefused(change));

test('A33: a challenge sent twice is refused', async () => {
  const page = await open(`${(await target.client()).authorizationUrl()}&code_challenge=${'x'.repeat(43)}`);
  expect(answerAt(page)).toMatchObject({ error: 'invalid_request' });
});

async function expectStillGood(verifierFrom: (verifier: string) => string | undefined): Promise<void> {
  const { client, code } = await target.withCode();
  const change = { code_verifier: verifierFrom(client.verifier) };
  expect(await refusal(await client.redeem(code, change))).toEqual([400, 'invalid_grant']);
  expect((await client.redeem(code)).status).toBe(200);
}

test.each([
  ['no verifier', undefined],
  ['an empty verifier', ''],
])('A34: a code with %s is refused, and still good', async (_what, verifier) => expectStillGood(() => verifier));

test.each<[string, (verifier: string) => string]>([
  ['a wrong verifier', () => 'x'.repeat(43)],
  ['the challenge as verifier', (verifier) => createHash('sha256').update(verifier).digest('base64url')],
  ['a verifier in other case', (verifier) => verifier.toUpperCase()],
  ['a short verifier', (verifier) => verifier.slice(0, 42)],
  ['a long verifier', () => 'x'.repeat(129)],
  ['a verifier of other characters', () => `${'x'.repeat(42)}+`],
  ['a verifier with white space around', (verifier) => ` ${verifier}\n`],
])('A35: a code with %s is refused, and still good', async (_what, verifierFrom) => expectStillGood(verifierFrom));

test('A35: a short verifier is refused even where its digest is the challenge', async () => {
  const client = await target.client();
  const short = 'too-short';
  const challenge = createHash('sha256').update(short).digest('base64url');
  const back = await approveAndSignIn(client.authorizationUrl({ code_challenge: challenge }), 'ada');
  const answer = await client.redeem(back.searchParams.get('code')!, { code_verifier: short });
  expect(await refusal(answer)).toEqual([400, 'invalid_grant']);
});
