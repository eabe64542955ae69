import { keySet } from '../../../lambda/core/oauth/endpoints/key-set.ts';

test('the key set has the public keys, and is in no cache for longer than ten minutes', () => {
  const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', alg: 'ES256', use: 'sig' };
  const publicKeys = ['first', 'second'].map((kid) => ({ ...key, kid }));
  expect(keySet({ publicKeys })).toEqual({
    content: { keys: publicKeys },
    cacheControl: 'public, max-age=300, stale-while-revalidate=300, stale-if-error=3600',
  });
});
