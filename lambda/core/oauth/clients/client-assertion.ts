import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { OAuthError } from '../oauth-error.ts';

/** Assertions by which a client proves that it holds its private key (`private_key_jwt`, RFC 7523 §3). */

/** Remembers assertions until they expire. Throws `Outage` when the store does not answer. */
export interface AssertionStore {
  /** Notes the assertion as spent; false when it has been. */
  spendAssertion(assertionHash: string, now: number, expiresAt: number): Promise<boolean>;
}

/** The algorithms that are accepted and advertised. */
export const assertionAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'];

const LONGEST_SECONDS = 3600;
/** How far a client's clock may be ahead of ours. */
const SKEW_SECONDS = 30;
const LONGEST_JTI = 256;

export type Assertion = { jti: string; expiresAt: number };

/**
 * Checks an assertion.
 *
 * @param keysOf the client's keys; asked `again` when the assertion names a key that is not among them
 * @param audiences the names of this server that an assertion may be for
 * @throws OAuthError `invalid_client`
 */
export async function readAssertion(
  assertion: string,
  clientId: string,
  keysOf: (again: boolean) => Promise<JSONWebKeySet>,
  audiences: string[],
  now: number,
): Promise<Assertion> {
  const verify = async (again: boolean) => {
    const { payload } = await jwtVerify(assertion, createLocalJWKSet(await keysOf(again)), {
      algorithms: assertionAlgorithms,
      issuer: clientId,
      subject: clientId,
      currentDate: new Date(now * 1000),
      clockTolerance: SKEW_SECONDS,
    });
    return payload;
  };
  try {
    const payload = await verify(false).catch((error) => {
      if (error instanceof errors.JWKSNoMatchingKey) return verify(true);
      throw error;
    });
    return claimsOf(payload, audiences, now);
  } catch (error) {
    // Web Crypto has errors of its own for a key that the client has published and that is none.
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException) {
      throw invalid(`is not valid: ${error.message}`);
    }
    throw error;
  }
}

/** What the signature does not say: whom the assertion is for, that it ends soon, and that it can be used once. */
function claimsOf({ aud, exp, iat, jti }: JWTPayload, audiences: string[], now: number): Assertion {
  const [audience = '', ...others] = [aud ?? []].flat();
  if (others.length > 0 || !audiences.includes(audience)) throw invalid(`must have ${audiences[0]} alone as its aud`);
  if (exp === undefined || exp <= now) throw invalid('has no exp, or one that is past');
  if (exp > now + LONGEST_SECONDS + SKEW_SECONDS) throw invalid('has an exp more than an hour ahead');
  if (iat !== undefined && iat > now + SKEW_SECONDS) throw invalid('has an iat in the future');
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) throw invalid('has no jti');
  return { jti, expiresAt: exp };
}

const invalid = (how: string) => new OAuthError('invalid_client', `client_assertion ${how}`);
