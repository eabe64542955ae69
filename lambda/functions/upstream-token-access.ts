import { dynamoExchangedTokenStore } from '../adapters/dynamodb/exchanged-token-store.ts';
import type { TableConnection } from '../adapters/dynamodb/table-connection.ts';
import { dynamoUpstreamTokenStore } from '../adapters/dynamodb/upstream-token-store.ts';
import { openKms } from '../adapters/kms/kms-client.ts';
import { kmsSealer } from '../adapters/kms/kms-sealer.ts';
import { log } from '../adapters/logging/structured-log.ts';
import { type OpenIdClientOptions, openIdRefresher } from '../adapters/openid.ts';
import { openIdExchanger } from '../adapters/openid-exchange.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { TokenExchange } from '../core/identity/token-exchange.ts';
import { groupReader } from '../core/identity/upstream-provider.ts';
import { UpstreamTokenManager } from '../core/identity/upstream-tokens.ts';
import { epochSeconds } from '../core/support/clock.ts';
import type { Configuration, mcpVariables } from '../shared/environment.ts';

/**
 * The upstream tokens of users, and their exchange for tokens of other APIs. The MCP function loads this module when a tool
 * first asks for a token.
 *
 * @param readSecret by the ARN of the secret
 */
export function openUpstreamTokens(
  environment: Configuration<typeof mcpVariables>,
  provider: { issuer: string; clientId: string },
  table: TableConnection,
  readSecret: (arn: string) => Promise<string>,
) {
  const { IDP_CLIENT_SECRET_ARN, IDP_GROUP_CLAIMS = [], IDP_GROUP_PREFIX, IDP_GROUPS = [] } = environment;
  const client: OpenIdClientOptions = {
    ...provider,
    ...(IDP_CLIENT_SECRET_ARN && { clientSecret: () => readSecret(IDP_CLIENT_SECRET_ARN) }),
    authentication: environment.IDP_AUTHENTICATION,
    assertionAudience: environment.IDP_ASSERTION_AUDIENCE,
    groupsIn: groupReader({ claims: IDP_GROUP_CLAIMS, prefix: IDP_GROUP_PREFIX, kept: IDP_GROUPS }, log),
    userInfo: environment.IDP_USER_INFO === 'true',
    now: () => epochSeconds(systemClock),
  };
  const { IDP_EXCHANGE: form, IDP_EXCHANGE_CLIENT_ID: clientId, IDP_EXCHANGE_CLIENT_SECRET_ARN: arn } = environment;
  // It has a secret, also where the client of the sign-in is public.
  const authentication = environment.IDP_AUTHENTICATION === 'none' ? undefined : environment.IDP_AUTHENTICATION;
  const own = clientId && arn && { clientId, clientSecret: () => readSecret(arn), authentication };
  const common = {
    sealer: kmsSealer(openKms(), environment.SEAL_KEY_ID, table.name),
    clock: systemClock,
    random: Math.random,
  };
  const tokens = new UpstreamTokenManager({
    ...common,
    store: dynamoUpstreamTokenStore(table),
    upstreamProvider: openIdRefresher(client),
  });
  const exchange = new TokenExchange({
    ...common,
    store: dynamoExchangedTokenStore(table),
    tokens,
    exchanger: openIdExchanger({ ...client, ...own, form }),
  });
  return { tokens, exchange };
}
