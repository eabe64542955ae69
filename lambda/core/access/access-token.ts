import { groupsOf } from '../identity/upstream-provider.ts';
import { sha256 } from '../support/crypto.ts';
import type { Caller } from './caller.ts';
import { userKey } from './user-key.ts';

type Claims = Readonly<Record<string, unknown>>;

/** Verifies an access token: signature, issuer, audience, type and lifetime. */
export interface AccessTokenVerifier {
  /** @returns the claims, or nothing when the token is not to be trusted. Throws `Outage` when the keys cannot be had */
  verify(token: string): Promise<Claims | undefined>;
}

/** Whom the claims of a verified token name, if they name anybody. */
export type CallerReader = (claims: Claims) => Promise<Caller | undefined>;

/** A well-formed token of ours has about 700 characters, and a provider's with many groups a few thousand. */
const LONGEST_TOKEN = 8192;

const bearer = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * Station 1: access token → caller, or `undefined` when the request must be challenged (RFC 6750 §3).
 *
 * Reads no storage: a revoked grant is refused by the session station, which reads the grant on every request.
 *
 * @param authorization every `Authorization` header value of the request; more than one is refused
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

/** The facade's own tokens name everything. */
export const facadeCaller: CallerReader = async ({ sub, client_id, scope, grant, exp }) => {
  if (typeof sub !== 'string' || typeof client_id !== 'string' || typeof grant !== 'string') return undefined;
  if (typeof scope !== 'string' || typeof exp !== 'number') return undefined;
  return { user: sub, client: client_id, grant, scopes: words(scope), expiresAt: exp };
};

/**
 * Direct mode: a token of the identity provider, which names its own user and client. The grant has the same id as often
 * as the user comes with that client, so what is revoked stays revoked, whatever tokens the provider goes on to issue.
 *
 * @param defaultScope what every tool needs: whoever brings a token for this server has it, called so there or not
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
      scopes: [...new Set([defaultScope, ...words(claims.scope ?? claims.scp)])],
      expiresAt: exp,
      identity: { issuer, subject: sub, groups: groupsOf(claims, groupClaims) },
    };
  };
}

/** Scopes as providers write them: words in a text (RFC 9068 §2.2.3), or a list. */
const words = (scope: unknown): string[] =>
  [scope].flat().flatMap((each) => (typeof each === 'string' ? each.split(' ').filter(Boolean) : []));
