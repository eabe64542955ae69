import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { toRequest, toResult } from './adapters/api-gateway.ts';
import { dynamoClientStore } from './adapters/dynamodb/clients.ts';
import { dynamoFlowStore } from './adapters/dynamodb/flows.ts';
import { dynamoGrantStore } from './adapters/dynamodb/grants.ts';
import { dynamoIdentityTokenStore } from './adapters/dynamodb/identity-tokens.ts';
import { dynamoSealedKeyStore } from './adapters/dynamodb/sealed-keys.ts';
import { openTable } from './adapters/dynamodb/table.ts';
import { openKms } from './adapters/kms.ts';
import { kmsSealer } from './adapters/kms-sealer.ts';
import { kmsSigner } from './adapters/kms-signer.ts';
import { log } from './adapters/log.ts';
import { openIdProvider } from './adapters/openid.ts';
import { readSecret } from './adapters/secrets.ts';
import { epochSeconds } from './core/clock.ts';
import { IdentityTokenKeeper } from './core/identity-tokens.ts';
import type { Facade } from './core/oauth/facade.ts';
import { sealedMacKey } from './core/oauth/mac-key.ts';
import { answerOAuth } from './core/oauth/routes.ts';
import { oauthVariables, readEnvironment } from './environment.ts';

/** The OAuth function: registration, sign-in, consent, tokens, metadata. */

const environment = readEnvironment(oauthVariables, process.env);
const { PUBLIC_URL, TABLE_NAME, IDP_CLIENT_SECRET_ARN } = environment;
const table = openTable(TABLE_NAME);
const kms = openKms();
const sealer = kmsSealer(kms, environment.SEAL_KEY_ID, TABLE_NAME);
const identityProvider = openIdProvider({
  issuer: environment.IDP_ISSUER,
  clientId: environment.IDP_CLIENT_ID,
  ...(IDP_CLIENT_SECRET_ARN && { clientSecret: () => readSecret(IDP_CLIENT_SECRET_ARN) }),
  scopes: environment.IDP_SCOPES,
  redirectUri: `${PUBLIC_URL}/callback`,
  now: epochSeconds,
});

const facade: Facade = {
  rules: {
    publicUrl: PUBLIC_URL,
    scopes: environment.SCOPES,
    accessTokenSeconds: environment.ACCESS_TOKEN_MINUTES * 60,
    grantIdleSeconds: environment.GRANT_IDLE_DAYS * 86400,
    grantAbsoluteSeconds: environment.GRANT_ABSOLUTE_DAYS * 86400,
    refreshWindowSeconds: environment.REFRESH_WINDOW_SECONDS,
    redirectSchemes: environment.REDIRECT_SCHEMES,
    identityProviderName: environment.IDP_NAME,
  },
  clients: dynamoClientStore(table),
  flows: dynamoFlowStore(table),
  grants: dynamoGrantStore(table),
  signer: kmsSigner(kms, environment.SIGN_KEY_IDS),
  macKey: sealedMacKey(dynamoSealedKeyStore(table), sealer),
  sealer,
  identityProvider,
  identityTokens: new IdentityTokenKeeper({
    store: dynamoIdentityTokenStore(table),
    sealer,
    identityProvider,
    now: epochSeconds,
  }),
  now: epochSeconds,
  log,
};

export async function handler(event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> {
  return toResult(await answerOAuth(facade, toRequest(event, PUBLIC_URL)));
}
