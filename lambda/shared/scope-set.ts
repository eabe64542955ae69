/** A scope as its owner declares it. */
export type Scope = {
  /** What it lets an assistant do, said to the person who grants it: "Use this server’s tools on your behalf". */
  description: string;
  /** Scopes that it contains: whoever has this one needs none of those. */
  includes?: readonly string[];
};

/** The scopes of a server and what they are needed for. */
export type ScopeSet = {
  /** By name. The first is the default: what is asked for when a client asks for nothing, and what every tool needs. */
  scopes: Readonly<Record<string, Scope>>;
  /** Scopes that a tool needs beside the default, by the tool's name. */
  tools: Readonly<Record<string, readonly string[]>>;
};

/** The declaration as it stands, its names checked by the compiler; the stack checks the rest when it is synthesized. */
export function declareScopes<const S extends string>(declared: {
  scopes: Record<S, { description: string; includes?: readonly NoInfer<S>[] }>;
  tools: Record<string, readonly NoInfer<S>[]>;
}): ScopeSet {
  return declared;
}

export const defaultScope = ({ scopes }: ScopeSet): string => Object.keys(scopes)[0]!;

/** Whether any tool needs more than the default: then no answer about a token holds for every tool. */
export const hasToolScopes = ({ tools }: ScopeSet): boolean => Object.values(tools).some((needed) => needed.length > 0);

/** The scopes that the granted ones amount to, with everything they include (MCP 2026-07-28: hierarchies MUST count). */
export function effectiveScopes(granted: readonly string[], { scopes }: ScopeSet): Set<string> {
  const all = new Set<string>();
  const open = [...granted];
  for (let scope = open.pop(); scope !== undefined; scope = open.pop()) {
    if (all.has(scope)) continue;
    all.add(scope);
    open.push(...(Object.hasOwn(scopes, scope) ? (scopes[scope]?.includes ?? []) : []));
  }
  return all;
}

/**
 * The scopes to ask for so that the tool may be called, or nothing when the granted ones suffice.
 *
 * What was granted is asked for again beside what is missing: clients until 2025-11-25 replace their scopes by those of
 * the challenge, later ones form the union themselves.
 */
export function missingScopes(granted: readonly string[], tool: string, set: ScopeSet): string[] | undefined {
  const needed = [defaultScope(set), ...(Object.hasOwn(set.tools, tool) ? set.tools[tool]! : [])];
  const has = effectiveScopes(granted, set);
  if (needed.every((scope) => has.has(scope))) return undefined;
  return [...new Set([...granted.filter((scope) => Object.hasOwn(set.scopes, scope)), ...needed])];
}

/** The challenge that tells a client to step up (RFC 6750 §3.1; MCP 2026-07-28, runtime insufficient scope errors). */
export const stepUpChallenge = (scopes: readonly string[], metadataUrl: string): string =>
  `Bearer error="insufficient_scope", scope="${scopes.join(' ')}", resource_metadata="${metadataUrl}"`;
