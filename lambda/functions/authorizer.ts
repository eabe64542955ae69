import type { APIGatewayAuthorizerResult, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import { scopes } from '#scopes';
import { accessTokenVerifier, trustInFacade, trustInProvider } from '../adapters/access-token-verifier.ts';
import { log, withRequest } from '../adapters/logging/structured-log.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { authenticateBearer, directCaller, facadeCaller } from '../core/access/access-token.ts';
import { type Caller, callerContext } from '../core/access/caller.ts';
import { InvalidTokenError } from '../core/access/invalid-token-error.ts';
import { tokenRejectionLog } from '../core/access/token-rejection-log.ts';
import { groupReader } from '../core/identity/upstream-provider.ts';
import { resourceMetadataUrl } from '../core/oauth/endpoints/protected-resource-metadata.ts';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';
import { authorizerVariables, readEnvironment } from '../shared/environment.ts';
import {
  AUDIT_SCOPE,
  AUDIT_TOOLS_PATH,
  defaultScope,
  missingOf,
  missingScopes,
  stepUpChallenge,
} from '../shared/scope-set.ts';

/** The authorizer function: step 1 of the pipeline. */

const { PUBLIC_URL, ACCESS_TOKEN_KEYS, PERSONAL_TOKENS, ...direct } = readEnvironment(authorizerVariables, process.env);
const { trust, readCaller } = tokenIssuer();
const verifier = accessTokenVerifier(trust, systemClock);
const logRejection = tokenRejectionLog(log, systemClock);

/** The facade or, in direct mode, the identity provider. */
function tokenIssuer() {
  const { DIRECT_ISSUER: issuer, DIRECT_AUDIENCE: audience, DIRECT_JWKS_URI: jwksUri } = direct;
  if (ACCESS_TOKEN_KEYS) return { trust: trustInFacade(PUBLIC_URL, ACCESS_TOKEN_KEYS), readCaller: facadeCaller };
  if (!issuer || !audience) throw new Error('ACCESS_TOKEN_KEYS or DIRECT_ISSUER and DIRECT_AUDIENCE are missing');
  const groupsIn = groupReader(
    { claims: direct.DIRECT_GROUP_CLAIMS ?? [], prefix: direct.DIRECT_GROUP_PREFIX, kept: direct.DIRECT_GROUPS ?? [] },
    log,
  );
  return {
    trust: trustInProvider({ issuer, audience, jwksUri }),
    readCaller: directCaller({ issuer, groupsIn, defaultScope: defaultScope(scopes) }),
  };
}

/** @throws Error `Unauthorized`, which API Gateway maps to its 401 response with the challenge */
export async function handler(event: APIGatewayRequestAuthorizerEvent): Promise<APIGatewayAuthorizerResult> {
  const caller = await withRequest(event, () => callerOf(event));
  if (!caller) throw new Error('Unauthorized');
  const missing = missingFor(event, caller);
  return {
    principalId: caller.user,
    policyDocument: {
      Version: '2012-10-17',
      // API Gateway caches the policy per token for all routes, so it covers the whole stage. Where a tool has its own
      // scope, caching is off.
      Statement: [
        { Effect: missing ? 'Deny' : 'Allow', Action: 'execute-api:Invoke', Resource: wholeStage(event.methodArn) },
      ],
    },
    context: missing ? { challenge: stepUpChallenge(missing, resourceMetadataUrl(PUBLIC_URL)) } : callerContext(caller),
  };
}

/** The scopes to request for the request; `undefined` when those of the token suffice. */
function missingFor(event: APIGatewayRequestAuthorizerEvent, { scopes: granted }: Caller): string[] | undefined {
  if (event.requestContext.resourcePath === AUDIT_TOOLS_PATH) return missingOf(granted, [AUDIT_SCOPE], scopes);
  const tool = headers(event, 'mcp-method')[0] === 'tools/call' ? headers(event, 'mcp-name')[0] : undefined;
  return tool === undefined ? undefined : missingScopes(granted, tool, scopes);
}

/**
 * The caller, or `undefined` after the rejection of a token. Lambda counts a rejected token as an error too, so failures
 * are logged as an event with a metric.
 */
async function callerOf(event: APIGatewayRequestAuthorizerEvent): Promise<Caller | undefined> {
  try {
    return await authenticateBearer(headers(event, 'authorization'), verifier, readCaller, {
      personalTokens: PERSONAL_TOKENS === 'true',
    });
  } catch (error) {
    if (error instanceof InvalidTokenError) {
      logRejection(error);
      return undefined;
    }
    const { message, stack } = error as Error;
    log(
      'authorizer_failed',
      error instanceof ServiceUnavailableError ? { message, cause: String(error.cause) } : { error: stack },
    );
    throw error;
  }
}

function headers({ multiValueHeaders }: APIGatewayRequestAuthorizerEvent, name: string): string[] {
  return Object.entries(multiValueHeaders ?? {})
    .filter(([each]) => each.toLowerCase() === name)
    .flatMap(([, values]) => values ?? []);
}

/** `arn:aws:execute-api:region:account:api/stage/METHOD/path` → `…:api/stage/*` */
const wholeStage = (methodArn: string) => methodArn.split('/').slice(0, 2).concat('*').join('/');
