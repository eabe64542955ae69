import { oauthError } from '../oauth-error.ts';
import { allowedScopes } from './allowed-scopes.ts';
import { type GrantHandler, requestingClient } from './grant-handler.ts';
import { issueUnderStandingGrant } from './standing-grant.ts';

/** The client credentials grant (RFC 6749 §4.4): the user is the machine client itself, of this server as its issuer. */
export const grantClientCredentials: GrantHandler = async (facade, form, request) => {
  const { id, machine, assertion } = await requestingClient(facade, form, request);
  if (!machine) throw oauthError('client_not_machine');
  const scopes = allowedScopes(form.get('scope'), machine.scopes, facade.rules.scopes);
  return issueUnderStandingGrant(
    facade,
    {
      origin: 'client-credentials',
      issuer: facade.rules.publicUrl,
      subject: id,
      client: id,
      clientName: machine.name,
      groups: [],
      scopes: allowedScopes(undefined, machine.scopes, facade.rules.scopes),
    },
    scopes,
    assertion ? [assertion] : [],
  );
};
