import { resourceMetadata } from './oauth-metadata.ts';

/** Direct mode: tells clients that the identity provider itself lets them in. */
export function handleDiscoveryRequest(
  request: Request,
  { publicUrl, issuer, scopes }: { publicUrl: string; issuer: string; scopes: readonly string[] },
): Response {
  const headers = { 'Access-Control-Allow-Origin': '*' };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const error = { error: 'invalid_request', error_description: 'Use GET, HEAD' };
    return Response.json(error, { status: 405, headers: { ...headers, Allow: 'GET, HEAD' } });
  }
  return Response.json(resourceMetadata(publicUrl, issuer, scopes), {
    headers: { ...headers, 'Cache-Control': 'public, max-age=3600' },
  });
}
