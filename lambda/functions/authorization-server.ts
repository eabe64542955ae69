import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { branding } from '#branding';
import { toRequest, toResult } from '../adapters/api-gateway.ts';
import { dynamoAssertionStore } from '../adapters/dynamodb/assertion-store.ts';
import { dynamoDashboardSessionStore } from '../adapters/dynamodb/dashboard-session-store.ts';
import { dynamoFlowStore } from '../adapters/dynamodb/flow-store.ts';
import { dynamoGrantStore } from '../adapters/dynamodb/grant-store.ts';
import { dynamoDocumentStore } from '../adapters/dynamodb/oauth-clients/client-document-store.ts';
import { dynamoClientStore } from '../adapters/dynamodb/oauth-clients/client-store.ts';
import { dynamoMachineClientStore } from '../adapters/dynamodb/oauth-clients/machine-client-store.ts';
import { dynamoRateLimitStore } from '../adapters/dynamodb/rate-limit-store.ts';
import { dynamoSealedKeyStore } from '../adapters/dynamodb/sealed-key-store.ts';
import { openTable } from '../adapters/dynamodb/table-connection.ts';
import { dynamoEndedTokenStore, dynamoUpstreamTokenStore } from '../adapters/dynamodb/upstream-token-store.ts';
import { dynamoDashboardSessionStarter } from '../adapters/dynamodb/user-writes.ts';
import { type HttpsOptions, httpsDocuments } from '../adapters/https-documents.ts';
import { openKms } from '../adapters/kms/kms-client.ts';
import { kmsSealer } from '../adapters/kms/kms-sealer.ts';
import { kmsSigner } from '../adapters/kms/kms-signer.ts';
import { log } from '../adapters/logging/structured-log.ts';
import { openIdProvider } from '../adapters/openid.ts';
import { pageLanguagesIn } from '../adapters/page-languages-file.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { groupReader } from '../core/identity/upstream-provider.ts';
import { UpstreamRevocations } from '../core/identity/upstream-revocations.ts';
import { UpstreamTokenManager } from '../core/identity/upstream-tokens.ts';
import { UserNames } from '../core/identity/user-names.ts';
import { readEnterpriseIssuers, readWorkloads } from '../core/oauth/assertions/configured-issuers.ts';
import { ClientDocuments } from '../core/oauth/clients/client-documents.ts';
import { readMachineClients, readPreregisteredClients } from '../core/oauth/clients/configured-clients.ts';
import { issuerKeysIn } from '../core/oauth/clients/issuer-documents.ts';
import type { RateLimitStore } from '../core/oauth/clients/rate-limit.ts';
import type { DocumentSource } from '../core/oauth/endpoints/public-documents.ts';
import type { Facade } from '../core/oauth/facade.ts';
import { handleOAuthRequest } from '../core/oauth/oauth-routes.ts';
import { pageTexts } from '../core/oauth/pages/page-language.ts';
import type { OperatorTokenRequest } from '../core/oauth/tokens/operator-tokens.ts';
import { epochSeconds } from '../core/support/clock.ts';
import { logFailure } from '../core/support/failure-log.ts';
import { sealedKey } from '../core/support/sealed-key.ts';
import type { Configuration, oauthVariables } from '../shared/environment.ts';

/**
 * The authorization server, without the documents that it publishes. The OAuth function loads this module for the first other
 * request, so that the wait for a document is short.
 *
 * @param documents what the documents are made of
 */
export function openAuthorizationServer(
  environment: Configuration<typeof oauthVariables>,
  { rules, publicKeys }: DocumentSource,
) {
  const { PUBLIC_URL, TABLE_NAME, IDP_CLIENT_SECRET_ARN } = environment;
  const table = openTable(TABLE_NAME);
  const kms = openKms();
  const now = () => epochSeconds(systemClock);
  const sealer = kmsSealer(kms, environment.SEAL_KEY_ID, TABLE_NAME);
  const groupsIn = groupReader(
    { claims: environment.IDP_GROUP_CLAIMS, prefix: environment.IDP_GROUP_PREFIX, kept: environment.IDP_GROUPS },
    log,
  );
  const upstreamProvider = openIdProvider({
    issuer: environment.IDP_ISSUER,
    clientId: environment.IDP_CLIENT_ID,
    ...(IDP_CLIENT_SECRET_ARN && {
      clientSecret: async () => (await import('../adapters/secret-reader.ts')).readSecret(IDP_CLIENT_SECRET_ARN),
    }),
    authentication: environment.IDP_AUTHENTICATION,
    assertionAudience: environment.IDP_ASSERTION_AUDIENCE,
    scopes: environment.IDP_SCOPES,
    parameters: environment.IDP_PARAMETERS,
    accountPrompt: environment.IDP_ACCOUNT_PROMPT,
    dashboard: { scopes: environment.IDP_DASHBOARD_SCOPES, parameters: environment.IDP_DASHBOARD_PARAMETERS },
    groupsIn,
    userInfo: environment.IDP_USER_INFO === 'true',
    nameClaim: environment.NAME_CLAIM,
    revokes: environment.IDP_REVOKES === 'true',
    redirectUri: `${PUBLIC_URL}/callback`,
    now,
    log,
  });
  const upstreamTokens = new UpstreamTokenManager({
    store: dynamoUpstreamTokenStore(table),
    sealer,
    upstreamProvider,
    clock: systemClock,
    random: Math.random,
  });
  const upstreamRevocations = new UpstreamRevocations({
    store: dynamoEndedTokenStore(table),
    upstreamTokens,
    clock: systemClock,
    log,
  });
  const sealedKeys = dynamoSealedKeyStore(table);
  const rateLimits = dynamoRateLimitStore(table);
  const fetchAnywhere = environment.UNSAFELY_FETCH_CLIENT_DOCUMENTS_FROM_ANYWHERE === 'true';

  /** Documents cached in the table. @param limits of their fetches, for URLs that strangers choose */
  const documentsOf = (limits: RateLimitStore | undefined, options: Partial<HttpsOptions> = {}) =>
    new ClientDocuments({
      store: dynamoDocumentStore(table),
      rateLimits: limits,
      fetcher: httpsDocuments({ anywhere: fetchAnywhere, ...options }),
      reach: { ownHost: new URL(PUBLIC_URL).host, anywhere: fetchAnywhere },
      clock: systemClock,
      random: Math.random,
      log,
    });

  const facade: Facade = {
    rules: {
      ...rules,
      branding,
      accessTokenSeconds: environment.ACCESS_TOKEN_MINUTES * 60,
      grantIdleSeconds: environment.GRANT_IDLE_DAYS * 86400,
      grantAbsoluteSeconds: environment.GRANT_ABSOLUTE_DAYS * 86400,
      refreshWindowSeconds: environment.REFRESH_WINDOW_SECONDS,
      redirectSchemes: environment.REDIRECT_SCHEMES,
      preregisteredClients: readPreregisteredClients(environment.CLIENTS),
      machineClients:
        environment.MACHINE_CLIENTS === undefined ? undefined : readMachineClients(environment.MACHINE_CLIENTS),
      workloads: environment.WORKLOADS === undefined ? undefined : readWorkloads(environment.WORKLOADS),
      enterpriseIssuers:
        environment.ENTERPRISE_ISSUERS === undefined
          ? undefined
          : readEnterpriseIssuers(environment.ENTERPRISE_ISSUERS),
      machineTokenSeconds: environment.MACHINE_TOKEN_MINUTES && environment.MACHINE_TOKEN_MINUTES * 60,
      upstreamProviderName: environment.IDP_NAME,
      auditArguments: environment.AUDIT_ARGUMENTS,
      auditErrors: environment.AUDIT_ERRORS,
      logsTargets: environment.AUDIT_METHODS === 'all',
      nameClaim: environment.NAME_CLAIM,
      upstreamScopes: environment.IDP_SCOPES,
      hasDashboard: environment.DASHBOARD === 'true',
      personalTokenDays: environment.PERSONAL_TOKEN_DAYS,
    },
    clients: dynamoClientStore(table),
    machineClients: dynamoMachineClientStore(table),
    documents: documentsOf(rateLimits),
    // Key sets of large providers have tens of kilobytes.
    issuerKeys: issuerKeysIn(documentsOf(undefined, { largestBytes: 100 * 1024 })),
    groupsIn,
    assertions: dynamoAssertionStore(table),
    flows: dynamoFlowStore(table),
    grants: dynamoGrantStore(table),
    dashboardSessions: dynamoDashboardSessionStarter(table),
    signedInUsers: dynamoDashboardSessionStore(table),
    pageText: pageTexts(pageLanguagesIn(process.env.LAMBDA_TASK_ROOT ?? '.')),
    userNames: environment.NAME_CLAIM && new UserNames(sealedKey(sealedKeys, sealer, 'user-names')),
    signer: kmsSigner(kms, environment.SIGN_KEY_ID),
    publicKeys,
    macKey: sealedKey(sealedKeys, sealer, 'refresh-mac'),
    sealer,
    upstreamProvider,
    upstreamTokens,
    upstreamRevocations,
    rateLimits,
    clock: systemClock,
    random: Math.random,
    now,
    log,
  };

  return {
    handle: async (event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> =>
      toResult(await handleOAuthRequest(facade, toRequest(event, PUBLIC_URL))),
    makeOperatorToken: async (request: OperatorTokenRequest) =>
      (await import('../core/oauth/tokens/operator-tokens.ts')).makeOperatorToken(facade, request),
    /** @param until epoch milliseconds; no revocation begins later */
    async revokeUpstream(until: number): Promise<void> {
      try {
        await upstreamRevocations.revokeDue(until);
      } catch (error) {
        // The next run continues.
        logFailure(log, error);
      }
    },
  };
}
