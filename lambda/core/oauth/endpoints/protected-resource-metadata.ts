import { defaultScope, type ScopeSet } from '../../../shared/scope-set.ts';
import { resourceOf } from '../resource-indicator.ts';

/** The URL that the challenge of a 401 or 403 carries (RFC 9728 §3.1, §5.1). */
export const resourceMetadataUrl = (publicUrl: string): string =>
  `${publicUrl}/.well-known/oauth-protected-resource/mcp`;

/**
 * Protected resource metadata (RFC 9728 §2; MCP 2026-07-28, authorization server discovery). It is built from
 * configuration, never from the request.
 *
 * @param scopes the scopes of basic use; clients add others by step-up (MCP 2026-07-28, scope selection strategy)
 */
export const resourceMetadata = (publicUrl: string, authorizationServer: string, scopes: readonly string[]) => ({
  resource: resourceOf(publicUrl),
  authorization_servers: [authorizationServer],
  scopes_supported: scopes,
  bearer_methods_supported: ['header'],
});

/** The metadata that names the facade as the authorization server. */
export const protectedResourceMetadata = (publicUrl: string, scopes: ScopeSet) =>
  resourceMetadata(publicUrl, publicUrl, [defaultScope(scopes)]);
