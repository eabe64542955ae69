import { createHash } from 'node:crypto';
import { approveAndSignIn } from '../e2e/browser.ts';
import { answerAt, open, refusal, Target } from './target.ts';

jest.setTimeout(60_000);

let target: Target;
beforeAll(async () => {
  target = await Target.start();
});
afterAll(() => target?.stop());

test.each([
  ['A31: no challenge', { code_challenge: undefined }],
  ['A31: no challenge, but a method', { code_challenge: '', code_challenge_method: 'S256' }],
  ['A31: neither challenge nor method', { code_challenge: undefined, code_challenge_method: undefined }],
  ['A32: plain', { code_challenge_method: 'plain' }],
  ['A33: no method, which would mean plain', { code_challenge_method: undefined }],
  ['A33: an unknown method', { code_challenge_method: 'S512' }],
  ['A33: a method in lower case', { code_challenge_method: 's256' }],
  ['A33: two methods in one', { code_challenge_method: 'S256 plain' }],
  ['A33: a challenge that is no SHA-256', { code_challenge: 'x'.repeat(42) }],
  ['A33: a challenge that is too long', { code_challenge: 'x'.repeat(44) }],
  ['A33: a challenge with padding', { code_challenge: `${'x'.repeat(42)}=` }],
])('%s is refused', async (_what, change: Record<string, string | undefined>) => {
  const page = await open((await target.client()).authorizationUrl(change));
  expect(answerAt(page)).toMatchObject({ error: 'invalid_request', state: 'the-state', iss: target.origin });
});

test('A33: a challenge sent twice is refused', async () => {
  const page = await open(`${(await target.client()).authorizationUrl()}&code_challenge=${'x'.repeat(43)}`);
  expect(answerAt(page)).toMatchObject({ error: 'invalid_request' });
});

test.each<[string, (verifier: string) => string | undefined]>([
  ['A34: no verifier', () => undefined],
  ['A34: an empty verifier', () => ''],
  ['A35: a wrong verifier', () => 'x'.repeat(43)],
  ['A35: the challenge as verifier', (verifier) => createHash('sha256').update(verifier).digest('base64url')],
  ['A35: a verifier in other case', (verifier) => verifier.toUpperCase()],
  ['A35: a short verifier', (verifier) => verifier.slice(0, 42)],
  ['A35: a long verifier', () => 'x'.repeat(129)],
  ['A35: a verifier of other characters', () => `${'x'.repeat(42)}+`],
  ['A35: a verifier with white space around', (verifier) => ` ${verifier}\n`],
])('%s is refused, and the code still good', async (_what, verifierFrom) => {
  const { client, code } = await target.withCode();
  const change = { code_verifier: verifierFrom(client.verifier) };
  expect(await refusal(await client.redeem(code, change))).toEqual([400, 'invalid_grant']);
  expect((await client.redeem(code)).status).toBe(200);
});

test('A35: a short verifier is refused even where its digest is the challenge', async () => {
  const client = await target.client();
  const short = 'too-short';
  const challenge = createHash('sha256').update(short).digest('base64url');
  const back = await approveAndSignIn(client.authorizationUrl({ code_challenge: challenge }), 'ada');
  const answer = await client.redeem(back.searchParams.get('code')!, { code_verifier: short });
  expect(await refusal(answer)).toEqual([400, 'invalid_grant']);
});
