import { userKey } from '../access/user-key.ts';
import type { SignInSecrets, UpstreamIdentity, UpstreamTokens } from '../identity/upstream-provider.ts';
import { sha256 } from '../support/crypto.ts';
import { throughOutage } from '../support/outage-patience.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import { settleAll } from '../support/settle-all.ts';
import { CODE_SECONDS, type UpstreamState } from './authorization-flow.ts';
import { redirect } from './client-redirect.ts';
import { derivedSecret, signInSecrets } from './derived-secret.ts';
import type { Facade, FacadeRules } from './facade.ts';
import { oauthError } from './oauth-error.ts';
import { toOAuthError } from './oauth-failure.ts';
import { browserCookie } from './pages/oauth-cookies.ts';
import { dashboardErrorPage } from './pages/oauth-pages.ts';
import { Parameters } from './request-parameters.ts';

/** The provider's code cannot be redeemed again, so the result is stored even if the store is away for a moment. */
const PATIENCE_MILLISECONDS = 8_000;

/** The ports of a sign-in at the identity provider, whatever its result is. */
export type SignInDependencies = Pick<
  Facade,
  'flows' | 'upstreamProvider' | 'userNames' | 'pageText' | 'clock' | 'now' | 'log'
> & { rules: Pick<FacadeRules, 'publicUrl' | 'branding'> };

/** A sign-in that the provider has returned. */
export type ReturnedSignIn = {
  stateHash: string;
  upstream: UpstreamState;
  secrets: SignInSecrets;
  /** The authorization code of a grant, or the secret of a dashboard session. A repeated callback derives it again. */
  credential: string;
};

/** The signed-in user. */
export type SignedIn = { identity: UpstreamIdentity; tokens: UpstreamTokens; user: string };

/** @property sealedName as `User.sealedName` */
export type NamedSignIn = SignedIn & { sealedName: string | undefined };

/** Stores the result and completes the sign-in. @returns false when another request has completed or ended it */
export type ResultWrite = () => Promise<boolean>;

/** The result of a sign-in: a grant with its authorization code, or a dashboard session. */
export type SignInResult = {
  purpose: 'grant' | 'dashboard';
  /** Fetches the keys that the result needs, before the redemption, because it may fail. */
  prepare(): Promise<(signedIn: NamedSignIn) => Promise<ResultWrite>>;
  /** The response to an account that gets no result; undefined for one that does. @default - every account gets one */
  declined?(signedIn: SignedIn, headers: Headers): Promise<Response | undefined>;
  /** @param signedIn absent in the response to a repeated callback */
  completed(headers: Headers, signedIn?: SignedIn): Promise<Response>;
  /** The response to an error. @default - the error page */
  failed?(error: unknown, headers: Headers): Response;
};

/**
 * The identity provider redirects the user here. The response counts only in the browser that began the sign-in
 * (CVE-2026-27124): in any other browser the sign-in ends, and the provider's code is not redeemed.
 *
 * The response clears the browser's cookie. A callback that still has it repeats one whose response was lost: the provider
 * returns the user once more, and the browser receives the same response.
 */
export async function upstreamCallback(
  dependencies: SignInDependencies,
  request: Request,
  resultOf: (signIn: ReturnedSignIn) => SignInResult,
): Promise<Response> {
  const { flows, rules } = dependencies;
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
    const signIn = await returnedSignIn(dependencies, { state, stateHash, cookie, upstream });
    const headers = new Headers({ 'Set-Cookie': signInCookie.clear() });
    return await complete(dependencies, signIn, resultOf(signIn), response, headers);
  } catch (error) {
    if (!upstream || !('dashboard' in upstream)) throw error;
    return dashboardErrorPage(toOAuthError(error, dependencies.log), rules, await dependencies.pageText(request));
  }
}

/** @throws OAuthError unless this browser may complete the sign-in */
async function returnedSignIn(
  { now }: SignInDependencies,
  {
    state,
    stateHash,
    cookie,
    upstream,
  }: { state: string; stateHash: string; cookie: string; upstream: UpstreamState | undefined },
): Promise<ReturnedSignIn> {
  if (!upstream || upstream.browser !== (await sha256(cookie)) || upstream.expiresAt <= now()) {
    throw oauthError('upstream_state_closed');
  }
  const { completedAt } = upstream;
  if (completedAt !== undefined && now() - completedAt > CODE_SECONDS) throw oauthError('upstream_state_closed');
  const secrets = await signInSecrets(state, cookie);
  return { stateHash, upstream, secrets, credential: await derivedSecret('credential', state, cookie) };
}

/** Redeems the provider's response and stores the result, unless an earlier request has done so. */
async function complete(
  dependencies: SignInDependencies,
  signIn: ReturnedSignIn,
  result: SignInResult,
  response: URLSearchParams,
  headers: Headers,
): Promise<Response> {
  const { flows, upstreamProvider, userNames, now } = dependencies;
  const { stateHash, upstream, secrets } = signIn;
  const isCompleted = upstream.completedAt !== undefined;
  const [prepared] = await settleAll([result.prepare(), userNames?.load()]);
  const code = response.get('code');
  if (code === null && isCompleted) throw oauthError('upstream_state_closed');
  if (code !== null && !(await flows.beginRedemption(stateHash, await sha256(code), now()))) {
    // Another request redeems this code, or one failed in the middle: the provider issues another code for this sign-in.
    return redirect(await upstreamProvider.signInUrl(secrets, result.purpose), new Headers());
  }
  if (isCompleted) return result.completed(headers);
  try {
    const { identity, tokens } = await upstreamProvider.redeem(response, secrets);
    const signedIn = { identity, tokens, user: await userKey(identity.issuer, identity.subject) };
    const declined = await result.declined?.(signedIn, headers);
    if (declined) return declined;
    await store(dependencies, signIn, signedIn, prepared);
    return await result.completed(headers, signedIn);
  } catch (error) {
    // After an outage the browser keeps its cookie, so that the same callback continues the sign-in.
    const isOutage = error instanceof ServiceUnavailableError;
    if (!isOutage) await flows.deleteUpstreamState(stateHash);
    if (!result.failed) throw error;
    return result.failed(error, isOutage ? new Headers() : headers);
  }
}

/** Stores the result, and completes the sign-in. */
async function store(
  { flows, userNames, clock }: SignInDependencies,
  { stateHash }: ReturnedSignIn,
  signedIn: SignedIn,
  prepared: (signedIn: NamedSignIn) => Promise<ResultWrite>,
): Promise<void> {
  const { identity, user } = signedIn;
  const sealedName = userNames && identity.name ? await userNames.seal(identity.name, user) : undefined;
  const write = await prepared({ ...signedIn, sealedName });
  if (await throughOutage(clock, clock.now() + PATIENCE_MILLISECONDS, write)) return;
  // An attempt that seemed to fail may have stored it, and so may a concurrent request with another code.
  if ((await flows.findUpstreamState(stateHash))?.completedAt === undefined) throw oauthError('upstream_state_closed');
}
