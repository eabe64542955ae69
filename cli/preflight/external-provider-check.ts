import { randomBytes } from 'node:crypto';
import { openIdProvider } from '../../lambda/adapters/openid.ts';
import {
  ProviderConfigurationError,
  providerFaults,
  SignInRefusedError,
  type UpstreamProvider,
} from '../../lambda/core/identity/upstream-provider.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import type { AssertionAudience, ClientAuthenticationMethod } from '../../lambda/shared/upstream-authentication.ts';
import { type Finding, fail, note, ok, quoted, warn } from '../doctor/finding.ts';
import { problemOf } from '../doctor/http-probe.ts';
import { checkAuthorization } from '../doctor/provider-checks.ts';
import { notChecked, type PreflightCheck } from './preflight-check.ts';
import type { PreflightTarget } from './preflight-target.ts';

const CHECK = 'identity-provider';
const CLIENT_CHECK = 'identity-provider/client';
const REDIRECT_CHECK = 'identity-provider/redirect';
const WHY = 'Users cannot sign in.';
/** Of the OpenID client. */
const PROVIDER_TIMEOUT_MILLISECONDS = 6000;
const SECRET_ACTIONS = ['secretsmanager:GetSecretValue'];

/**
 * The identity provider, asked as the functions will ask it: discovery, the authorization request, and the redemption of a
 * made-up code. A provider authenticates the client before it looks at the code (RFC 6749 §3.2.1).
 */
export const externalProviderCheck: PreflightCheck = {
  name: CHECK,
  actions: SECRET_ACTIONS,
  async run(target) {
    const findings = target.planned.functionVariables().map((variables) => {
      const { IDP_DASHBOARD_SCOPES, DIRECT_ISSUER, DIRECT_JWKS_URI } = variables;
      // The OAuth function or, in direct mode with a dashboard, the function of its sign-in.
      if (IDP_DASHBOARD_SCOPES !== undefined) return checkSignIn(variables, target);
      return DIRECT_ISSUER !== undefined && DIRECT_JWKS_URI === undefined
        ? checkDirectProvider(DIRECT_ISSUER, target)
        : [];
    });
    return (await Promise.all(findings)).flat();
  },
};

type Variables = Record<string, string>;

/** In direct mode the authorizer reads the discovery document, and the clients sign in by themselves. */
async function checkDirectProvider(issuer: string, { now }: PreflightTarget): Promise<Finding[]> {
  const url = await signInUrl(openProvider({ IDP_ISSUER: issuer }, now));
  return [typeof url === 'string' ? ok(CHECK, `${issuer} has a discovery document`) : url];
}

async function checkSignIn(variables: Variables, target: PreflightTarget): Promise<Finding[]> {
  const { IDP_ISSUER: issuer, IDP_CLIENT_ID: clientId, IDP_CLIENT_SECRET_ARN: secretArn, PUBLIC_URL } = variables;
  // Those of a user pool or an app client that the stack creates.
  if (issuer === undefined || clientId === undefined) return [];
  const secret = secretArn === undefined ? undefined : await readSecret(secretArn, target);
  if (secret !== undefined && 'finding' in secret) {
    return [
      ...(await checkAuthorizationRequest(openProvider(variables, target.now), PUBLIC_URL, target)),
      secret.finding,
    ];
  }
  const provider = openProvider(variables, target.now, secret?.value);
  const findings = await checkAuthorizationRequest(provider, PUBLIC_URL, target);
  const isUsable = findings.every(({ verdict }) => verdict !== 'fail' && verdict !== 'warn');
  return isUsable ? [...findings, await checkRedemption(provider, issuer)] : findings;
}

async function readSecret(
  arn: string,
  { secrets }: PreflightTarget,
): Promise<{ value: string } | { finding: Finding }> {
  try {
    return { value: await secrets.value(arn) };
  } catch (error) {
    return { finding: notChecked(CLIENT_CHECK, error, SECRET_ACTIONS) };
  }
}

/** @param origin of the server; `undefined` before CloudFront has assigned its host name */
async function checkAuthorizationRequest(
  provider: UpstreamProvider,
  origin: string | undefined,
  { probe }: PreflightTarget,
): Promise<Finding[]> {
  const url = await signInUrl(provider);
  if (typeof url !== 'string') return [url];
  if (origin !== undefined) return [checkAuthorization(await probe(url))];
  return [
    ok(CHECK, `${new URL(url).host} has a discovery document`),
    note(REDIRECT_CHECK, 'the deployment prints CallbackUrl: register it at the provider, then run doctor'),
  ];
}

async function checkRedemption(provider: UpstreamProvider, issuer: string): Promise<Finding> {
  const response = new URLSearchParams({ code: 'holdfast-preflight', state: secrets.state, iss: issuer });
  try {
    await provider.redeem(response, secrets);
  } catch (error) {
    if (!(error instanceof SignInRefusedError)) return providerFinding(CLIENT_CHECK, error);
    if (error.reason === 'invalid_grant') return ok(CLIENT_CHECK, 'the provider accepts the client and its secret');
    return note(CLIENT_CHECK, `not checked: a made-up code is answered with ${quoted(error.reason)}`);
  }
  return note(CLIENT_CHECK, 'not checked: the provider accepts a made-up code');
}

const secret = () => randomBytes(32).toString('base64url');
/** Of a sign-in that no browser begins. */
const secrets = { state: secret(), nonce: secret(), verifier: secret() };

/** @returns the URL of the authorization request, or the finding that prevents it */
async function signInUrl(provider: UpstreamProvider): Promise<string | Finding> {
  try {
    return await provider.signInUrl(secrets);
  } catch (error) {
    return providerFinding(CHECK, error);
  }
}

function providerFinding(check: string, error: unknown): Finding {
  if (error instanceof ProviderConfigurationError) {
    const { problem, advice } = providerFaults[error.fault];
    return fail(check, `${problem} (${error.message})`, { why: WHY, mend: advice });
  }
  if (!(error instanceof ServiceUnavailableError)) throw error;
  return warn(
    check,
    `the identity provider does not answer here (${problemOf(error.cause, PROVIDER_TIMEOUT_MILLISECONDS)})`,
    {
      why: `${WHY} The functions may reach it although this computer does not.`,
      mend: 'Check identityProvider.issuer and the network.',
    },
  );
}

const words = (text = '') => text.split(' ').filter(Boolean);
const parameters = (text = '') => Object.fromEntries(new URLSearchParams(text));

/** As `authorization-server.ts` and `dashboard-sign-in.ts` in `lambda/functions` open it, by the variables of the function. */
function openProvider(variables: Variables, now: number, clientSecret?: string): UpstreamProvider {
  return openIdProvider({
    issuer: variables.IDP_ISSUER!,
    clientId: variables.IDP_CLIENT_ID ?? 'holdfast-preflight',
    ...(clientSecret !== undefined && { clientSecret: async () => clientSecret }),
    authentication: variables.IDP_AUTHENTICATION as ClientAuthenticationMethod | undefined,
    assertionAudience: variables.IDP_ASSERTION_AUDIENCE as AssertionAudience | undefined,
    scopes: words(variables.IDP_SCOPES ?? variables.IDP_DASHBOARD_SCOPES),
    parameters: parameters(variables.IDP_PARAMETERS ?? variables.IDP_DASHBOARD_PARAMETERS),
    dashboard: {
      scopes: words(variables.IDP_DASHBOARD_SCOPES),
      parameters: parameters(variables.IDP_DASHBOARD_PARAMETERS),
    },
    groupsIn: () => undefined,
    userInfo: false,
    revokes: false,
    redirectUri: `${variables.PUBLIC_URL ?? 'https://unknown.invalid'}/callback`,
    now: () => now / 1000,
    log: () => {},
  });
}
