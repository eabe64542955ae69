import { isPersonal, PERSONAL_TOKEN_PREFIX } from '../../shared/personal-token.ts';
import type { GroupReader } from '../identity/upstream-provider.ts';
import { sha256 } from '../support/crypto.ts';
import type { Caller } from './caller.ts';
import { InvalidTokenError } from './invalid-token-error.ts';
import { userKey } from './user-key.ts';

type Claims = Readonly<Record<string, unknown>>;

/** Verifies an access token: signature, issuer, audience, type and lifetime. */
export interface AccessTokenVerifier {
  /**
   * @throws InvalidTokenError for a token that is not valid
   * @throws ServiceUnavailableError when the keys cannot be fetched
   */
  verify(token: string): Promise<Claims>;
}

/**
 * The caller that the claims of a verified token identify.
 *
 * @throws InvalidTokenError when a claim is missing
 */
export type CallerReader = (claims: Claims) => Promise<Caller>;

/**
 * In characters. An access token of the facade has about 700, one of a provider with many groups a few thousand. API Gateway
 * accepts 10,240 bytes of headers in all.
 */
const LONGEST_TOKEN = 8192;

const bearer = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * Step 1: access token → caller.
 *
 * Reads no storage: the session step reads the grant on every request and rejects a revoked one.
 *
 * @param authorization every `Authorization` header value of the request; more than one is rejected
 * @param accepts whether personal access tokens are accepted: with their prefix, and not without it
 * @throws InvalidTokenError when the request must be challenged (RFC 6750 §3)
 */
export async function authenticateBearer(
  authorization: readonly string[],
  verifier: AccessTokenVerifier,
  readCaller: CallerReader,
  accepts: { personalTokens: boolean } = { personalTokens: false },
): Promise<Caller> {
  const token = authorization.length === 1 ? bearer.exec(authorization[0]!)?.[1] : undefined;
  if (token === undefined) throw new InvalidTokenError('header', 'Not one Authorization header with a bearer token');
  if (token.length > LONGEST_TOKEN) {
    throw new InvalidTokenError('too_long', `${token.length} characters, more than ${LONGEST_TOKEN}`);
  }
  const hasPrefix = accepts.personalTokens && token.startsWith(PERSONAL_TOKEN_PREFIX);
  const caller = await readCaller(await verifier.verify(hasPrefix ? token.slice(PERSONAL_TOKEN_PREFIX.length) : token));
  // Scanners would not recognize a personal token without its prefix. Where the setting is off, each one is rejected.
  if (isPersonal(caller) !== hasPrefix) {
    throw new InvalidTokenError('claim', `client_id ${caller.client} ${hasPrefix ? 'with' : 'without'} the prefix`);
  }
  return caller;
}

/** The caller of an access token that the facade issued. */
export const facadeCaller: CallerReader = async (claims) => ({
  user: requiredText(claims, 'sub'),
  client: requiredText(claims, 'client_id'),
  grant: requiredText(claims, 'grant'),
  scopes: scopesIn(requiredText(claims, 'scope')),
  expiresAt: requiredExpiry(claims),
});

/**
 * Direct mode: the caller of an access token that the identity provider issued. The id of the grant is derived from user
 * and client, so a revoked grant stays revoked, whatever tokens the provider issues later.
 *
 * @param defaultScope the scope that every tool needs: a token for this audience implies it, under any name at the provider
 */
export function directCaller({
  issuer,
  groupsIn,
  defaultScope,
}: {
  issuer: string;
  groupsIn: GroupReader;
  defaultScope: string;
}): CallerReader {
  return async (claims) => {
    const sub = requiredText(claims, 'sub');
    const client = requiredText(claims, 'client_id', 'azp');
    return {
      user: await userKey(issuer, sub),
      client,
      grant: await sha256([issuer, sub, client].join('\n')),
      scopes: [...new Set([defaultScope, ...scopesIn(claims.scope ?? claims.scp)])],
      expiresAt: requiredExpiry(claims),
      identity: { issuer, subject: sub, groups: groupsIn(claims) ?? [] },
    };
  };
}

/** The first of the claims that is present. */
function requiredText(claims: Claims, ...names: string[]): string {
  const value = names.map((name) => claims[name]).find((each) => (each ?? undefined) !== undefined);
  if (typeof value !== 'string') throw missingClaim(...names);
  return value;
}

function requiredExpiry({ exp }: Claims): number {
  if (typeof exp !== 'number') throw missingClaim('exp');
  return exp;
}

const missingClaim = (...names: string[]) => new InvalidTokenError('claim', `No claim ${names.join(' or ')}`);

/** The scopes of a claim: separated by spaces (RFC 9068 §2.2.3), or a list, as some providers send them. */
const scopesIn = (scope: unknown): string[] =>
  [scope].flat().flatMap((each) => (typeof each === 'string' ? each.split(' ').filter(Boolean) : []));
