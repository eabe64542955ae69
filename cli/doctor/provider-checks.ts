import { faultOfCode, type ProviderFault, providerFaults } from '../../lambda/core/identity/upstream-provider.ts';
import { isLoopbackHost } from '../../lambda/shared/loopback.ts';
import { type Finding, fail, ok, quoted, warn } from './finding.ts';
import { isResponse, type Probe, type ProbeResponse, type ProbeResult } from './http-probe.ts';

/** The beginning of a sign-in to the dashboard, which needs no client: the responses of this server and of the provider. */
export type ProviderFacts = { signIn: ProbeResult; authorization?: ProbeResult };

/** @param origin of the deployment */
export async function gatherProviderFacts(origin: string, probe: Probe): Promise<ProviderFacts> {
  const signIn = await probe(`${origin}/dashboard/sign-in`);
  const location = isResponse(signIn) ? URL.parse(signIn.headers.location ?? '') : null;
  if (location === null || (location.protocol !== 'https:' && !isLoopbackHost(location))) return { signIn };
  return { signIn, authorization: await probe(location.href) };
}

const CHECK = 'identity-provider';
const WHY = 'Users cannot sign in.';
const LOG = 'The log event upstream_misconfigured of the OAuth function has the values.';
const pageFault = new RegExp(`server_error: (${Object.keys(providerFaults).join('|')}): `);

/** Whether this server and the identity provider are configured for each other. Without a dashboard there is no finding. */
export function* checkProvider({ signIn, authorization }: ProviderFacts): Generator<Finding> {
  if (!isResponse(signIn)) return;
  const fault = pageFault.exec(signIn.body)?.[1] as ProviderFault | undefined;
  if (fault !== undefined) {
    const { problem, advice } = providerFaults[fault];
    yield fail(CHECK, problem, { why: WHY, mend: `${advice} ${LOG}` });
  } else if (signIn.status >= 500) {
    yield fail(CHECK, `a sign-in to the dashboard is answered with ${signIn.status}`, {
      why: WHY,
      mend: 'Look for service_unavailable in the log of the OAuth function: its cause names the service.',
    });
  } else if (authorization !== undefined) {
    yield checkAuthorization(authorization);
  }
}

function checkAuthorization(result: ProbeResult): Finding {
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
