import type { Branding } from '../../../shared/branding.ts';
import type { OAuthPageText } from '../pages/oauth-page-text.ts';
import { iconResponse } from '../pages/server-page.ts';
import { resourceMetadata } from './protected-resource-metadata.ts';
import { serverEndpoint } from './server-endpoint.ts';

export type DiscoveryRules = {
  publicUrl: string;
  branding: Branding;
  /** The identity provider, which is the authorization server. */
  issuer: string;
  scopes: readonly string[];
  hasDashboard: boolean;
};

/** Direct mode: protected resource metadata that names the identity provider, and the page of the server. */
export async function handleDiscoveryRequest(
  request: Request,
  { publicUrl, branding, issuer, scopes, hasDashboard }: DiscoveryRules,
  pageText: (request: Request) => Promise<OAuthPageText>,
): Promise<Response> {
  const headers = { 'Access-Control-Allow-Origin': '*' };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const error = { error: 'invalid_request', error_description: 'method is not allowed; use GET, HEAD' };
    return Response.json(error, { status: 405, headers: { ...headers, Allow: 'GET, HEAD' } });
  }
  switch (new URL(request.url).pathname) {
    case '/':
      return serverEndpoint(request, { publicUrl, branding, hasDashboard }, await pageText(request));
    case '/favicon.ico':
      return iconResponse(branding);
    default:
      return Response.json(resourceMetadata(publicUrl, issuer, scopes), {
        headers: { ...headers, 'Cache-Control': 'public, max-age=3600, stale-if-error=86400' },
      });
  }
}
