import type { ScopeSet } from '../../../shared/scope-set.ts';
import { oauthError } from '../oauth-error.ts';
import { requestedScopes } from '../requested-scopes.ts';

/**
 * The requested scopes, all of which must be allowed; without a known one, every allowed scope that this server has.
 *
 * @param requested the parameter `scope`
 * @throws OAuthError `invalid_scope`
 */
export function allowedScopes(requested: string | undefined, allowed: readonly string[], set: ScopeSet): string[] {
  const names = requestedScopes(requested, set) ?? Object.keys(set.scopes).filter((scope) => allowed.includes(scope));
  const forbidden = names.find((name) => !allowed.includes(name));
  if (forbidden !== undefined) throw oauthError('scope_not_allowed', forbidden);
  if (names.length === 0) throw oauthError('scope_not_allowed', allowed.join(' '));
  return names;
}
