import type { Grant } from '../../access/grant.ts';
import type { WriteOutcome } from '../authorization-flow.ts';
import { authenticateClient, type RequestingClient } from '../clients/client-authentication.ts';
import { extendRegistration } from '../clients/client-registration.ts';
import type { Client } from '../clients/oauth-client.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import type { Parameters } from '../request-parameters.ts';
import { areOurResources, resourceOf } from '../resource-indicator.ts';
import { signAccessToken } from '../tokens/facade-tokens.ts';

/** The token response (RFC 6749 §5.1). */
export type TokenResponse = {
  access_token: string;
  token_type: 'Bearer';
  /** Seconds. */
  expires_in: number;
  refresh_token?: string;
  scope: string;
};

/**
 * Issues tokens for one grant type. Every step that can fail precedes the write that consumes, so that an error or an outage
 * leaves the code, the refresh token or the assertion valid.
 *
 * @throws OAuthError for a request that it rejects
 */
export type GrantHandler = (facade: Facade, form: Parameters, request: Request) => Promise<TokenResponse>;

/**
 * The authenticated client of a request for this server.
 *
 * @throws OAuthError `invalid_client`, or `invalid_target` for another resource
 */
export async function requestingClient(facade: Facade, form: Parameters, request: Request): Promise<RequestingClient> {
  const client = await authenticateClient(facade, form, request);
  checkResource(facade, form);
  return client;
}

/** @throws OAuthError `invalid_target` */
export function checkResource({ rules }: Facade, form: Parameters): void {
  if (areOurResources(form.list('resource'), rules.publicUrl)) return;
  throw oauthError('resource_unknown', resourceOf(rules.publicUrl));
}

/** A registration outlives the grants of its client. @throws OAuthError when it has expired */
export async function keepRegistration(facade: Facade, client: Client): Promise<void> {
  if (client.identity.kind !== 'self-registered') return;
  if (!(await extendRegistration(client, facade))) throw oauthError('client_unregistered');
}

export function unlessReplayed<T>(outcome: WriteOutcome, value: T): T {
  if (outcome === 'assertion-replayed') throw oauthError('assertion_replayed');
  return value;
}

/** @param lifetimeSeconds of the access token; `refreshToken` is absent for a grant that has none */
export async function tokenResponse(
  { rules, now, ...keys }: Pick<Facade, 'rules' | 'now' | 'signer' | 'publicKeys'>,
  grant: Pick<Grant, 'id' | 'user' | 'client'>,
  scopes: readonly string[],
  {
    refreshToken,
    lifetimeSeconds = rules.accessTokenSeconds,
  }: { refreshToken?: string; lifetimeSeconds?: number | undefined },
): Promise<TokenResponse> {
  const options = {
    issuer: rules.publicUrl,
    audience: resourceOf(rules.publicUrl),
    lifetimeSeconds,
    now: now(),
  };
  return {
    access_token: await signAccessToken(grant, scopes, options, keys),
    token_type: 'Bearer',
    expires_in: lifetimeSeconds,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    scope: scopes.join(' '),
  };
}
