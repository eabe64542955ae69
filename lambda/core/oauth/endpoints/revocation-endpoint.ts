import { isLiveGrant } from '../../access/grant.ts';
import { authenticateClient } from '../clients/client-authentication.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { formParameters } from '../request-parameters.ts';
import { readAccessToken, readRefreshToken } from '../tokens/facade-tokens.ts';

/**
 * `POST /revoke` (RFC 7009): either token of a grant revokes the whole grant at once. A token of another client, or an
 * invalid one, gets the same response and changes nothing (§2.2).
 */
export async function revocationEndpoint(facade: Facade, request: Request): Promise<Response> {
  const { grants, macKey, publicKeys, rules, now, upstreamRevocations } = facade;
  const form = await formParameters(request, 'without-query');
  const client = await authenticateClient(facade, form, request);
  const token = form.require('token');
  const grantId =
    (await readRefreshToken(token, macKey))?.grant ??
    (await readAccessToken(token, rules.publicUrl, publicKeys))?.grant;
  if (grantId !== undefined) {
    const { grant, tokens } = await grants.findGrant(grantId);
    if (isLiveGrant(grant, now()) && grant.client === client.id) {
      // A standing grant that is revoked gives no further token: only the operator revokes it.
      if (grant.origin !== undefined) throw oauthError('revocation_unsupported');
      const outcome = await grants.revokeGrant(grant.id, now(), client.assertion);
      if (outcome === 'assertion-replayed') throw oauthError('assertion_replayed');
      if (tokens) await upstreamRevocations.revoke(grant.id, tokens);
    }
  }
  return new Response(null, { status: 200, headers: { 'Cache-Control': 'no-store' } });
}
