import type { ScopeSet } from '../../shared/scope-set.ts';

/**
 * The scopes that a request names, in the order of the server. Unknown ones are dropped (RFC 6749 §3.3): clients add those
 * of OpenID Connect.
 *
 * @param requested the parameter `scope`
 * @returns undefined when the request names no scope of this server
 */
export function requestedScopes(requested: string | undefined, { scopes }: ScopeSet): string[] | undefined {
  const names = new Set(requested?.split(' '));
  const known = Object.keys(scopes).filter((scope) => names.has(scope));
  return known.length > 0 ? known : undefined;
}
