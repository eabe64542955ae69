import { resourceMetadata } from './protected-resource-metadata.ts';

/** Direct mode: protected resource metadata that names the identity provider as the authorization server. */
export function handleDiscoveryRequest(
  request: Request,
  { publicUrl, issuer, scopes }: { publicUrl: string; issuer: string; scopes: readonly string[] },
): Response {
  const headers = { 'Access-Control-Allow-Origin': '*' };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const error = { error: 'invalid_request', error_description: 'method is not allowed; use GET, HEAD' };
    return Response.json(error, { status: 405, headers: { ...headers, Allow: 'GET, HEAD' } });
  }
  return Response.json(resourceMetadata(publicUrl, issuer, scopes), {
    headers: { ...headers, 'Cache-Control': 'public, max-age=3600, stale-if-error=86400' },
  });
}
