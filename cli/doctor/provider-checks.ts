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

/** @param origin of the deployment */
export async function gatherProviderFacts(origin: string, probe: Probe): Promise<ProviderFacts> {
  const signIn = await probe(`${origin}/dashboard/sign-in`);
  const location = isResponse(signIn) ? URL.parse(signIn.headers.location ?? '') : null;
  if (location === null || (location.protocol !== 'https:' && !isLoopbackHost(location))) return { signIn };
  const authorization = await probe(location.href);
  return {
    signIn,
    authorization,
    redemption: await redeemMadeUpCode(origin, signIn as ProbeResponse, location, probe),
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
  } else if (authorization !== undefined) {
    const finding = checkAuthorization(authorization);
    yield finding;
    if (finding.verdict !== 'fail' && redemption !== undefined) {
      yield checkRedemption(redemption, new URL(authorization.url).host);
    }
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
