import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { verifySignature } from '../../../lambda/core/oauth/assertions/trusted-issuer.ts';
import { readAssertion } from '../../../lambda/core/oauth/clients/client-assertion.ts';

/** Assertions against keys that others publish: their faults are rejections, and faults of this program are not. */

const issuer = 'https://platform.example';
const now = 1_800_000_000;

async function signed() {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: 'one' };
  const claims = { sub: issuer, aud: 'https://mcp.example', iat: now, exp: now + 300, jti: 'a' };
  const sign = new SignJWT(claims).setIssuer(issuer).setProtectedHeader({ alg: 'RS256', kid: 'one' });
  return { assertion: await sign.sign(privateKey), jwk };
}

const weak = () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });

/** Verified as the assertion of a workload, and as that of a client. */
const verifiers: [string, (assertion: string, keysOf: () => Promise<{ keys: JWK[] }>) => Promise<unknown>, string][] = [
  ['workload', (assertion, keysOf) => verifySignature(assertion, { issuer }, { keysOf }), 'grant_assertion_unverified'],
  [
    'client',
    (assertion, keysOf) => readAssertion(assertion, issuer, keysOf, ['https://mcp.example'], now),
    'assertion_unverified',
  ],
];

describe.each(verifiers)('the assertion of a %s', (_, verify, reason) => {
  test('is accepted with the key that signed it', async () => {
    const { assertion, jwk } = await signed();
    await expect(verify(assertion, async () => ({ keys: [jwk] }))).resolves.toBeDefined();
  });

  test.each<[string, (jwk: JWK) => JWK]>([
    ['of 1024 bits', () => ({ ...(weak() as JWK), kid: 'one' })],
    ['without a modulus', ({ n: _, ...jwk }) => jwk],
    ['with an empty modulus', (jwk) => ({ ...jwk, n: '' })],
    ['with characters outside base64url', (jwk) => ({ ...jwk, n: '***' })],
    ['with a number as modulus', (jwk) => ({ ...jwk, n: 7 as never })],
    ['with an exponent of zero', (jwk) => ({ ...jwk, e: 'AA' })],
  ])('is rejected with a published key %s', async (_, change) => {
    const { assertion, jwk } = await signed();
    const rejected = verify(assertion, async () => ({ keys: [change(jwk)] }));
    await expect(rejected).rejects.toMatchObject({ name: 'OAuthError', reason });
  });

  test('fails with the error of this program, not as a rejection, while its keys are read', async () => {
    const { assertion } = await signed();
    const fault = new TypeError('keys is not a function');
    await expect(verify(assertion, () => Promise.reject(fault))).rejects.toBe(fault);
  });
});
