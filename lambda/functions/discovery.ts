import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { branding } from '#branding';
import { toRequest, toResult } from '../adapters/api-gateway.ts';
import { pageLanguagesIn } from '../adapters/page-languages-file.ts';
import { handleDiscoveryRequest } from '../core/oauth/endpoints/direct-discovery.ts';
import { pageTexts } from '../core/oauth/pages/page-language.ts';
import { discoveryVariables, readEnvironment } from '../shared/environment.ts';

/** The discovery function: in direct mode, the only OAuth endpoint of this server, and its page for people. */

const { PUBLIC_URL, AUTHORIZATION_SERVER, SCOPES, DASHBOARD } = readEnvironment(discoveryVariables, process.env);

const pageText = pageTexts(pageLanguagesIn(process.env.LAMBDA_TASK_ROOT ?? '.'));

export async function handler(event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> {
  const request = toRequest(event, PUBLIC_URL);
  const rules = {
    publicUrl: PUBLIC_URL,
    branding,
    issuer: AUTHORIZATION_SERVER,
    scopes: SCOPES,
    hasDashboard: DASHBOARD === 'true',
  };
  return toResult(await handleDiscoveryRequest(request, rules, pageText));
}
