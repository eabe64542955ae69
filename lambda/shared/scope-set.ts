/** Declaration of a scope. */
export type Scope = {
  /** Shown on the consent page: "Use this server’s tools on your behalf". */
  description: string;
  /** Scopes that this one implies. */
  includes?: readonly string[];
};

/** The requirements of a tool. */
export type ToolPolicy<S extends string = string> = {
  /**
   * Scopes that the tool requires beside the default.
   * @default none
   */
  scopes?: readonly S[];
  /**
   * Groups at the identity provider: the user must be in one of them. Other users do not see the tool.
   * @default - users of any group, and of none
   */
  groups?: readonly string[];
};

/** The scopes of a server and of its tools. */
export type ScopeSet = {
  /** By name. The first is the default: granted to a client that requests no scope, and required by every tool. */
  scopes: Readonly<Record<string, Scope>>;
  /** The requirements of tools, by the name that clients use. A list names scopes. */
  tools: Readonly<Record<string, readonly string[] | ToolPolicy>>;
};

/** Returns the declaration. The compiler checks its names, and the synthesis the rest. */
export function declareScopes<const S extends string>(declared: {
  scopes: Record<S, { description: string; includes?: readonly NoInfer<S>[] }>;
  tools: Record<string, readonly NoInfer<S>[] | ToolPolicy<NoInfer<S>>>;
}): ScopeSet {
  return declared;
}

export const defaultScope = ({ scopes }: ScopeSet): string => Object.keys(scopes)[0]!;

const isList = (declared: readonly string[] | ToolPolicy): declared is readonly string[] => Array.isArray(declared);

/** The requirements of a tool; empty lists for one that is not declared. */
export function toolPolicy(tool: string, { tools }: ScopeSet): Required<ToolPolicy> {
  if (!Object.hasOwn(tools, tool)) return unrestricted;
  const declared = tools[tool]!;
  return { ...unrestricted, ...(isList(declared) ? { scopes: declared } : declared) };
}

const unrestricted: Required<ToolPolicy> = { scopes: [], groups: [] };

/** Whether a tool requires a scope beside the default: then an authorizer result is not valid for every tool. */
export const hasToolScopes = (set: ScopeSet): boolean =>
  Object.keys(set.tools).some((tool) => toolPolicy(tool, set).scopes.length > 0);

/** The groups that tools require, each once. */
export const toolGroups = (set: ScopeSet): string[] => [
  ...new Set(Object.keys(set.tools).flatMap((tool) => toolPolicy(tool, set).groups)),
];

/** The groups of which the tool requires one; undefined when the user is in one of them, or the tool requires none. */
export function missingGroups(groups: readonly string[], tool: string, set: ScopeSet): readonly string[] | undefined {
  const needed = toolPolicy(tool, set).groups;
  return needed.length === 0 || needed.some((group) => groups.includes(group)) ? undefined : needed;
}

/** The granted scopes with all that they imply (MCP 2026-07-28: servers MUST account for hierarchies). */
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

/** The scopes to request for the tool; undefined when the granted ones suffice. */
export const missingScopes = (granted: readonly string[], tool: string, set: ScopeSet): string[] | undefined =>
  missingOf(granted, toolPolicy(tool, set).scopes, set);

/**
 * The scopes to request for a use that needs more than the default; undefined when the granted ones suffice.
 *
 * Granted scopes are requested again: clients until 2025-11-25 replace their scopes by those of the challenge, later ones
 * form the union.
 */
export function missingOf(granted: readonly string[], more: readonly string[], set: ScopeSet): string[] | undefined {
  const needed = [defaultScope(set), ...more];
  const has = effectiveScopes(granted, set);
  if (needed.every((scope) => has.has(scope))) return undefined;
  return [...new Set([...granted.filter((scope) => Object.hasOwn(set.scopes, scope)), ...needed])];
}

/** Step-up challenge (RFC 6750 §3.1; MCP 2026-07-28, runtime insufficient scope errors). */
export const stepUpChallenge = (scopes: readonly string[], metadataUrl: string): string =>
  `Bearer error="insufficient_scope", scope="${scopes.join(' ')}", resource_metadata="${metadataUrl}"`;

/**
 * The endpoint of the audit tools. Its 401 names the metadata of `/mcp`, because an API has one header for all of its
 * challenges, and the SDKs accept the metadata of a resource for the paths below it.
 */
export const AUDIT_TOOLS_PATH = '/mcp/audit';

/** The scope of the audit tools. Metadata does not list it: the challenge of the endpoint names it. */
export const AUDIT_SCOPE = 'audit:read';

/** The scopes of a deployment with audit tools. */
export const withAuditScope = ({ scopes, tools }: ScopeSet): ScopeSet => ({
  scopes: {
    ...scopes,
    [AUDIT_SCOPE]: { description: 'Read the calls, errors and sessions of all users, if you are an admin' },
  },
  tools,
});
