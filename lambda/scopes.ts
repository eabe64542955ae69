import { declareScopes } from './shared/scope-set.ts';

/**
 * The scopes that a client can request. Every tool requires the first scope. List the tools that require further scopes
 * under `tools`: a client without them receives a step-up challenge and asks its user for consent.
 */
export const scopes = declareScopes({
  scopes: {
    mcp: { description: 'Use this server’s tools on your behalf' },
  },
  tools: {},
});
