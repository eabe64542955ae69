import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import {
  accessTokenVerifier,
  type TrustedIssuer,
  trustInFacade,
  trustInProvider,
} from '../../lambda/adapters/access-token-verifier.ts';
import type { AccessTokenVerifier } from '../../lambda/core/access/access-token.ts';
import { InvalidTokenError, type TokenRejectionReason } from '../../lambda/core/access/invalid-token-error.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import type { PublicKey } from '../../lambda/shared/jwk-members.ts';

/** Correctly signed tokens, with one invalid property each. */

type Signer = { alg: string; privateKey: CryptoKey; jwk: JWK };

async function newSigner(alg: string, kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

let server: Server;
let origin: string;
/** Requested URLs. */
const asked: string[] = [];
let published: Signer[];
/** Answers a request in place of the key set. */
let answer: (url: string) => { status: number; body: string } | undefined;
/** Epoch milliseconds of the verifier's clock. */
let time: number;
/** The pauses between attempts, in milliseconds. */
const pauses: number[] = [];
let own: Signer;
let rsa: Signer;
let verifier: AccessTokenVerifier;
beforeAll(async () => {
  [own, rsa] = [await newSigner('ES256', 'own'), await newSigner('RS256', 'rsa')];
  server = createServer((request, response) => {
    asked.push(request.url!);
    const { status, body } = answer(request.url!) ?? { status: 200, body: keySet() };
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  published = [own, rsa];
  answer = () => undefined;
  asked.length = 0;
  pauses.length = 0;
  time = 0;
  verifier = verifierOf(trustInFacade(origin, { keys: published.map(({ jwk }) => jwk) as PublicKey[] }));
});

const keySet = () => JSON.stringify({ keys: published.map(({ jwk }) => jwk) });

const verifierOf = (trust: TrustedIssuer) =>
  accessTokenVerifier(
    trust,
    { now: () => time, sleep: async (milliseconds) => void pauses.push(milliseconds) },
    () => 0.5,
  );

const now = () => Math.floor(Date.now() / 1000);

/** A valid token with changes; `undefined` removes a member. */
function token(claims: object = {}, header: object = {}, signer = own): Promise<string> {
  const all = { iss: origin, aud: `${origin}/mcp`, sub: 'u', iat: now(), exp: now() + 300, ...claims };
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader({ alg: signer.alg, typ: 'at+jwt', kid: signer.jwk.kid!, ...header })
    .sign(signer.privateKey, { crit: { x: true } });
}

test('accepts a valid token', async () => {
  expect(await verifier.verify(await token())).toMatchObject({ sub: 'u' });
});

const rejected = (reason: TokenRejectionReason) => ({ constructor: InvalidTokenError, reason });

test.each<[string, () => Promise<string>, TokenRejectionReason]>([
  ['for another resource', () => token({ aud: 'https://evil.example/mcp' }), 'audience'],
  ['for the host, but not for /mcp', () => token({ aud: origin }), 'audience'],
  ['for the resource with a slash', () => token({ aud: `${origin}/mcp/` }), 'audience'],
  ['without an audience', () => token({ aud: undefined }), 'audience'],
  ['of another issuer', () => token({ iss: 'https://evil.example' }), 'issuer'],
  ['of the issuer with a slash', () => token({ iss: `${origin}/` }), 'issuer'],
  ['of no issuer', () => token({ iss: undefined }), 'issuer'],
  ['that has expired', () => token({ exp: now() - 1 }), 'expired'],
  ['that is not good yet', () => token({ nbf: now() + 300 }), 'not_yet_valid'],
  ['of another type', () => token({}, { typ: 'JWT' }), 'type'],
  ['of no type', () => token({}, { typ: undefined }), 'type'],
  ['that is an id token', () => token({}, { typ: 'id_token+jwt' }), 'type'],
  ['by another algorithm, though its key is published', () => token({}, {}, rsa), 'type'],
  ['that names another algorithm than its key', async () => withHeader(await token(), { alg: 'RS256' }), 'algorithm'],
  ['with a critical extension', () => token({}, { crit: ['x'], x: 1 }), 'type'],
  ['without the id of a key', async () => withHeader(await token(), { kid: undefined }), 'unknown_key'],
  ['of an unknown key', () => token({}, { kid: 'unknown' }), 'unknown_key'],
  ['with the signature of another', async () => `${await unsigned(token())}.${'A'.repeat(86)}`, 'signature'],
  ['with a signature of the wrong length', async () => `${await unsigned(token())}.AAAA`, 'signature'],
  ['of two parts', () => unsigned(token()), 'malformed'],
  ['whose claims are not JSON', async () => (await token()).replace(/\..*\./, '.c2VjcmV0.'), 'malformed'],
])('a token %s is rejected', async (_what, make, reason) => {
  await expect(verifier.verify(await make())).rejects.toMatchObject(rejected(reason));
});

const unsigned = async (signed: Promise<string>) => (await signed).split('.').slice(0, 2).join('.');

function withHeader(signed: string, change: object): string {
  const [header, ...rest] = signed.split('.');
  const parsed = JSON.parse(Buffer.from(header!, 'base64url').toString());
  return [Buffer.from(JSON.stringify({ ...parsed, ...change })).toString('base64url'), ...rest].join('.');
}

test.each<[string, () => Promise<string>, string]>([
  ['another audience', () => token({ aud: 'https://evil.example/mcp' }), 'https://evil.example/mcp'],
  ['another issuer', () => token({ iss: 'https://evil.example' }), 'https://evil.example'],
  ['an unknown key', () => token({}, { kid: 'unknown' }), '"unknown"'],
  ['another type', () => token({}, { typ: 'JWT' }), 'typ "JWT"'],
])('the rejection of a token with %s states the value', async (_what, make, value) => {
  await expect(verifier.verify(await make())).rejects.toThrow(value);
});

test('a rejection contains neither the token nor a claim of a token that cannot be parsed', async () => {
  for (const each of ['c2VjcmV0.c2VjcmV0.c2VjcmV0', (await token()).replace(/\..*\./, '.c2VjcmV0.'), 'c2VjcmV0']) {
    const { message } = (await verifier.verify(each).catch((error) => error)) as Error;
    expect(message).toBe('Not a valid JWT');
  }
});

test('verifies the facade’s tokens without a request', async () => {
  expect(await verifier.verify(await token())).toBeDefined();
  for (const kid of ['unknown', 'own&x=../', 'k'.repeat(100), '__proto__']) {
    await expect(verifier.verify(await token({}, { kid }))).rejects.toMatchObject(rejected('unknown_key'));
  }
  expect(asked).toEqual([]);
});

describe('with the key set of an identity provider', () => {
  beforeEach(() => {
    verifier = verifierOf(
      trustInProvider({ issuer: origin, audience: `${origin}/mcp`, jwksUri: `${origin}/jwks.json` }),
    );
  });

  test('fetches the keys once for any number of valid and invalid tokens', async () => {
    const [good, bad] = [await token(), await token({ aud: 'https://evil.example/mcp' })];
    // The first tokens may be verified in parallel, before the keys are fetched.
    await Promise.all(Array.from({ length: 20 }, () => verifier.verify(good)));
    expect(asked).toEqual(['/jwks.json']);
    for (let i = 0; i < 200; i++) {
      if (i % 2 === 0) expect(await verifier.verify(good)).toMatchObject({ sub: 'u' });
      else await expect(verifier.verify(bad)).rejects.toMatchObject(rejected('audience'));
    }
    for (const forged of ['x.y.z', `${good.slice(0, -4)}AAAA`, await token({}, { typ: 'id_token+jwt' })]) {
      await expect(verifier.verify(forged)).rejects.toThrow(InvalidTokenError);
    }
    expect(asked).toEqual(['/jwks.json']);
  });

  test('fetches the keys again for an unknown key id, and not for each invented one', async () => {
    expect(await verifier.verify(await token())).toBeDefined();
    const next = await newSigner('ES256', 'next');
    published = [next, own];
    expect(await verifier.verify(await token({}, {}, next))).toBeDefined();
    expect(asked).toHaveLength(2);
    for (let i = 0; i < 50; i++) {
      const invented = verifier.verify(await token({}, { kid: `made-up-${i}` }));
      await expect(invented).rejects.toMatchObject(rejected('unknown_key'));
    }
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  describe('while the key set cannot be fetched', () => {
    const unavailable = { status: 503, body: '{}' };
    /** Answers the first requests with an error. */
    const failing = (times: number, error = unavailable) => {
      answer = () => (times-- > 0 ? error : undefined);
    };

    test.each([
      ['is unavailable', unavailable],
      ['is not a key set', { status: 200, body: '<html>' }],
    ])('the first token waits for a key set that %s twice', async (_, error) => {
      failing(2, error);
      expect(await verifier.verify(await token())).toMatchObject({ sub: 'u' });
      expect(asked).toHaveLength(3);
      expect(pauses).toEqual([125, 250]);
    });

    test('a token is neither accepted nor rejected after three attempts', async () => {
      failing(Number.POSITIVE_INFINITY);
      await expect(verifier.verify(await token())).rejects.toThrow(ServiceUnavailableError);
      expect(asked).toHaveLength(3);
      failing(0);
      expect(await verifier.verify(await token())).toBeDefined();
    });

    test('a token whose key is known is accepted, and an unknown key causes one fetch', async () => {
      await verifier.verify(await token());
      failing(Number.POSITIVE_INFINITY);
      for (let i = 0; i < 20; i++) {
        await expect(verifier.verify(await token({}, { kid: `unknown-${i}` }))).rejects.toThrow(
          ServiceUnavailableError,
        );
        expect(await verifier.verify(await token())).toBeDefined();
      }
      expect(asked).toHaveLength(2);
      expect(pauses).toEqual([]);
    });
  });

  describe('a key that has been fetched', () => {
    const minutes = (count: number) => {
      time += count * 60_000;
    };
    const accepted = async () => expect(await verifier.verify(await token())).toMatchObject({ sub: 'u' });

    test('is fetched again after five minutes', async () => {
      await accepted();
      minutes(4.9);
      await accepted();
      expect(asked).toHaveLength(1);
      minutes(0.1);
      await accepted();
      await accepted();
      expect(asked).toHaveLength(2);
    });

    test('is rejected after five minutes when it has left the key set', async () => {
      await accepted();
      published = [rsa];
      minutes(5);
      await expect(verifier.verify(await token())).rejects.toMatchObject(rejected('unknown_key'));
      minutes(1);
      await expect(verifier.verify(await token())).rejects.toMatchObject(rejected('unknown_key'));
    });

    test('is not accepted again while the key set is unavailable, once it has left the key set', async () => {
      await accepted();
      published = [rsa];
      minutes(5);
      await expect(verifier.verify(await token())).rejects.toMatchObject(rejected('unknown_key'));
      answer = () => ({ status: 503, body: '' });
      minutes(1);
      await expect(verifier.verify(await token())).rejects.toThrow(ServiceUnavailableError);
    });

    test('is fetched again at once after an invented key id', async () => {
      await accepted();
      minutes(5);
      published = [rsa];
      await expect(verifier.verify(await token({}, { kid: 'invented' }))).rejects.toMatchObject(
        rejected('unknown_key'),
      );
      await expect(verifier.verify(await token())).rejects.toMatchObject(rejected('unknown_key'));
    });

    test('is accepted for an hour while the key set is unavailable, with one fetch in ten seconds', async () => {
      await accepted();
      answer = () => ({ status: 503, body: '' });
      minutes(5);
      await accepted();
      await accepted();
      expect(asked).toHaveLength(2);
      time += 10_000;
      await accepted();
      expect(asked).toHaveLength(3);
      minutes(54);
      await accepted();
      expect(pauses).toEqual([]);
      minutes(1);
      await expect(verifier.verify(await token())).rejects.toThrow(ServiceUnavailableError);
      answer = () => undefined;
      await accepted();
    });

    test('is accepted beside a fetch for another key that fails', async () => {
      const next = await newSigner('ES256', 'next');
      published = [own, next];
      await accepted();
      minutes(5);
      answer = () => ({ status: 503, body: '' });
      for (const signer of [own, next]) expect(await verifier.verify(await token({}, {}, signer))).toBeDefined();
      const unknown = verifier.verify(await token({}, { kid: 'unknown' }));
      await expect(unknown).rejects.toThrow(ServiceUnavailableError);
    });
  });
});

test('fetches the key set of an identity provider under the URL of its settings', async () => {
  const provider = trustInProvider({ issuer: origin, audience: `${origin}/mcp`, jwksUri: `${origin}/keys?v=1` });
  expect(await verifierOf(provider).verify(await token({}, { kid: 'own' }))).toBeDefined();
  expect(asked).toEqual(['/keys?v=1']);
});

test.each(['nonce', 'at_hash', 'c_hash'])(
  'rejects an id token of an identity provider by its claim %s',
  async (claim) => {
    const provider = trustInProvider({ issuer: origin, audience: `${origin}/mcp`, jwksUri: `${origin}/keys` });
    const verify = async (claims: object) => verifierOf(provider).verify(await token(claims, { typ: 'JWT' }));
    expect(await verify({})).toMatchObject({ sub: 'u' });
    await expect(verify({ [claim]: 'x' })).rejects.toMatchObject(rejected('type'));
  },
);

test('repeats the fetch of an identity provider’s discovery document', async () => {
  const document = JSON.stringify({ issuer: origin, jwks_uri: `${origin}/keys` });
  let failures = 1;
  answer = (url) => {
    if (url === '/keys') return undefined;
    return failures-- > 0 ? { status: 503, body: '' } : { status: 200, body: document };
  };
  const provider = trustInProvider({ issuer: origin, audience: `${origin}/mcp`, jwksUri: undefined });
  expect(await verifierOf(provider).verify(await token())).toBeDefined();
  expect(asked).toEqual([...Array(2).fill('/.well-known/openid-configuration'), '/keys']);
});
