import { declareScopes } from '../../lambda/shared/scope-set.ts';

/** The scopes of the tests' server (`fixture-server.ts`), independent of the owner's `lambda/scopes.ts`. */
export const scopes = declareScopes({
  scopes: {
    mcp: { description: 'Use this server’s tools on your behalf' },
  },
  tools: {},
});
