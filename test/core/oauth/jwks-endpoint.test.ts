import { jwksEndpoint } from '../../../lambda/core/oauth/endpoints/jwks-endpoint.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const signer = {
  sign: async () => new Uint8Array(),
  publicKeys: async () => [
    { kty: 'EC', kid: 'first' },
    { kty: 'EC', kid: 'second' },
  ],
};

const cacheControlOf = async (query: string) => {
  const response = await jwksEndpoint(
    { signer, clock: fakeClock() },
    new Request(`https://mcp.example/jwks.json${query}`),
  );
  expect(await response.json()).toEqual({ keys: await signer.publicKeys() });
  return response.headers.get('cache-control');
};

test.each(['?kid=first', '?kid=second'])(
  'the key set under the id of a published key (%s) may be stale for a day while a cache fetches the next one',
  async (query) => {
    const lifetimes = 'public, max-age=300, stale-while-revalidate=86400, stale-if-error=86400';
    expect(await cacheControlOf(query)).toBe(lifetimes);
  },
);

test.each(['', '?kid=', '?kid=next'])(
  'the key set without the id of a published key (%s) is in no cache for longer than ten minutes',
  async (query) => {
    expect(await cacheControlOf(query)).toBe('public, max-age=300, stale-while-revalidate=300, stale-if-error=3600');
  },
);
