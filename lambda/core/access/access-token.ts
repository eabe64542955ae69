import { groupsOf } from '../identity/upstream-provider.ts';
import { sha256 } from '../support/crypto.ts';
import type { Caller } from './caller.ts';
import { userKey } from './user-key.ts';

type Claims = Readonly<Record<string, unknown>>;

/** Verifies an access token: signature, issuer, audience, type and lifetime. */
export interface AccessTokenVerifier {
  /**
   * @returns the claims, or undefined for a token that is not valid
   * @throws ServiceUnavailableError when the keys cannot be fetched
   */
  verify(token: string): Promise<Claims | undefined>;
}

/** The caller that the claims of a verified token identify; undefined when a claim is missing. */
export type CallerReader = (claims: Claims) => Promise<Caller | undefined>;

/** In characters. An access token of the facade has about 700, one of a provider with many groups a few thousand. */
const LONGEST_TOKEN = 8192;

const bearer = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * Step 1: access token → caller, or `undefined` when the request must be challenged (RFC 6750 §3).
 *
 * Reads no storage: the session step reads the grant on every request and rejects a revoked one.
 *
 * @param authorization every `Authorization` header value of the request; more than one is rejected
 */
export async function authenticateBearer(
  authorization: readonly string[],
  verifier: AccessTokenVerifier,
  readCaller: CallerReader,
): Promise<Caller | undefined> {
  const token = authorization.length === 1 ? bearer.exec(authorization[0]!)?.[1] : undefined;
  if (token === undefined || token.length > LONGEST_TOKEN) return undefined;
  const claims = await verifier.verify(token);
  return claims && readCaller(claims);
}

/** The caller of an access token that the facade issued. */
export const facadeCaller: CallerReader = async ({ sub, client_id, scope, grant, exp }) => {
  if (typeof sub !== 'string' || typeof client_id !== 'string' || typeof grant !== 'string') return undefined;
  if (typeof scope !== 'string' || typeof exp !== 'number') return undefined;
  return { user: sub, client: client_id, grant, scopes: scopesIn(scope), expiresAt: exp };
};

/**
 * Direct mode: the caller of an access token that the identity provider issued. The id of the grant is derived from user
 * and client, so a revoked grant stays revoked, whatever tokens the provider issues later.
 *
 * @param defaultScope the scope that every tool needs: a token for this audience implies it, under any name at the provider
 */
export function directCaller({
  issuer,
  groupClaims,
  defaultScope,
}: {
  issuer: string;
  groupClaims: readonly string[];
  defaultScope: string;
}): CallerReader {
  return async (claims) => {
    const { sub, exp } = claims;
    const client = claims.client_id ?? claims.azp;
    if (typeof sub !== 'string' || typeof client !== 'string' || typeof exp !== 'number') return undefined;
    return {
      user: await userKey(issuer, sub),
      client,
      grant: await sha256([issuer, sub, client].join('\n')),
      scopes: [...new Set([defaultScope, ...scopesIn(claims.scope ?? claims.scp)])],
      expiresAt: exp,
      identity: { issuer, subject: sub, groups: groupsOf(claims, groupClaims) },
    };
  };
}

/** The scopes of a claim: separated by spaces (RFC 9068 §2.2.3), or a list, as some providers send them. */
const scopesIn = (scope: unknown): string[] =>
  [scope].flat().flatMap((each) => (typeof each === 'string' ? each.split(' ').filter(Boolean) : []));
