import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { branding } from '#branding';
import { toRequest, toResult } from '../adapters/api-gateway.ts';
import { dynamoFlowStore } from '../adapters/dynamodb/flow-store.ts';
import { dynamoSealedKeyStore } from '../adapters/dynamodb/sealed-key-store.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { dynamoDashboardSessionStarter } from '../adapters/dynamodb/user-writes.ts';
import { openKms } from '../adapters/kms/kms-client.ts';
import { kmsSealer } from '../adapters/kms/kms-sealer.ts';
import { log, withRequest } from '../adapters/logging/structured-log.ts';
import { openIdProvider } from '../adapters/openid.ts';
import { pageLanguagesIn } from '../adapters/page-languages-file.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { groupReader } from '../core/identity/upstream-provider.ts';
import { UserNames } from '../core/identity/user-names.ts';
import type { DashboardSignIn } from '../core/oauth/dashboard-session-result.ts';
import { handleDashboardSignIn } from '../core/oauth/dashboard-sign-in-routes.ts';
import { pageTexts } from '../core/oauth/pages/page-language.ts';
import { epochSeconds } from '../core/support/clock.ts';
import { sealedKey } from '../core/support/sealed-key.ts';
import { dashboardSignInVariables } from '../shared/dashboard-sign-in-environment.ts';
import { readEnvironment } from '../shared/environment.ts';

/** The sign-in function: in direct mode, users of the dashboard sign in at the identity provider through it. */

const environment = readEnvironment(dashboardSignInVariables, process.env);
const { PUBLIC_URL, TABLE_NAME, IDP_CLIENT_SECRET_ARN, SEAL_KEY_ID } = environment;
const table = openTable(TABLE_NAME);
const now = () => epochSeconds(systemClock);
const request = { scopes: environment.IDP_DASHBOARD_SCOPES, parameters: environment.IDP_DASHBOARD_PARAMETERS };

const signIn: DashboardSignIn = {
  rules: { publicUrl: PUBLIC_URL, branding },
  flows: dynamoFlowStore(table),
  dashboardSessions: dynamoDashboardSessionStarter(table),
  pageText: pageTexts(pageLanguagesIn(process.env.LAMBDA_TASK_ROOT ?? '.')),
  userNames:
    SEAL_KEY_ID === undefined
      ? undefined
      : new UserNames(
          sealedKey(dynamoSealedKeyStore(table), kmsSealer(openKms(), SEAL_KEY_ID, TABLE_NAME), 'user-names'),
        ),
  upstreamProvider: openIdProvider({
    issuer: environment.IDP_ISSUER,
    clientId: environment.IDP_CLIENT_ID,
    ...(IDP_CLIENT_SECRET_ARN && {
      clientSecret: async () => (await import('../adapters/secret-reader.ts')).readSecret(IDP_CLIENT_SECRET_ARN),
    }),
    authentication: environment.IDP_AUTHENTICATION,
    assertionAudience: environment.IDP_ASSERTION_AUDIENCE,
    ...request,
    dashboard: request,
    groupsIn: groupReader(
      { claims: environment.IDP_GROUP_CLAIMS, prefix: environment.IDP_GROUP_PREFIX, kept: environment.IDP_GROUPS },
      log,
    ),
    userInfo: environment.IDP_USER_INFO === 'true',
    nameClaim: environment.NAME_CLAIM,
    revokes: false,
    redirectUri: `${PUBLIC_URL}/callback`,
    now,
    log,
  }),
  clock: systemClock,
  now,
  log,
};

export const handler = (event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> =>
  withRequest(event, async () => toResult(await handleDashboardSignIn(signIn, toRequest(event, PUBLIC_URL))));
