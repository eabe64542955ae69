import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { branding } from '#branding';
import { toRequest, toResult } from '../adapters/api-gateway.ts';
import { handleDiscoveryRequest } from '../core/oauth/endpoints/direct-discovery.ts';
import { oauthPageText } from '../core/oauth/pages/oauth-page-text.ts';
import { discoveryVariables, readEnvironment } from '../shared/environment.ts';

/** The discovery function: in direct mode, the only OAuth endpoint of this server, and its page for people. */

const { PUBLIC_URL, AUTHORIZATION_SERVER, SCOPES } = readEnvironment(discoveryVariables, process.env);

export async function handler(event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> {
  const request = toRequest(event, PUBLIC_URL);
  const rules = { publicUrl: PUBLIC_URL, branding, issuer: AUTHORIZATION_SERVER, scopes: SCOPES };
  return toResult(await handleDiscoveryRequest(request, rules, async () => oauthPageText));
}
