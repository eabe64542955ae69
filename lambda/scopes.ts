import { declareScopes } from './shared/scope-set.ts';

/**
 * What assistants may be allowed to do. Every tool needs the first scope; name the tools that need more under `tools`,
 * and an assistant that lacks it is told to ask its user for it.
 */
export const scopes = declareScopes({
  scopes: {
    mcp: { description: 'Use this server’s tools on your behalf' },
  },
  tools: {},
});
