import { faultOfCode, type ProviderFault, providerFaults } from '../../lambda/core/identity/upstream-provider.ts';
import { oauthError } from '../../lambda/core/oauth/oauth-error.ts';
import { isLoopbackHost } from '../../lambda/shared/loopback.ts';
import { type Finding, fail, note, ok, quoted, warn } from './finding.ts';
import { isResponse, type Probe, type ProbeResponse, type ProbeResult } from './http-probe.ts';

/** A sign-in to the dashboard, which needs no client: the responses of this server and of the provider. */
export type ProviderFacts = {
  signIn: ProbeResult;
  authorization?: ProbeResult;
  /** The callback with a made-up code: this server redeems it at the provider, with its client secret. */
  redemption?: ProbeResult | undefined;
};

/**
 * @param origin of the deployment
 * @param redeemsCode whether a made-up code is redeemed at the provider
 */
export async function gatherProviderFacts(origin: string, probe: Probe, redeemsCode = true): Promise<ProviderFacts> {
  const signIn = await probe(`${origin}/dashboard/sign-in`);
  const location = isResponse(signIn) ? URL.parse(signIn.headers.location ?? '') : null;
  if (location === null || (location.protocol !== 'https:' && !isLoopbackHost(location))) return { signIn };
  const authorization = await probe(location.href);
  return {
    signIn,
    authorization,
    ...(redeemsCode && { redemption: await redeemMadeUpCode(origin, signIn as ProbeResponse, location, probe) }),
  };
}

const MADE_UP_CODE = 'holdfast-doctor';

/** Continues the sign-in as the browser that began it. The rejection of the code ends this sign-in and nothing else. */
async function redeemMadeUpCode(
  origin: string,
  { headers }: ProbeResponse,
  authorizationUrl: URL,
  probe: Probe,
): Promise<ProbeResult | undefined> {
  const state = authorizationUrl.searchParams.get('state');
  const cookie = headers['set-cookie']?.split(';')[0];
  if (state === null || cookie === undefined) return undefined;
  const iss = await issuerInResponse(authorizationUrl, state, probe);
  const parameters = new URLSearchParams({ code: MADE_UP_CODE, state, ...(iss !== undefined && { iss }) });
  return probe(`${origin}/callback?${parameters}`, { headers: { cookie } });
}

/**
 * The `iss` of the provider's authorization response, without which this server rejects a response of some providers
 * (RFC 9207 §2.4). With `prompt=none` a provider answers without a page, here with an error (OIDC Core §3.1.2.6).
 */
async function issuerInResponse(authorizationUrl: URL, state: string, probe: Probe): Promise<string | undefined> {
  const url = new URL(authorizationUrl.href);
  url.searchParams.set('prompt', 'none');
  const result = await probe(url.href);
  const response = isResponse(result) ? URL.parse(result.headers.location ?? '', url.href)?.searchParams : undefined;
  return response?.get('state') === state ? (response.get('iss') ?? undefined) : undefined;
}

const CHECK = 'identity-provider';
const CLIENT_CHECK = 'identity-provider/client';
const WHY = 'Users cannot sign in.';
const LOG = 'The log event upstream_misconfigured of the OAuth function has the values.';
const pageFault = new RegExp(`server_error: (${Object.keys(providerFaults).join('|')}): `);
const CODE_REJECTED = oauthError('upstream_code_rejected').message;

/** Whether this server and the identity provider are configured for each other. Without a dashboard there is no finding. */
export function* checkProvider({ signIn, authorization, redemption }: ProviderFacts): Generator<Finding> {
  if (!isResponse(signIn)) return;
  const fault = faultOn(CHECK, signIn);
  if (fault !== undefined) {
    yield fault;
  } else if (signIn.status >= 500) {
    yield fail(CHECK, `a sign-in to the dashboard is answered with ${signIn.status}`, { why: WHY, mend: OUTAGE });
  } else if (signIn.status >= 300 && signIn.status < 400) {
    yield* checkSignIn(signIn, authorization, redemption);
  }
}

/** A sign-in that this server has begun. */
function* checkSignIn(
  signIn: ProbeResponse,
  authorization: ProbeResult | undefined,
  redemption: ProbeResult | undefined,
): Generator<Finding> {
  const redirect = checkProviderRedirect(signIn, authorization);
  if (redirect !== undefined) {
    yield redirect;
    return;
  }
  yield* checkCookies(signIn, redemption);
  if (authorization !== undefined) {
    const finding = checkAuthorization(authorization);
    yield finding;
    if (finding.verdict !== 'fail' && redemption !== undefined) {
      yield checkRedemption(redemption, new URL(authorization.url).host);
    }
  }
}

/** The redirect that begins a sign-in: to the provider, which returns the user to this host. A proxy may have changed it. */
function checkProviderRedirect(signIn: ProbeResponse, authorization: ProbeResult | undefined): Finding | undefined {
  const { origin } = new URL(signIn.url);
  const location = URL.parse(signIn.headers.location ?? '');
  const parameters = location?.searchParams;
  const isHere = location?.origin === origin && !(isResponse(authorization) && authorization.status < 400);
  if (!parameters?.has('client_id') || isHere) {
    return fail('redirect/provider', `the sign-in redirects to ${quoted(signIn.headers.location)}`, {
      why: WHY,
      mend: 'This is not the request to the provider: let the proxy in front of the API keep Location (nginx: proxy_redirect off).',
    });
  }
  const callback = parameters.get('redirect_uri');
  return callback === null || callback === `${origin}/callback`
    ? undefined
    : fail('redirect/callback', `the provider returns users to ${quoted(callback)}`, {
        why: 'The sign-in ends at another host, where the browser sends no cookie.',
        mend: 'Set domain to the host that users see, and register its CallbackUrl at the provider.',
      });
}

const COOKIE_MISSING = oauthError('sign_in_cookie_missing').message;

/** The cookie that binds a sign-in to its browser, in both directions. */
function* checkCookies(signIn: ProbeResponse, redemption: ProbeResult | undefined): Generator<Finding> {
  const why = 'Every sign-in ends on an error page.';
  if (signIn.headers['set-cookie'] === undefined) {
    yield fail('cookies', 'the sign-in sets no cookie', {
      why,
      mend: 'Let the proxy in front of the API pass Set-Cookie of all paths.',
    });
  } else if (isResponse(redemption) && redemption.body.includes(COOKIE_MISSING)) {
    yield fail('cookies', 'the server has received no cookie', {
      why,
      mend: 'Let the proxy in front of the API forward Cookie on all paths.',
    });
  }
}

const OUTAGE = 'Look for service_unavailable in the log of the OAuth function: its cause names the service.';

/** The fault that a page of this server states. */
function faultOn(check: string, { body }: ProbeResponse): Finding | undefined {
  const fault = pageFault.exec(body)?.[1] as ProviderFault | undefined;
  if (fault === undefined) return undefined;
  const { problem, advice } = providerFaults[fault];
  return fail(check, problem, { why: WHY, mend: `${advice} ${LOG}` });
}

/** A provider authenticates the client before it looks at the code (RFC 6749 §3.2.1). */
function checkRedemption(result: ProbeResult, host: string): Finding {
  if (!isResponse(result)) return note(CLIENT_CHECK, `not checked: ${result.problem}`);
  const fault = faultOn(CLIENT_CHECK, result);
  if (fault !== undefined) return fault;
  if (result.body.includes(CODE_REJECTED)) return ok(CLIENT_CHECK, `${host} accepts the client and its secret`);
  if (result.status === 503) {
    return fail(CLIENT_CHECK, 'the end of a sign-in is answered with 503', { why: WHY, mend: OUTAGE });
  }
  return note(CLIENT_CHECK, `not checked: a made-up code is answered with ${result.status}`);
}

/** Whether the provider accepts the authorization request: client, redirect URI and scopes. */
export function checkAuthorization(result: ProbeResult): Finding {
  const { host } = new URL(result.url);
  if (!isResponse(result)) {
    return warn(CHECK, `${host} does not answer here: ${result.problem}`, {
      why: 'Users whose network is like this one cannot sign in.',
      mend: 'Check that browsers reach the identity provider.',
    });
  }
  const error = errorIn(result);
  if (error !== undefined) {
    const fault = faultOfCode[error];
    return fail(CHECK, `${host} answers the authorization request with ${quoted(error)}`, {
      why: WHY,
      mend: fault ? providerFaults[fault].advice : REGISTER,
    });
  }
  if (result.status >= 400 && result.status < 500 && result.status !== 429) {
    return fail(CHECK, `${host} answers the authorization request with ${result.status}`, { why: WHY, mend: REGISTER });
  }
  return result.status < 400
    ? ok(CHECK, `${host} accepts the authorization request`)
    : warn(CHECK, `${host} answers the authorization request with ${result.status}`, {
        why: WHY,
        mend: 'Check the identity provider, then try again.',
      });
}

const REGISTER = 'Register the stack output CallbackUrl at the provider, and check identityProvider.clientId.';

/** The error code in a redirect: back to this server, or to an error page of the provider. */
const errorIn = ({ url, headers: { location } }: ProbeResponse): string | undefined =>
  URL.parse(location ?? '', url)?.searchParams.get('error') ?? undefined;
