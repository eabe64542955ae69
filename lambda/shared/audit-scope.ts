import type { ScopeSet } from './scope-set.ts';

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
