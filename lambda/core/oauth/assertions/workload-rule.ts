import type { JWTPayload } from 'jose';
import { oauthError } from '../oauth-error.ts';
import { resourceOf } from '../resource-indicator.ts';
import { type AssertionIssuer, checkAudience, checkTimes, type SignedAssertion } from './trusted-issuer.ts';

/** A rule of the operator: the tokens of a platform whose subject matches are a service with these scopes. */
export type WorkloadRule = AssertionIssuer & {
  /** The `client_id` of its access tokens. */
  name: string;
  /** Exact, or all that begin with what precedes a final `*`. */
  subject: string;
  scopes: string[];
  /** @default - the issuer of this server, or its MCP URL */
  audience?: string | undefined;
  /** Whether a token of the platform gives one access token. */
  singleUse: boolean;
};

/** Azure issues tokens for 24 hours. */
const LONGEST_SECONDS = 24 * 3600;

const LONGEST_SUBJECT = 512;

/** Character by character: neither case nor Unicode forms are folded, and a `*` elsewhere has no meaning. */
export const matchesSubject = (pattern: string, subject: string): boolean =>
  pattern.endsWith('*') ? subject.startsWith(pattern.slice(0, -1)) : subject === pattern;

/** The rule for the subject of a verified token; undefined where the operator did not name it. */
export const ruleFor = (rules: readonly WorkloadRule[], { sub }: JWTPayload): WorkloadRule | undefined =>
  typeof sub === 'string' && sub.length <= LONGEST_SUBJECT
    ? rules.find(({ subject }) => matchesSubject(subject, sub))
    : undefined;

/**
 * Checks a token of a workload that a rule names.
 *
 * @param now epoch seconds
 * @returns its expiry, and what identifies it for single use
 * @throws OAuthError `invalid_grant`
 */
export function checkWorkload(
  { claims, header }: SignedAssertion,
  { audience }: WorkloadRule,
  publicUrl: string,
  now: number,
): { subject: string; id: string; expiresAt: number } {
  // An access token, a logout token or an ID-JAG is for another purpose (RFC 8725 §3.11).
  const { typ = 'JWT' } = header;
  if (typ.toLowerCase() !== 'jwt') throw oauthError('grant_assertion_type', typ);
  checkAudience(claims, audience === undefined ? [publicUrl, resourceOf(publicUrl)] : [audience]);
  const expiresAt = checkTimes(claims, now, LONGEST_SECONDS);
  const { jti, iat, sub } = claims;
  return {
    subject: sub!,
    id: typeof jti === 'string' && jti !== '' ? jti : JSON.stringify([iat, sub, expiresAt]),
    expiresAt,
  };
}
