import { sha256 } from '../../support/crypto.ts';
import type { AuthorizationCode } from '../authorization-flow.ts';
import type { RequestingClient } from '../clients/client-authentication.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import type { Parameters } from '../request-parameters.ts';
import { mintRefreshToken } from '../tokens/facade-tokens.ts';
import {
  type GrantHandler,
  keepRegistration,
  requestingClient,
  tokenResponse,
  unlessReplayed,
} from './grant-handler.ts';

/** A code that is presented again this soon is the client's own retry; later it is stolen (OAuth 2.1 §4.1.3). */
const RETRY_SECONDS = 10;

const verifierForm = /^[A-Za-z0-9\-._~]{43,128}$/;

/** The authorization code grant (RFC 6749 §4.1.3). */
export const redeemCode: GrantHandler = async (facade, form, request) => {
  const requesting = await requestingClient(facade, form, request);
  const { id: clientId } = requesting;
  const { grants, macKey, now } = facade;
  const codeHash = await sha256(form.require('code'));
  const code = await grants.findCode(codeHash);
  if (!code || code.client !== clientId) throw oauthError('code_unknown');
  await verifyCodeBinding(code, form);
  if (code.usedAt !== undefined) return rejectUsedCode(facade, code, code.usedAt, requesting);
  if (code.expiresAt <= now()) throw oauthError('code_expired');

  const grant = { id: code.grant, user: code.user, client: clientId };
  const refreshToken = await mintRefreshToken(code.grant, 1, macKey);
  const response = await tokenResponse(facade, grant, code.scopes, { refreshToken });
  await keepRegistration(facade, requesting.client);
  const outcome = await grants.redeemCode(codeHash, code.grant, now(), requesting.assertion);
  if (outcome === 'conflict') throw oauthError('code_used');
  return unlessReplayed(outcome, response);
};

/** Redirect URI and PKCE (RFC 7636 §4.6). It precedes the check of reuse, so that only the client can revoke its grant. */
async function verifyCodeBinding(code: AuthorizationCode, form: Parameters): Promise<void> {
  const redirectUri = form.get('redirect_uri');
  if (redirectUri !== undefined && redirectUri !== code.redirectUri) throw oauthError('code_redirect_mismatch');
  const verifier = form.get('code_verifier');
  if (!verifier || !verifierForm.test(verifier) || (await sha256(verifier)) !== code.challenge) {
    throw oauthError('code_verifier_mismatch');
  }
}

/** Code reuse: after the time of a retry, it revokes the grant that the code gave. */
async function rejectUsedCode(
  { grants, now, log }: Facade,
  code: AuthorizationCode,
  usedAt: number,
  { assertion }: RequestingClient,
): Promise<never> {
  if (now() - usedAt > RETRY_SECONDS) {
    const outcome = await grants.revokeGrant(code.grant, now(), assertion);
    if (unlessReplayed(outcome, outcome) === 'written') log('code_reuse', { client: code.client, grant: code.grant });
  }
  throw oauthError('code_used');
}
