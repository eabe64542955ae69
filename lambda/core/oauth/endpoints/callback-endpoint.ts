import { userKey } from '../../access/user-key.ts';
import { DASHBOARD_SESSION_SECONDS, dashboardCookie } from '../../dashboard/dashboard-session.ts';
import { accountCookie, setAccountCookie } from '../../identity/known-account.ts';
import type { SignInSecrets, UpstreamIdentity, UpstreamTokens } from '../../identity/upstream-provider.ts';
import { randomId, sha256 } from '../../support/crypto.ts';
import { throughOutage } from '../../support/outage-patience.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import { type AuthorizationRequest, CODE_SECONDS, type UpstreamState } from '../authorization-flow.ts';
import { redirect, redirectErrorToClient, redirectToClient } from '../client-redirect.ts';
import { derivedSecret, signInSecrets } from '../derived-secret.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { toOAuthError } from '../oauth-failure.ts';
import { browserCookie } from '../pages/oauth-cookies.ts';
import { dashboardErrorPage } from '../pages/oauth-pages.ts';
import { Parameters } from '../request-parameters.ts';

/** The provider's code cannot be redeemed again, so the result is stored even if the store is away for a moment. */
const PATIENCE_MILLISECONDS = 8_000;

/** A sign-in that the provider has returned. */
type ReturnedSignIn = {
  stateHash: string;
  upstream: UpstreamState;
  secrets: SignInSecrets;
  /** The authorization code of a grant, or the secret of a dashboard session. A repeated callback derives it again. */
  credential: string;
};

/** A callback in the browser that holds the cookie of its state. */
type BrowserSignIn = {
  state: string;
  stateHash: string;
  cookie: string;
  upstream: UpstreamState | undefined;
  /** The `Set-Cookie` that deletes the cookie. */
  cleared: string;
};

/** The signed-in user. */
type SignedIn = { identity: UpstreamIdentity; tokens: UpstreamTokens; user: string };

/** @property sealedName as `User.sealedName` */
type NamedSignIn = SignedIn & { sealedName: string | undefined };

/** Prepared before the redemption, because the preparation may fail. */
type PreparedGrant = { id: string; seal: (text: string) => Promise<string> };

/**
 * `GET /callback`: the identity provider redirects the user here. The response counts only in the browser that consented
 * (CVE-2026-27124): in any other browser the sign-in ends, and the provider's code is not redeemed.
 *
 * The response clears the browser's cookie. A callback that still has it repeats one whose response was lost: the provider
 * returns the user once more, and the browser receives the same response.
 */
export async function callbackEndpoint(facade: Facade, request: Request): Promise<Response> {
  const { flows, rules } = facade;
  const response = new URL(request.url).searchParams;
  const state = new Parameters(response).require('state');
  const stateHash = await sha256(state);
  const cookies = (['sign-in', 'dashboard-sign-in'] as const).map((step) =>
    browserCookie(step, stateHash, rules.publicUrl),
  );
  const signInCookie = cookies.find((each) => each.read(request) !== undefined);
  const cookie = signInCookie?.read(request);
  if (signInCookie === undefined || cookie === undefined) {
    await flows.deleteUpstreamState(stateHash);
    throw oauthError('sign_in_cookie_missing');
  }
  const upstream = await flows.findUpstreamState(stateHash);
  try {
    return await returnedSignIn(facade, response, {
      state,
      stateHash,
      cookie,
      upstream,
      cleared: signInCookie.clear(),
    });
  } catch (error) {
    if (!upstream || !('dashboard' in upstream)) throw error;
    return dashboardErrorPage(toOAuthError(error, facade.log), rules, await facade.pageText(request));
  }
}

/** @throws OAuthError unless this browser may complete the sign-in */
async function returnedSignIn(
  facade: Facade,
  response: URLSearchParams,
  { state, stateHash, cookie, upstream, cleared }: BrowserSignIn,
): Promise<Response> {
  const { now } = facade;
  if (!upstream || upstream.browser !== (await sha256(cookie)) || upstream.expiresAt <= now()) {
    throw oauthError('upstream_state_closed');
  }
  const secrets = await signInSecrets(state, cookie);
  const credential = await derivedSecret('credential', state, cookie);
  const signIn: ReturnedSignIn = { stateHash, upstream, secrets, credential };
  const headers = new Headers({ 'Set-Cookie': cleared });
  const { completedAt } = upstream;
  if (completedAt !== undefined && now() - completedAt > CODE_SECONDS) throw oauthError('upstream_state_closed');
  return complete(facade, signIn, response, headers);
}

/** Redeems the provider's response and stores the result, unless an earlier request has done so. */
async function complete(
  facade: Facade,
  signIn: ReturnedSignIn,
  response: URLSearchParams,
  headers: Headers,
): Promise<Response> {
  const { flows, upstreamProvider, userNames, macKey, sealer, now } = facade;
  const { stateHash, upstream, secrets } = signIn;
  const isCompleted = upstream.completedAt !== undefined;
  await Promise.all([userNames?.load(), macKey.load()]);
  const id = randomId();
  const prepared = { id, seal: await sealer.prepare({ purpose: 'upstream', grant: id }) };
  const code = response.get('code');
  if (code === null && isCompleted) throw oauthError('upstream_state_closed');
  if (code !== null && !(await flows.beginRedemption(stateHash, await sha256(code), now()))) {
    // Another request redeems this code, or one failed in the middle: the provider issues another code for this sign-in.
    const purpose = 'dashboard' in upstream ? 'dashboard' : 'grant';
    return redirect(await upstreamProvider.signInUrl(secrets, purpose), new Headers());
  }
  if (isCompleted) return completedResponse(facade, signIn, headers);
  try {
    return await redeemed(facade, signIn, response, prepared, headers);
  } catch (error) {
    // After an outage the browser keeps its cookie, so that the same callback continues the sign-in.
    const isOutage = error instanceof ServiceUnavailableError;
    if (!isOutage) await flows.deleteUpstreamState(stateHash);
    if ('dashboard' in upstream) throw error;
    return redirectErrorToClient(facade, upstream, error, isOutage ? new Headers() : headers);
  }
}

/** Redeems the code, and stores the result if the user approved this account. */
async function redeemed(
  facade: Facade,
  signIn: ReturnedSignIn,
  response: URLSearchParams,
  prepared: PreparedGrant,
  headers: Headers,
): Promise<Response> {
  const { upstream, secrets } = signIn;
  const { identity, tokens } = await facade.upstreamProvider.redeem(response, secrets);
  const user = await userKey(identity.issuer, identity.subject);
  if (!('dashboard' in upstream) && !isApprovedAccount(upstream, user)) {
    headers.append('Set-Cookie', await accountCookieOf(facade, { ...identity, user }, 'unexpected'));
    return redirect(authorizationUrl(upstream, facade.rules.publicUrl), headers);
  }
  await store(facade, signIn, { identity, tokens, user }, prepared);
  headers.append('Set-Cookie', await accountCookieOf(facade, { ...identity, user }));
  return completedResponse(facade, signIn, headers);
}

/**
 * Whether the user approved this account: the one that the consent page showed, or any other one if the user chose another.
 * A page that showed no account approves any. An account that the provider signed in without a page, by its own session, gets
 * no grant that the user did not approve: the consent page asks again, with the new account. The state stays as it is: a
 * repeated callback ends here too, and the browser has no cookie for it.
 */
const isApprovedAccount = ({ account, isOtherAccount = false }: UpstreamState & AuthorizationRequest, user: string) =>
  account === undefined || (account === user) !== isOtherAccount;

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

/** The `Set-Cookie` by which this browser knows the account, or that deletes the cookie where it has no name. */
async function accountCookieOf(
  { macKey: key, now, rules: { publicUrl } }: Facade,
  { account, user }: Pick<UpstreamIdentity, 'account'> & { user: string },
  unexpected?: 'unexpected',
): Promise<string> {
  if (account === undefined) return accountCookie(publicUrl).clear();
  const known = { ...account, user, ...(unexpected && { isUnexpected: true }) };
  return setAccountCookie(known, { key, publicUrl, now: now() });
}

/** Stores the grant or the dashboard session, and completes the sign-in. */
async function store(
  facade: Facade,
  signIn: ReturnedSignIn,
  { identity, tokens, user }: SignedIn,
  prepared: PreparedGrant,
): Promise<void> {
  const { flows, userNames, clock } = facade;
  const { stateHash, upstream } = signIn;
  const sealedName = userNames && identity.name ? await userNames.seal(identity.name, user) : undefined;
  const signedIn = { identity, tokens, user, sealedName };
  const write =
    'dashboard' in upstream
      ? await dashboardSessionOf(facade, signIn, signedIn)
      : await grantOf(facade, signIn, upstream, signedIn, prepared);
  if (await throughOutage(clock, clock.now() + PATIENCE_MILLISECONDS, write)) return;
  // An attempt that seemed to fail may have stored it, and so may a concurrent request with another code.
  if ((await flows.findUpstreamState(stateHash))?.completedAt === undefined) throw oauthError('upstream_state_closed');
}

async function completedResponse(
  facade: Facade,
  { upstream, credential }: ReturnedSignIn,
  headers: Headers,
): Promise<Response> {
  if (!('dashboard' in upstream)) return redirectToClient(facade, upstream, { code: codeOf(credential) }, headers);
  const { publicUrl } = facade.rules;
  headers.append('Set-Cookie', dashboardCookie(publicUrl).set(credential, DASHBOARD_SESSION_SECONDS));
  return redirect(`${publicUrl}${upstream.dashboard}`, headers);
}

const codeOf = (credential: string) => `hac1_${credential}`;

/**
 * The write of a dashboard session. The provider's tokens are not kept, and not revoked either: at some providers that ends
 * the user's single sign-on.
 */
async function dashboardSessionOf(
  { dashboardSessions, now }: Facade,
  { stateHash, credential }: ReturnedSignIn,
  { identity, user, sealedName }: NamedSignIn,
): Promise<() => Promise<boolean>> {
  const cookieHash = await sha256(credential);
  const expiresAt = now() + DASHBOARD_SESSION_SECONDS;
  const session = { user, groups: identity.groups, ...(sealedName && { sealedName }), expiresAt };
  return () => dashboardSessions.startDashboardSession(cookieHash, session, now(), stateHash);
}

/** The write of a grant and its authorization code. */
async function grantOf(
  { grants, now, rules }: Facade,
  { stateHash, credential }: ReturnedSignIn,
  { client, clientName, redirectUri, challenge, scopes }: AuthorizationRequest,
  { identity, tokens, user, sealedName }: NamedSignIn,
  { id, seal }: PreparedGrant,
): Promise<() => Promise<boolean>> {
  const at = now();
  const created = {
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
    tokens: {
      sealed: await seal(JSON.stringify(tokens)),
      version: 1,
      expiresAt: tokens.expiresAt,
      refreshedAt: at,
      groups: identity.groups,
    },
    codeHash: await sha256(codeOf(credential)),
    code: { grant: id, user, client, redirectUri, challenge, scopes, expiresAt: at + CODE_SECONDS },
    approval: { user, client, clientName, redirectHost: new URL(redirectUri).host, scopes, at },
  };
  return () => grants.createGrant(created, stateHash);
}
