import { InvalidTokenError } from '../../../lambda/core/access/invalid-token-error.ts';
import { tokenRejectionLog } from '../../../lambda/core/access/token-rejection-log.ts';

/** The log of rejected tokens. `test/e2e/direct-mode.test.ts` tests the line that the authorizer writes. */

let now: number;
let lines: [event: string, details: Record<string, unknown>][];
let reject: ReturnType<typeof tokenRejectionLog>;
beforeEach(() => {
  now = 1_700_000_000_000;
  lines = [];
  reject = tokenRejectionLog((...line) => lines.push(line), { now: () => now });
});

const forged = new InvalidTokenError('signature', 'Invalid signature');
const expired = new InvalidTokenError('expired', 'Token expired at 2026-01-01T00:00:00.000Z');

test('a rejected token is logged with its reason, and whether the issuer signed it', () => {
  reject(forged);
  reject(expired);
  expect(lines).toEqual([
    ['token_rejected', { reason: 'signature', signed: false, detail: 'Invalid signature' }],
    ['token_rejected', { reason: 'expired', signed: true, detail: 'Token expired at 2026-01-01T00:00:00.000Z' }],
  ]);
});

test('a reason has ten lines a minute, and the next minute counts the omitted ones', () => {
  for (let i = 0; i < 1000; i++) reject(forged);
  expect(lines).toHaveLength(10);
  now += 60_000;
  for (let i = 0; i < 2; i++) reject(forged);
  const line = { reason: 'signature', signed: false, detail: 'Invalid signature' };
  expect(lines.slice(10)).toEqual([
    ['token_rejected', { ...line, omitted: 990 }],
    ['token_rejected', line],
  ]);
});

test('many rejections of one reason hide no other reason', () => {
  for (let i = 0; i < 1000; i++) reject(forged);
  reject(expired);
  expect(lines.at(-1)).toEqual(['token_rejected', expect.objectContaining({ reason: 'expired' })]);
});

test('a long value of a token is shortened', () => {
  reject(new InvalidTokenError('audience', `Audience not allowed: ${'x'.repeat(5000)}`));
  expect(String(lines[0]![1].detail)).toHaveLength(300);
});
