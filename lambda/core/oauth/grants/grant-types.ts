import { redeemAssertion } from './assertion-grant.ts';
import { redeemCode } from './authorization-code-grant.ts';
import { grantClientCredentials } from './client-credentials-grant.ts';
import type { GrantHandler } from './grant-handler.ts';
import { ASSERTION_GRANT, type GrantSwitches, grantTypeNames } from './grant-type-names.ts';
import { refresh } from './refresh-token-grant.ts';

const handlers = {
  authorization_code: redeemCode,
  refresh_token: refresh,
  client_credentials: grantClientCredentials,
  [ASSERTION_GRANT]: redeemAssertion,
} satisfies Record<ReturnType<typeof grantTypeNames>[number], GrantHandler>;

/** The handlers of the grant types that this deployment has switched on. */
export const grantHandlers = (rules: GrantSwitches): Record<string, GrantHandler> =>
  Object.fromEntries(grantTypeNames(rules).map((name) => [name, handlers[name]]));
