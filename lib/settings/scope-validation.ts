import { type ScopeSet, toolPolicy } from '../../lambda/shared/scope-set.ts';
import { quoted } from './setting-validation.ts';

/** RFC 6749 §3.3, without the apostrophe and the dollar sign, which have a meaning in API Gateway's header values. */
export const scopeSyntax = /^[\x21\x23\x25\x26\x28-\x5b\x5d-\x7e]+$/;

/** Yields an error message for each error in the declared scopes. */
export function* validateScopes(set: ScopeSet): Generator<string> {
  const { scopes, tools } = set;
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
    ...Object.keys(tools).map((tool) => [`the tool ${tool}`, toolPolicy(tool, set).scopes] as const),
  ];
  for (const [referrer, names] of references) {
    for (const scope of names) {
      if (!declared.has(scope)) yield `${referrer} names ${scope}, which is not declared: add it to scopes`;
    }
  }
  yield* validateGroups(set);
}

function* validateGroups({ tools }: ScopeSet): Generator<string> {
  for (const [tool, declared] of Object.entries(tools)) {
    const groups = 'groups' in declared ? declared.groups : undefined;
    // An empty list would admit every user.
    if (groups?.length === 0) yield `the tool ${tool} has no group in groups: name one, or remove groups`;
    if (groups?.includes('')) yield `the tool ${tool} names the group "": name a group of the identity provider`;
  }
}
