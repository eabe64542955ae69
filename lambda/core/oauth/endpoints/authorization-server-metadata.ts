import { AUDIT_SCOPE, type ScopeSet } from '../../../shared/scope-set.ts';
import { assertionAlgorithms } from '../clients/assertion-algorithms.ts';
import type { FacadeRules } from '../facade.ts';
import { type GrantSwitches, grantTypeNames } from '../grants/grant-type-names.ts';

/**
 * Authorization server metadata (RFC 8414 §2), served under both well-known names. It is built from configuration, never
 * from the request, and advertises only what is implemented.
 */
export function authorizationServerMetadata(
  publicUrl: string,
  { scopes }: ScopeSet,
  rules: Pick<FacadeRules, 'clientDocuments' | 'dynamicRegistration'> & GrantSwitches,
) {
  const { clientDocuments, dynamicRegistration, machineClients } = rules;
  const secrets = machineClients ? ['client_secret_basic', 'client_secret_post'] : [];
  const authentication = ['none', 'private_key_jwt', ...secrets];
  return {
    issuer: publicUrl,
    authorization_endpoint: `${publicUrl}/authorize`,
    token_endpoint: `${publicUrl}/token`,
    ...(dynamicRegistration.mode !== 'off' && { registration_endpoint: `${publicUrl}/register` }),
    revocation_endpoint: `${publicUrl}/revoke`,
    jwks_uri: `${publicUrl}/jwks.json`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: grantTypeNames(rules),
    ...(rules.enterpriseIssuers !== undefined && {
      authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
    }),
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: authentication,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: authentication,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    ...(clientDocuments.mode !== 'off' && { client_id_metadata_document_supported: true }),
    // Clients that request every listed scope would ask each user for the audit log.
    scopes_supported: [...Object.keys(scopes).filter((scope) => scope !== AUDIT_SCOPE), 'offline_access'],
    authorization_response_iss_parameter_supported: true,
  };
}
