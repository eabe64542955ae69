import { accountNameIn } from '../../../lambda/core/identity/upstream-provider.ts';

test.each<[string, Record<string, unknown>, ReturnType<typeof accountNameIn>]>([
  [
    'a verified e-mail address',
    { email: 'ada@example.com', email_verified: true, preferred_username: 'ada', name: 'Ada' },
    { name: 'ada@example.com', isLogin: true },
  ],
  [
    'the user name, when the address is not verified',
    { email: 'eve@example.com', preferred_username: 'ada', name: 'Ada' },
    { name: 'ada', isLogin: true },
  ],
  [
    'the display name, when there is no other',
    { email: 'eve@example.com', name: 'Ada' },
    { name: 'Ada', isLogin: false },
  ],
  ['no text that differs invisibly', { preferred_username: 'a\u202eda\u200b' }, { name: 'ada', isLogin: false }],
  ['no name', { email: 'eve@example.com', email_verified: 'no', preferred_username: 7, name: '' }, undefined],
])('an account is known by %s', (_what, claims, name) => {
  expect(accountNameIn(claims)).toEqual(name);
});

test('a long name of an account is shortened, and is no login hint', () => {
  const { name, isLogin } = accountNameIn({ preferred_username: 'x'.repeat(500) })!;
  expect([name.length, isLogin]).toEqual([100, false]);
});
