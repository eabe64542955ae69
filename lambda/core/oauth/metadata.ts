/**
 * The documents by which clients find their way. They are made from configuration, never from the request, and
 * advertise nothing that is not implemented.
 */

/** The MCP endpoint, and thereby the audience of access tokens (RFC 8707). */
export const resourceOf = (publicUrl: string): string => `${publicUrl}/mcp`;

/** Protected-resource metadata (RFC 9728 §2; MCP 2026-07-28, authorization server discovery). */
export function protectedResourceMetadata(publicUrl: string, scopes: readonly string[]) {
  return {
    resource: resourceOf(publicUrl),
    authorization_servers: [publicUrl],
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
  };
}

/** Authorization-server metadata (RFC 8414 §2), served under both well-known names. */
export function authorizationServerMetadata(publicUrl: string, scopes: readonly string[]) {
  return {
    issuer: publicUrl,
    authorization_endpoint: `${publicUrl}/authorize`,
    token_endpoint: `${publicUrl}/token`,
    registration_endpoint: `${publicUrl}/register`,
    revocation_endpoint: `${publicUrl}/revoke`,
    jwks_uri: `${publicUrl}/jwks.json`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    scopes_supported: [...scopes, 'offline_access'],
    authorization_response_iss_parameter_supported: true,
  };
}

/**
 * The resource a client asked for, as ours (RFC 8707 §2). Absent means ours, and the spellings of our own URL that
 * clients are known to send (no path, trailing slash, upper-case host, a query) are the same resource.
 *
 * @returns false for anything else, which is `invalid_target`
 */
export function isOurResource(requested: string | undefined, publicUrl: string): boolean {
  if (requested === undefined) return true;
  const url = URL.parse(requested);
  if (!url || url.origin !== publicUrl || url.hash || url.username || url.password) return false;
  return ['/', '/mcp', '/mcp/'].includes(url.pathname);
}
