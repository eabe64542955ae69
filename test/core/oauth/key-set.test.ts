import { keySet } from '../../../lambda/core/oauth/endpoints/key-set.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const signer = {
  sign: async () => new Uint8Array(),
  publicKeys: async () => [
    { kty: 'EC', kid: 'first' },
    { kty: 'EC', kid: 'second' },
  ],
};

const cacheControlOf = async (kid: string | undefined) => {
  const { content, cacheControl } = await keySet({ signer, clock: fakeClock() }, kid);
  expect(content).toEqual({ keys: await signer.publicKeys() });
  return cacheControl;
};

test.each(['first', 'second'])(
  'the key set under the id of a published key (%s) may be stale for a week while a cache fetches the next one',
  async (kid) => {
    const lifetimes = 'public, max-age=300, stale-while-revalidate=604800, stale-if-error=86400';
    expect(await cacheControlOf(kid)).toBe(lifetimes);
  },
);

test.each([undefined, '', 'next'])(
  'the key set without the id of a published key (%s) is in no cache for longer than ten minutes',
  async (kid) => {
    expect(await cacheControlOf(kid)).toBe('public, max-age=300, stale-while-revalidate=300, stale-if-error=3600');
  },
);
