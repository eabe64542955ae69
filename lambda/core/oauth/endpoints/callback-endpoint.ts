import { accountCookie, setAccountCookie } from '../../identity/known-account.ts';
import type { UpstreamIdentity } from '../../identity/upstream-provider.ts';
import { randomId, sha256 } from '../../support/crypto.ts';
import { settleAll } from '../../support/settle-all.ts';
import { type AuthorizationRequest, CODE_SECONDS, type UpstreamState } from '../authorization-flow.ts';
import { redirect, redirectErrorToClient, redirectToClient } from '../client-redirect.ts';
import { dashboardSessionResult } from '../dashboard-session-result.ts';
import type { Facade } from '../facade.ts';
import {
  type NamedSignIn,
  type ReturnedSignIn,
  type SignedIn,
  type SignInResult,
  upstreamCallback,
} from '../upstream-callback.ts';

/** `GET /callback`: the identity provider returns a user who signs in for a client, or to the dashboard. */
export const callbackEndpoint = (facade: Facade, request: Request): Promise<Response> =>
  upstreamCallback(facade, request, (signIn) => {
    const { upstream } = signIn;
    return 'dashboard' in upstream
      ? rememberingAccount(facade, dashboardSessionResult(facade, signIn, upstream))
      : rememberingAccount(facade, grantResult(facade, signIn, upstream));
  });

/** The grant of a sign-in, and the authorization code with which its client gets it. */
function grantResult(
  facade: Facade,
  { stateHash, credential }: ReturnedSignIn,
  upstream: UpstreamState & AuthorizationRequest,
): SignInResult {
  const codeText = `hac1_${credential}`;
  return {
    purpose: 'grant',
    async prepare() {
      const id = randomId();
      const seal = await facade.sealer.prepare({ purpose: 'upstream', grant: id });
      return async (signedIn) => {
        const created = {
          ...newGrant(facade, upstream, signedIn, id),
          tokens: {
            sealed: await seal(JSON.stringify(signedIn.tokens)),
            version: 1,
            expiresAt: signedIn.tokens.expiresAt,
            refreshedAt: facade.now(),
            groups: signedIn.identity.groups,
          },
          codeHash: await sha256(codeText),
        };
        return () => facade.grants.createGrant(created, stateHash);
      };
    },
    async declined(signedIn, headers) {
      if (isApprovedAccount(upstream, signedIn.user)) return undefined;
      await revokeTokens(facade, signedIn);
      headers.append('Set-Cookie', await accountCookieOf(facade, signedIn, 'unexpected'));
      return redirect(authorizationUrl(upstream, facade.rules.publicUrl), headers);
    },
    completed: async (headers) => redirectToClient(facade, upstream, { code: codeText }, headers),
    failed: (error, headers) => redirectErrorToClient(facade, upstream, error, headers),
  };
}

/** The grant with its code and its approval. */
function newGrant(
  { now, rules }: Facade,
  { client, clientName, redirectUri, challenge, scopes }: AuthorizationRequest,
  { identity, user, sealedName }: NamedSignIn,
  id: string,
) {
  const at = now();
  return {
    grant: {
      id,
      status: 'active' as const,
      user,
      issuer: identity.issuer,
      subject: identity.subject,
      groups: identity.groups,
      client,
      clientName,
      scopes,
      createdAt: at,
      absoluteExpiresAt: at + rules.grantAbsoluteSeconds,
      idleExpiresAt: at + rules.grantIdleSeconds,
      refresh: { head: 1, predecessor: 0, superseded: {} },
    },
    sealedName,
    code: { grant: id, user, client, redirectUri, challenge, scopes, expiresAt: at + CODE_SECONDS },
    approval: { user, client, clientName, redirectHost: new URL(redirectUri).host, scopes, at },
  };
}

/**
 * Whether the user approved this account: the one that the consent page showed, or any other one if the user chose another.
 * A page that showed no account approves any. An account that the provider signed in without a page, by its own session, gets
 * no grant that the user did not approve: the consent page asks again, with the new account. The state stays as it is: a
 * repeated callback ends here too, and the browser has no cookie for it.
 */
const isApprovedAccount = ({ account, isOtherAccount = false }: UpstreamState & AuthorizationRequest, user: string) =>
  account === undefined || (account === user) !== isOtherAccount;

/** Revokes tokens that no grant will have. A failure is logged alone: the user is signed in again in any case. */
async function revokeTokens({ upstreamProvider, log }: Facade, { tokens }: SignedIn): Promise<void> {
  if (tokens.refreshToken === undefined) return;
  try {
    await upstreamProvider.revoke(tokens.refreshToken);
  } catch (error) {
    log('upstream_revocation_failed', { reason: error instanceof Error ? error.message : String(error) });
  }
}

/** The client's request, to ask its user again. The resource and the response type have one value each. */
function authorizationUrl(
  { client, redirectUri, state, scopes, challenge }: AuthorizationRequest,
  publicUrl: string,
): string {
  const parameters = new URLSearchParams({
    client_id: client,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: scopes.join(' '),
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...(state !== undefined && { state }),
  });
  return `${publicUrl}/authorize?${parameters}`;
}

/** The result, after which this browser knows the account for its next consent page. */
const rememberingAccount = (facade: Facade, result: SignInResult): SignInResult => ({
  ...result,
  async prepare() {
    const [prepared] = await settleAll([result.prepare(), facade.macKey.load()]);
    return prepared;
  },
  async completed(headers, signedIn) {
    if (signedIn) headers.append('Set-Cookie', await accountCookieOf(facade, signedIn));
    return result.completed(headers, signedIn);
  },
});

/** The `Set-Cookie` by which this browser knows the account, or that deletes the cookie where it has no name. */
async function accountCookieOf(
  { macKey: key, now, rules: { publicUrl } }: Facade,
  { identity, user }: SignedIn,
  unexpected?: 'unexpected',
): Promise<string> {
  const { account }: UpstreamIdentity = identity;
  if (account === undefined) return accountCookie(publicUrl).clear();
  const known = { ...account, user, ...(unexpected && { isUnexpected: true }) };
  return setAccountCookie(known, { key, publicUrl, now: now() });
}
