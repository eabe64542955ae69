import type { ScopeSet } from '../../lambda/shared/scope-set.ts';
import { quoted } from './setting-validation.ts';

/** RFC 6749 §3.3, without the apostrophe and the dollar sign, which have a meaning in API Gateway's header values. */
export const scopeSyntax = /^[\x21\x23\x25\x26\x28-\x5b\x5d-\x7e]+$/;

/** Yields an error message for each error in the declared scopes. */
export function* validateScopes({ scopes, tools }: ScopeSet): Generator<string> {
  const declared = new Set(Object.keys(scopes));
  if (declared.size === 0) yield 'scopes is empty: declare at least one scope';
  if (declared.has('offline_access')) yield 'offline_access is always granted: remove it from scopes';
  for (const scope of declared) {
    if (!scopeSyntax.test(scope)) {
      yield `${quoted(scope)} is not a valid scope: use no spaces, quotes, $ or \\`;
    }
  }
  const references = [
    ...Object.entries(scopes).map(([scope, { includes = [] }]) => [`the scope ${scope}`, includes] as const),
    ...Object.entries(tools).map(([tool, required]) => [`the tool ${tool}`, required] as const),
  ];
  for (const [referrer, names] of references) {
    for (const scope of names) {
      if (!declared.has(scope)) yield `${referrer} names ${scope}, which is not declared: add it to scopes`;
    }
  }
}
