/** The MCP endpoint: the resource of RFC 8707, and the audience of access tokens. */
export const resourceOf = (publicUrl: string): string => `${publicUrl}/mcp`;

/**
 * Whether the `resource` parameters name this server and no other. There may be several (RFC 8707 §2), which are equivalent
 * then, or none.
 *
 * @returns false for any other resource, which is `invalid_target`
 */
export const areOurResources = (requested: readonly string[], publicUrl: string): boolean =>
  requested.every((resource) => isOurResource(resource, publicUrl));

/**
 * Whether a resource is this server, in the spellings that clients are known to send: without path, with trailing slash,
 * with upper-case host, with a query.
 */
export function isOurResource(requested: string, publicUrl: string): boolean {
  const url = URL.parse(requested);
  if (!url || url.origin !== publicUrl || url.hash || url.username || url.password) return false;
  return ['/', '/mcp', '/mcp/'].includes(url.pathname);
}
