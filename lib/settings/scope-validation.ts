import type { ScopeSet } from '../../lambda/shared/scope-set.ts';
import { ConfigurationError } from './configuration-error.ts';

/** RFC 6749 §3.3, less the apostrophe and the dollar sign, which mean something to API Gateway's header values. */
export const scopeSyntax = /^[\x21\x23\x25\x26\x28-\x5b\x5d-\x7e]+$/;

/** @throws Mistake that names everything that is wrong with the scopes an owner has declared */
export function checkScopes({ scopes, tools }: ScopeSet): void {
  const known = new Set(Object.keys(scopes));
  const wrong: string[] = [];
  if (known.size === 0) wrong.push('there is no scope: declare at least one');
  if (known.has('offline_access')) wrong.push('offline_access is always granted and cannot be declared');
  for (const scope of known) {
    if (!scopeSyntax.test(scope)) wrong.push(`${JSON.stringify(scope)} is no scope: it has no spaces, quotes, $ or \\`);
  }
  const uses = [
    ...Object.entries(scopes).map(([scope, { includes = [] }]) => [`the scope ${scope}`, includes] as const),
    ...Object.entries(tools).map(([tool, needed]) => [`the tool ${tool}`, needed] as const),
  ];
  for (const [who, used] of uses) {
    for (const scope of used) if (!known.has(scope)) wrong.push(`${who} names ${scope}, which is not declared`);
  }
  if (wrong.length > 0)
    throw new ConfigurationError(`lambda/scopes.ts cannot be deployed like this:\n${wrong.join('\n')}`);
}
