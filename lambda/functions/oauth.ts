import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context, ScheduledEvent } from 'aws-lambda';
import { scopes } from '#scopes';
import { withInvocation, withRequest } from '../adapters/logging/structured-log.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { type DocumentSource, documentHeaders, publicDocuments } from '../core/oauth/endpoints/public-documents.ts';
import type { OperatorTokenRequest, OperatorTokenResult } from '../core/oauth/tokens/operator-tokens.ts';
import { oauthVariables, readEnvironment } from '../shared/environment.ts';

/** The OAuth function: registration, sign-in, consent, tokens, metadata, and revocation at the identity provider. */

const environment = readEnvironment(oauthVariables, process.env);
const documents: DocumentSource = {
  rules: {
    publicUrl: environment.PUBLIC_URL,
    scopes,
    machineClients: environment.MACHINE_CLIENTS,
    workloads: environment.WORKLOADS,
    enterpriseIssuers: environment.ENTERPRISE_ISSUERS,
    clientDocuments: { mode: environment.CLIENT_DOCUMENTS, allowed: environment.CLIENT_DOCUMENT_HOSTS },
    dynamicRegistration: {
      mode: environment.DYNAMIC_REGISTRATION,
      allowed: environment.DYNAMIC_REGISTRATION_REDIRECTS,
    },
  },
  publicKeys: environment.ACCESS_TOKEN_KEYS.keys,
};

let opened: ReturnType<typeof open> | undefined;
const open = async () => (await import('./authorization-server.ts')).openAuthorizationServer(environment, documents);
const server = () => {
  opened ??= open();
  return opened;
};

/** Time for the last revocations: discovery, revocation and the table may each use their own. */
const RESERVE_MILLISECONDS = 16_000;

/**
 * Handles a request of API Gateway, revokes upstream tokens of ended grants as the schedule asks, or makes the personal
 * access token that an operator asks for (`npx holdfast tokens add`), who needs the permission to invoke this function.
 */
export async function handler(
  event: APIGatewayProxyEvent | ScheduledEvent | { personalToken: OperatorTokenRequest },
  { awsRequestId, getRemainingTimeInMillis }: Context,
): Promise<APIGatewayProxyResult | OperatorTokenResult | undefined> {
  if ('personalToken' in event) {
    return withInvocation(awsRequestId, async () => (await server()).makeOperatorToken(event.personalToken));
  }
  if ('detail-type' in event) {
    const until = systemClock.now() + getRemainingTimeInMillis() - RESERVE_MILLISECONDS;
    await withInvocation(awsRequestId, async () => (await server()).revokeUpstream(until));
    return undefined;
  }
  return withRequest(event, async () => documentFor(event) ?? (await server()).handle(event));
}

/** The response to a request for a public document; undefined for another request. */
function documentFor({ httpMethod, path }: APIGatewayProxyEvent): APIGatewayProxyResult | undefined {
  const document = httpMethod === 'GET' ? publicDocuments[path]?.(documents) : undefined;
  if (document === undefined) return undefined;
  const headers = { ...documentHeaders(document), 'Content-Type': 'application/json' };
  return { statusCode: 200, headers, body: JSON.stringify(document.content) };
}
