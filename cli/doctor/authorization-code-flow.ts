import * as oauth from 'oauth4webapi';
import { clientMetadata, type Facts, requestedScope } from './deployment-facts.ts';
import { type Finding, fail, note, ok, quoted, type Remedy, summaryOf, warn } from './finding.ts';
import { isResponse, type Probe } from './http-probe.ts';
import { postMcp } from './mcp-era-checks.ts';
import { SignInCallback } from './sign-in-callback.ts';

export type SignInOptions = {
  /** The command that signs in. */
  command: 'doctor' | 'verify';
  /** A pre-registered client. @default one is registered */
  clientId?: string | undefined;
  /** Receives the URL that a person has to open. */
  announce(url: string): void;
  /** How long the person has, in milliseconds. */
  patienceMilliseconds: number;
  /** For each request, in milliseconds. */
  timeoutMilliseconds: number;
  /** Ends the wait for the person. */
  cancel?: AbortSignal;
};

/** A failed step, which ends the sign-in with this finding. */
export class SignInFailure extends Error {
  readonly finding: Finding;

  constructor(check: string, found: string, remedy: Remedy) {
    super(found);
    this.finding = fail(check, found, remedy);
  }
}

export type SignedIn = {
  client: oauth.Client;
  accessToken: string;
  refreshToken: string | undefined;
  findings: Finding[];
};

/**
 * The authorization code flow of a public client with PKCE, with a person at the browser.
 *
 * @throws SignInFailure at the first step that fails
 */
export async function authorizeByCode(
  server: oauth.AuthorizationServer,
  facts: Facts,
  options: SignInOptions,
): Promise<SignedIn> {
  const callback = await SignInCallback.listen();
  try {
    const scope = requestedScope(facts);
    const client = await clientOf(server, facts, clientMetadata(options.command, callback.url, scope), options);
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    options.announce(await authorizationUrl(server, { client, callback, resource: facts.url, verifier, state, scope }));
    const parameters = await authorizationResponse(server, client, callback, state, options);
    const tokens = await step('sign-in/token', 'Check the log of the OAuth function (docs/operate.md).', async () =>
      oauth.processAuthorizationCodeResponse(
        server,
        client,
        await oauth.authorizationCodeGrantRequest(server, client, oauth.None(), parameters, callback.url, verifier, {
          ...requestOptions(facts.url, options),
          additionalParameters: { resource: facts.url },
        }),
      ),
    );
    const { access_token: accessToken, refresh_token: refreshToken } = tokens;
    return { client, accessToken, refreshToken, findings: tokenFindings(tokens, scope) };
  } finally {
    callback.close();
  }
}

async function clientOf(
  server: oauth.AuthorizationServer,
  facts: Facts,
  metadata: ReturnType<typeof clientMetadata>,
  options: SignInOptions,
): Promise<oauth.Client> {
  if (options.clientId !== undefined) return { client_id: options.clientId };
  return step(
    'sign-in/registration',
    'See the check `registration`, or pass a pre-registered client with --client-id.',
    async () =>
      oauth.processDynamicClientRegistrationResponse(
        await oauth.dynamicClientRegistrationRequest(server, metadata, requestOptions(facts.url, options)),
      ),
  );
}

type AuthorizationRequest = {
  client: oauth.Client;
  callback: SignInCallback;
  resource: string;
  verifier: string;
  state: string;
  scope: string | undefined;
};

async function authorizationUrl(
  server: oauth.AuthorizationServer,
  { client, callback, resource, verifier, state, scope }: AuthorizationRequest,
): Promise<string> {
  const url = new URL(server.authorization_endpoint!);
  const parameters = {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: callback.url,
    state,
    resource,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...(scope !== undefined && { scope }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** @returns the validated parameters of the authorization response */
async function authorizationResponse(
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  callback: SignInCallback,
  state: string,
  { patienceMilliseconds, cancel }: SignInOptions,
): Promise<URLSearchParams> {
  const url = await callback.authorizationResponse(patienceMilliseconds, cancel);
  if (url === undefined) {
    throw new SignInFailure('sign-in/answer', 'the browser did not return', {
      why: 'A client waits too.',
      mend: 'Open the URL in a browser on this computer. An error page there says what to do.',
    });
  }
  return step('sign-in/answer', 'See the error code: access_denied means that the user declined.', async () =>
    oauth.validateAuthResponse(server, client, url, state),
  );
}

function tokenFindings(tokens: oauth.TokenEndpointResponse, requestedScope: string | undefined): Finding[] {
  const { expires_in: seconds, refresh_token: refreshToken, scope = requestedScope } = tokens;
  return [
    ok('sign-in/answer', 'the browser returned with code, state and issuer'),
    ok('sign-in/token', `an access token for ${seconds ?? 'unknown'} seconds, scope ${quoted(scope)}`),
    refreshToken === undefined
      ? warn('sign-in/refresh', 'no refresh token', {
          why: 'The user signs in again whenever the access token expires.',
          mend: 'In direct mode the client has to request offline_access itself, or idpScopes has to name it.',
        })
      : ok('sign-in/refresh', 'a refresh token'),
  ];
}

/** Revokes the token (RFC 7009) and checks that `/mcp` then rejects it. */
export async function revokeToken(
  server: oauth.AuthorizationServer,
  { client, accessToken }: Pick<SignedIn, 'client' | 'accessToken'>,
  url: string,
  probe: Probe,
  options: Pick<SignInOptions, 'timeoutMilliseconds'>,
): Promise<Finding> {
  const check = 'sign-in/revocation';
  if (server.revocation_endpoint === undefined) {
    return note(check, 'no revocation_endpoint: the token is valid until it expires');
  }
  try {
    const request = oauth.revocationRequest(server, client, oauth.None(), accessToken, requestOptions(url, options));
    await oauth.processRevocationResponse(await request);
  } catch (error) {
    return fail(check, (error as Error).message, {
      why: 'A user cannot withdraw the access of a client.',
      mend: 'Check the log of the OAuth function (docs/operate.md). The token is valid until it expires.',
    });
  }
  const afterwards = await postMcp(url, accessToken, probe, { id: 5, method: 'ping' });
  if (isResponse(afterwards) && afterwards.status === 401) return ok(check, 'revoked, and rejected afterwards');
  return warn(check, `revoked, but afterwards ${summaryOf(afterwards)}`, {
    why: 'Revocation takes effect only when the token expires.',
    mend: 'In direct mode the provider decides this: docs/operate.md shows how to block a grant here. Otherwise check the log of the MCP function.',
  });
}

/** Allows http only for a server that is itself reached by http, on this computer. */
export const requestOptions = (url: string, { timeoutMilliseconds }: Pick<SignInOptions, 'timeoutMilliseconds'>) => ({
  [oauth.allowInsecureRequests]: url.startsWith('http:'),
  signal: () => AbortSignal.timeout(timeoutMilliseconds),
});

async function step<T>(check: string, mend: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { error: code, error_description: description } = error as { error?: string; error_description?: string };
    const found = code === undefined ? (error as Error).message : [code, description].filter(Boolean).join(': ');
    throw new SignInFailure(check, found, { why: 'A client stops here.', mend });
  }
}
