import { DEFAULT_NAME } from '../../../shared/branding.ts';
import type { OAuthPageText } from '../pages/oauth-page-text.ts';
import { type ServerDescription, serverPage } from '../pages/server-page.ts';
import { resourceOf } from '../resource-indicator.ts';
import { resourceMetadataUrl } from './protected-resource-metadata.ts';

/** `GET /`: the page of the server for people, and its addresses for programs. */
export async function serverEndpoint(
  request: Request,
  server: ServerDescription,
  text: OAuthPageText,
): Promise<Response> {
  const accept = request.headers.get('accept') ?? '';
  if (accept.includes('text/html')) return serverPage(server, text);
  const { branding, publicUrl } = server;
  const document = {
    name: branding.name ?? DEFAULT_NAME,
    mcp_endpoint: resourceOf(publicUrl),
    resource_metadata: resourceMetadataUrl(publicUrl),
  };
  return Response.json(document, { headers: { Vary: 'Accept', 'Access-Control-Allow-Origin': '*' } });
}
