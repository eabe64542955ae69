import type { Caller } from './caller.ts';

/** Verifies an access token: signature, issuer, audience, type and lifetime. */
export interface AccessTokenVerifier {
  /** @returns the claims, or nothing when the token is not to be trusted. Throws `Outage` when the keys cannot be had */
  verify(token: string): Promise<Record<string, unknown> | undefined>;
}

/** A well-formed token of ours has about 700 characters; nothing longer is worth a verification. */
const LONGEST_TOKEN = 4096;

const bearer = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * Station 1: access token → caller, or `undefined` when the request must be challenged (RFC 6750 §3).
 *
 * Reads no storage: a revoked grant is refused by the session station, which reads the grant on every request.
 *
 * @param authorization every `Authorization` header value of the request; more than one is refused
 */
export async function authorize(
  authorization: readonly string[],
  verifier: AccessTokenVerifier,
): Promise<Caller | undefined> {
  const token = authorization.length === 1 ? bearer.exec(authorization[0]!)?.[1] : undefined;
  if (token === undefined || token.length > LONGEST_TOKEN) return undefined;
  const claims = await verifier.verify(token);
  if (!claims) return undefined;
  const { sub, client_id, scope, grant, exp } = claims;
  if (typeof sub !== 'string' || typeof client_id !== 'string' || typeof grant !== 'string') return undefined;
  if (typeof scope !== 'string' || typeof exp !== 'number') return undefined;
  return { user: sub, client: client_id, grant, scopes: scope.split(' ').filter(Boolean), expiresAt: exp };
}
