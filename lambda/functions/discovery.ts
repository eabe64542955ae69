import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { toRequest, toResult } from '../adapters/api-gateway.ts';
import { handleDiscoveryRequest } from '../core/oauth/endpoints/direct-discovery.ts';
import { discoveryVariables, readEnvironment } from '../shared/environment.ts';

/** The discovery function: in direct mode, the only OAuth endpoint of this server. */

const { PUBLIC_URL, AUTHORIZATION_SERVER, SCOPES } = readEnvironment(discoveryVariables, process.env);

export async function handler(event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> {
  const request = toRequest(event, PUBLIC_URL);
  return toResult(
    handleDiscoveryRequest(request, { publicUrl: PUBLIC_URL, issuer: AUTHORIZATION_SERVER, scopes: SCOPES }),
  );
}
