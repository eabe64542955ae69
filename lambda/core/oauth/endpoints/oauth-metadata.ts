import { defaultScope, type ScopeSet } from '../../../shared/scope-set.ts';
import { assertionAlgorithms } from '../clients/client-assertion.ts';
import type { FacadeRules } from '../facade.ts';

/**
 * The documents by which clients find their way. They are made from configuration, never from the request, and
 * advertise nothing that is not implemented.
 */

/** The MCP endpoint, and thereby the audience of access tokens (RFC 8707). */
export const resourceOf = (publicUrl: string): string => `${publicUrl}/mcp`;

/** Where clients find out who lets them in (RFC 9728 §3.1). */
export const resourceMetadataUrl = (publicUrl: string): string =>
  `${publicUrl}/.well-known/oauth-protected-resource/mcp`;

/**
 * Protected-resource metadata (RFC 9728 §2; MCP 2026-07-28, authorization server discovery).
 *
 * @param scopes what basic use needs; more is asked for by step-up (MCP 2026-07-28, scope selection strategy)
 */
export const resourceMetadata = (publicUrl: string, authorizationServer: string, scopes: readonly string[]) => ({
  resource: resourceOf(publicUrl),
  authorization_servers: [authorizationServer],
  scopes_supported: scopes,
  bearer_methods_supported: ['header'],
});

/** The facade as its own authorization server. */
export const protectedResourceMetadata = (publicUrl: string, scopes: ScopeSet) =>
  resourceMetadata(publicUrl, publicUrl, [defaultScope(scopes)]);

/** Authorization-server metadata (RFC 8414 §2), served under both well-known names. */
export function authorizationServerMetadata(
  publicUrl: string,
  { scopes }: ScopeSet,
  { clientDocuments, dynamicRegistration }: Pick<FacadeRules, 'clientDocuments' | 'dynamicRegistration'>,
) {
  const authentication = ['none', 'private_key_jwt'];
  return {
    issuer: publicUrl,
    authorization_endpoint: `${publicUrl}/authorize`,
    token_endpoint: `${publicUrl}/token`,
    ...(dynamicRegistration.mode !== 'off' && { registration_endpoint: `${publicUrl}/register` }),
    revocation_endpoint: `${publicUrl}/revoke`,
    jwks_uri: `${publicUrl}/jwks.json`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: authentication,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: authentication,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    ...(clientDocuments.mode !== 'off' && { client_id_metadata_document_supported: true }),
    scopes_supported: [...Object.keys(scopes), 'offline_access'],
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
