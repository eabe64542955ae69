/** The MCP endpoint: the resource of RFC 8707, and the audience of access tokens. */
export const resourceOf = (publicUrl: string): string => `${publicUrl}/mcp`;

/**
 * Whether a `resource` parameter names this server (RFC 8707 §2). An absent one does, and so do the spellings that
 * clients are known to send: without path, with trailing slash, with upper-case host, with a query.
 *
 * @returns false for any other resource, which is `invalid_target`
 */
export function isOurResource(requested: string | undefined, publicUrl: string): boolean {
  if (requested === undefined) return true;
  const url = URL.parse(requested);
  if (!url || url.origin !== publicUrl || url.hash || url.username || url.password) return false;
  return ['/', '/mcp', '/mcp/'].includes(url.pathname);
}
