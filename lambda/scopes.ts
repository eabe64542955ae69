import { declareScopes } from './shared/scope-set.ts';

/**
 * The scopes that a client can be granted. Every tool needs the first one. List tools that need more under `tools`: a
 * client that lacks a scope is answered 403 with the scope to request from its user.
 */
export const scopes = declareScopes({
  scopes: {
    mcp: { description: 'Use this server’s tools on your behalf' },
  },
  tools: {},
});
