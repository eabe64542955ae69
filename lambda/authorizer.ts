import type { APIGatewayAuthorizerResult, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import { accessTokenVerifier } from './adapters/access-token-verifier.ts';
import { authorize } from './core/authorizer.ts';
import { callerContext } from './core/caller.ts';
import { authorizerVariables, readEnvironment } from './environment.ts';

/** The authorizer function: station 1. */

const { PUBLIC_URL } = readEnvironment(authorizerVariables, process.env);
const verifier = accessTokenVerifier(PUBLIC_URL, `${PUBLIC_URL}/mcp`);

/** @throws Error `Unauthorized`, which API Gateway answers with its 401 response and the challenge in it */
export async function handler(event: APIGatewayRequestAuthorizerEvent): Promise<APIGatewayAuthorizerResult> {
  const caller = await authorize(authorizationHeaders(event), verifier);
  if (!caller) throw new Error('Unauthorized');
  return {
    principalId: caller.user,
    policyDocument: {
      Version: '2012-10-17',
      // The gateway caches the answer for the token, whatever it is used for: so the answer is for the whole stage.
      Statement: [{ Effect: 'Allow', Action: 'execute-api:Invoke', Resource: wholeStage(event.methodArn) }],
    },
    context: callerContext(caller),
  };
}

function authorizationHeaders({ multiValueHeaders }: APIGatewayRequestAuthorizerEvent): string[] {
  return Object.entries(multiValueHeaders ?? {})
    .filter(([name]) => name.toLowerCase() === 'authorization')
    .flatMap(([, values]) => values ?? []);
}

/** `arn:aws:execute-api:region:account:api/stage/METHOD/path` → `…:api/stage/*` */
const wholeStage = (methodArn: string) => methodArn.split('/').slice(0, 2).concat('*').join('/');
