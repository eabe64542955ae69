import type { ScopeSet } from '../../lambda/shared/scope-set.ts';
import { ConfigurationError } from './configuration-error.ts';
import { quoted } from './setting-validation.ts';

/** RFC 6749 §3.3, without the apostrophe and the dollar sign, which have a meaning in API Gateway's header values. */
export const scopeSyntax = /^[\x21\x23\x25\x26\x28-\x5b\x5d-\x7e]+$/;

/** @throws ConfigurationError listing every error in the declared scopes */
export function validateScopes({ scopes, tools }: ScopeSet): void {
  const declared = new Set(Object.keys(scopes));
  const errors: string[] = [];
  if (declared.size === 0) errors.push('scopes is empty: declare at least one scope');
  if (declared.has('offline_access')) errors.push('offline_access is always granted: remove it from scopes');
  for (const scope of declared) {
    if (!scopeSyntax.test(scope)) {
      errors.push(`${quoted(scope)} is not a valid scope: use no spaces, quotes, $ or \\`);
    }
  }
  const references = [
    ...Object.entries(scopes).map(([scope, { includes = [] }]) => [`the scope ${scope}`, includes] as const),
    ...Object.entries(tools).map(([tool, required]) => [`the tool ${tool}`, required] as const),
  ];
  for (const [referrer, names] of references) {
    for (const scope of names) {
      if (!declared.has(scope)) errors.push(`${referrer} names ${scope}, which is not declared: add it to scopes`);
    }
  }
  if (errors.length > 0) throw new ConfigurationError(`Invalid lambda/scopes.ts:\n${errors.join('\n')}`);
}
