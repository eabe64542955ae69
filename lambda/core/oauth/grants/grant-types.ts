import type { FacadeRules } from '../facade.ts';
import { redeemCode } from './authorization-code-grant.ts';
import { grantClientCredentials } from './client-credentials-grant.ts';
import type { GrantHandler } from './grant-handler.ts';
import { refresh } from './refresh-token-grant.ts';

/** The grant types that this deployment has switched on, and their handlers. */
export const grantHandlers = ({
  machineClients,
}: Pick<FacadeRules, 'machineClients'>): Record<string, GrantHandler> => ({
  authorization_code: redeemCode,
  refresh_token: refresh,
  ...(machineClients && { client_credentials: grantClientCredentials }),
});
