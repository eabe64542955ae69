import { nameIn } from '../../../lambda/core/identity/upstream-provider.ts';

/** The claim that names a user on the dashboard (setting `showNames`). */

const email = 'grace@example.com';

test.each([true, 'true'])('an e-mail address is a name if the provider states it as verified: %j', (email_verified) => {
  expect(nameIn({ email, email_verified }, 'email')).toEqual({ name: email });
});

test.each([undefined, false, 'false', 'True', 'yes', 1, '1', null, {}, [true]])(
  'an e-mail address is no name if email_verified is %j (OIDC Core §5.1)',
  (email_verified) => {
    expect(nameIn({ email, email_verified, name: 'Grace' }, 'email')).toEqual({});
  },
);

test('a name needs no verified e-mail address', () => {
  expect(nameIn({ name: 'Grace', email, email_verified: false }, 'name')).toEqual({ name: 'Grace' });
});

test('no claim names a user without the setting', () => {
  expect(nameIn({ name: 'Grace', email, email_verified: true }, undefined)).toEqual({});
});
