import { errors, type JSONWebKeySet, type JWTHeaderParameters, type JWTPayload } from 'jose';
import { assertionAlgorithms } from '../clients/assertion-algorithms.ts';
import { ClientDocumentError } from '../clients/client-document.ts';
import { verifyJwt } from '../clients/verified-jwt.ts';
import { oauthError } from '../oauth-error.ts';

/** An issuer of assertions that the operator trusts, and its keys: these, those at a URL, or those of its discovery document. */
export type AssertionIssuer = { issuer: string; jwks?: JSONWebKeySet | undefined; jwksUri?: string | undefined };

/** The published keys of trusted issuers. Throws `ClientDocumentError` and `ServiceUnavailableError`. */
export interface IssuerKeys {
  /** @param refresh whether the cached set lacks the key that is needed */
  keysOf(issuer: string, jwksUri: string | undefined, refresh: boolean): Promise<JSONWebKeySet>;
}

export type SignedAssertion = { claims: JWTPayload; header: JWTHeaderParameters };

/** In characters: tokens of platforms with many claims have a few thousand. */
const LONGEST_ASSERTION = 8192;

/** The header and the claims of an assertion that is not verified yet. @throws OAuthError unless it is a JWT */
export function decodeAssertion(assertion: string): { typ: string; issuer: string } {
  try {
    if (assertion.length > LONGEST_ASSERTION) throw new Error('too long');
    const [header, claims] = assertion.split('.', 2).map((part) => JSON.parse(decodePart(part)));
    const { typ = 'JWT' } = header;
    if (typeof typ === 'string' && typeof claims.iss === 'string')
      return { typ: typ.toLowerCase(), issuer: claims.iss };
  } catch {
    // The error below states it.
  }
  throw oauthError('grant_assertion_malformed');
}

const decodePart = (part: string) => atob(part.replaceAll('-', '+').replaceAll('_', '/'));

/**
 * Verifies the signature by the issuer's keys alone: a key or an address of keys in the header counts for nothing. Times,
 * audience and subject are the rules' (`workload-rule.ts`, `enterprise-assertion.ts`).
 *
 * @throws OAuthError `invalid_grant`
 */
export async function verifySignature(
  assertion: string,
  { issuer, jwks, jwksUri }: AssertionIssuer,
  published: IssuerKeys,
): Promise<SignedAssertion> {
  const verify = async (refresh: boolean) => {
    const keys = jwks ?? (await published.keysOf(issuer, jwksUri, refresh));
    // Any time passes here: `checkTimes` decides, once it is known whose assertion it is.
    return verifyJwt(assertion, keys, {
      algorithms: assertionAlgorithms,
      issuer,
      clockTolerance: Number.MAX_SAFE_INTEGER,
    });
  };
  try {
    const { payload, protectedHeader } = await verify(false).catch((error) => {
      if (error instanceof errors.JWKSNoMatchingKey && !jwks) return verify(true);
      throw error;
    });
    return { claims: payload, header: protectedHeader };
  } catch (error) {
    if (error instanceof ClientDocumentError) throw oauthError('issuer_keys_unavailable', error.message);
    if (error instanceof errors.JOSEError) throw oauthError('grant_assertion_unverified', error.message);
    throw error;
  }
}

/** Clock skew tolerated between an issuer and this server. */
export const SKEW_SECONDS = 30;

/** The times of an assertion. @returns `exp` in epoch seconds @throws OAuthError `invalid_grant` */
export function checkTimes({ exp, iat, nbf }: JWTPayload, now: number, longestSeconds: number): number {
  if (typeof exp !== 'number' || exp <= now) throw oauthError('grant_assertion_expired');
  if (exp > now + longestSeconds + SKEW_SECONDS) throw oauthError('grant_assertion_too_long', longestSeconds / 60);
  for (const time of [iat, nbf]) {
    if (time !== undefined && !(time <= now + SKEW_SECONDS)) throw oauthError('grant_assertion_from_future');
  }
  return exp;
}

/** The audience: one of those expected, and no other beside it. @throws OAuthError `invalid_grant` */
export function checkAudience({ aud }: JWTPayload, expected: readonly string[]): void {
  const [audience = '', ...others] = [aud ?? []].flat();
  if (others.length > 0 || !expected.includes(audience)) throw oauthError('grant_assertion_audience', expected[0]!);
}
