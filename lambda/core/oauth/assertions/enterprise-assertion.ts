import { oauthError } from '../oauth-error.ts';
import { isOurResource, resourceOf } from '../resource-indicator.ts';
import { type AssertionIssuer, checkAudience, checkTimes, type SignedAssertion } from './trusted-issuer.ts';

/** `typ` of an ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant). */
export const ID_JAG_TYPE = 'oauth-id-jag+jwt';

/** An identity provider whose assertions sign its users in. */
export type EnterpriseIssuer = AssertionIssuer & {
  /** The `client_id`s that may present them. @default - every client that authenticates */
  clients?: string[] | undefined;
  /** Set for the provider that users sign in with: groups of others have no meaning here. */
  hasGroups?: boolean | undefined;
};

/** Providers issue them for minutes. */
const LONGEST_SECONDS = 3600;
const LONGEST_JTI = 256;

export type EnterpriseIdentity = { subject: string; scope: string | undefined; id: string; expiresAt: number };

/**
 * Checks the claims of a verified ID-JAG.
 *
 * @param expected the authenticated client of the request, and the origin of this server
 * @param now epoch seconds
 * @throws OAuthError `invalid_grant`
 */
export function checkEnterpriseAssertion(
  { claims, header }: SignedAssertion,
  { clientId, publicUrl }: { clientId: string; publicUrl: string },
  now: number,
): EnterpriseIdentity {
  if (header.typ?.toLowerCase() !== ID_JAG_TYPE) throw oauthError('grant_assertion_type', header.typ ?? '');
  checkAudience(claims, [publicUrl]);
  const { sub, jti, client_id, resource, scope } = claims;
  if (client_id !== clientId) throw oauthError('grant_assertion_client');
  const resources = [resource ?? []].flat();
  if (
    resources.length === 0 ||
    !resources.every((each) => typeof each === 'string' && isOurResource(each, publicUrl))
  ) {
    throw oauthError('grant_assertion_resource', resourceOf(publicUrl));
  }
  const expiresAt = checkTimes(claims, now, LONGEST_SECONDS);
  if (claims.iat === undefined) throw oauthError('grant_assertion_from_future');
  if (typeof sub !== 'string' || sub === '') throw oauthError('grant_assertion_subject');
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) throw oauthError('grant_assertion_without_id');
  return { subject: sub, scope: typeof scope === 'string' ? scope : undefined, id: jti, expiresAt };
}
