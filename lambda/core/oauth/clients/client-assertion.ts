import { errors, type JSONWebKeySet, type JWTPayload } from 'jose';
import { oauthError } from '../oauth-error.ts';
import { assertionAlgorithms } from './assertion-algorithms.ts';
import { verifyJwt } from './verified-jwt.ts';

/** Client assertions: a client proves possession of its private key (`private_key_jwt`, RFC 7523 §3). */

/** Keeps used assertions until they expire. Throws `ServiceUnavailableError` when the store does not respond. */
export interface AssertionStore {
  /** Marks the assertion as used; false when it already is. */
  spendAssertion(hash: string, now: number, expiresAt: number): Promise<boolean>;
}

/** A verified assertion that a request uses up. Times are epoch seconds. */
export type SpentAssertion = { hash: string; now: number; expiresAt: number };

/** Types of a client assertion: none or JWT (RFC 7523), or its own (draft-ietf-oauth-rfc7523bis). */
const assertionTypes = ['jwt', 'client-authentication+jwt'];

const LONGEST_SECONDS = 3600;
/** Clock skew tolerated between a client and this server. */
const SKEW_SECONDS = 30;
const LONGEST_JTI = 256;

export type Assertion = { jti: string; expiresAt: number };

/**
 * Verifies a client assertion.
 *
 * @param keysOf the client's keys; called with `refresh` when the assertion names a key that is not among them
 * @param audiences the names of this server that an assertion may carry as its `aud`
 * @throws OAuthError `invalid_client`
 */
export async function readAssertion(
  assertion: string,
  clientId: string,
  keysOf: (refresh: boolean) => Promise<JSONWebKeySet>,
  audiences: string[],
  now: number,
): Promise<Assertion> {
  const verify = async (refresh: boolean) => {
    const { payload, protectedHeader } = await verifyJwt(assertion, await keysOf(refresh), {
      algorithms: assertionAlgorithms,
      issuer: clientId,
      subject: clientId,
      currentDate: new Date(now * 1000),
      clockTolerance: SKEW_SECONDS,
    });
    // A token of another purpose does not authenticate a client (RFC 8725 §3.11).
    const { typ = 'JWT' } = protectedHeader;
    if (!assertionTypes.includes(typ.toLowerCase())) throw oauthError('assertion_type', typ);
    return payload;
  };
  try {
    const payload = await verify(false).catch((error) => {
      if (error instanceof errors.JWKSNoMatchingKey) return verify(true);
      throw error;
    });
    return claimsOf(payload, audiences, now);
  } catch (error) {
    if (error instanceof errors.JOSEError) throw oauthError('assertion_unverified', error.message);
    throw error;
  }
}

/** The claims that `jwtVerify` does not check: one audience, an `exp` within the hour, and a `jti` for single use. */
function claimsOf({ aud, exp, iat, jti }: JWTPayload, audiences: string[], now: number): Assertion {
  const [audience = '', ...others] = [aud ?? []].flat();
  if (others.length > 0 || !audiences.includes(audience)) throw oauthError('assertion_audience', audiences[0]!);
  if (exp === undefined || exp <= now) throw oauthError('assertion_expired');
  if (exp > now + LONGEST_SECONDS + SKEW_SECONDS) throw oauthError('assertion_too_long');
  if (iat !== undefined && iat > now + SKEW_SECONDS) throw oauthError('assertion_from_future');
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) {
    throw oauthError('assertion_without_id', LONGEST_JTI);
  }
  return { jti, expiresAt: exp };
}
