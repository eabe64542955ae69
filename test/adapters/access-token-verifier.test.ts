import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { accessTokenVerifier, trustInFacade } from '../../lambda/adapters/access-token-verifier.ts';
import type { AccessTokenVerifier } from '../../lambda/core/access/access-token.ts';

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
let own: Signer;
let rsa: Signer;
let verifier: AccessTokenVerifier;
beforeAll(async () => {
  [own, rsa] = [await newSigner('ES256', 'own'), await newSigner('RS256', 'rsa')];
  server = createServer((request, response) => {
    asked.push(request.url!);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys: published.map(({ jwk }) => jwk) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  published = [own, rsa];
  asked.length = 0;
  verifier = accessTokenVerifier(trustInFacade(origin));
});

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

test.each<[string, () => Promise<string>]>([
  ['for another resource', () => token({ aud: 'https://evil.example/mcp' })],
  ['for the host, but not for /mcp', () => token({ aud: origin })],
  ['for the resource with a slash', () => token({ aud: `${origin}/mcp/` })],
  ['without an audience', () => token({ aud: undefined })],
  ['of another issuer', () => token({ iss: 'https://evil.example' })],
  ['of the issuer with a slash', () => token({ iss: `${origin}/` })],
  ['of no issuer', () => token({ iss: undefined })],
  ['that has expired', () => token({ exp: now() - 1 })],
  ['that is not good yet', () => token({ nbf: now() + 300 })],
  ['of another type', () => token({}, { typ: 'JWT' })],
  ['of no type', () => token({}, { typ: undefined })],
  ['that is an id token', () => token({}, { typ: 'id_token+jwt' })],
  ['by another algorithm, though its key is published', () => token({}, {}, rsa)],
  ['with a critical extension', () => token({}, { crit: ['x'], x: 1 })],
])('a token %s is rejected', async (_what, make) => {
  expect(await verifier.verify(await make())).toBeUndefined();
});

test('fetches the keys once for any number of valid and invalid tokens', async () => {
  const [good, bad] = [await token(), await token({ aud: 'https://evil.example/mcp' })];
  // The first tokens may be verified in parallel, before the keys are fetched.
  await Promise.all(Array.from({ length: 20 }, () => verifier.verify(good)));
  expect(asked).toEqual(['/jwks.json']);
  for (let i = 0; i < 200; i++) {
    expect(await verifier.verify(i % 2 === 0 ? good : bad)).toEqual(i % 2 === 0 ? expect.anything() : undefined);
  }
  for (const forged of ['x.y.z', `${good.slice(0, -4)}AAAA`, await token({}, { typ: 'JWT' })]) {
    expect(await verifier.verify(forged)).toBeUndefined();
  }
  expect(asked).toEqual(['/jwks.json']);
});

test('fetches the keys again for an unknown key id, and not for each invented one', async () => {
  expect(await verifier.verify(await token())).toBeDefined();
  const next = await newSigner('ES256', 'next');
  published = [next, own];
  expect(await verifier.verify(await token({}, {}, next))).toBeDefined();
  expect(asked).toHaveLength(2);
  for (let i = 0; i < 50; i++) expect(await verifier.verify(await token({}, { kid: `made-up-${i}` }))).toBeUndefined();
  expect(asked.length).toBeLessThanOrEqual(3);
});
