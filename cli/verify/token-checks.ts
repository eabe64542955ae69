import * as oauth from 'oauth4webapi';
import { requestOptions, revokeToken, type SignedIn } from '../doctor/authorization-code-flow.ts';
import { type Finding, fail, ok, summaryOf } from '../doctor/finding.ts';
import { isResponse, type Probe } from '../doctor/http-probe.ts';
import { postMcp } from '../doctor/mcp-era-checks.ts';
import { challengeText } from './header-checks.ts';
import { notChecked } from './verify-context.ts';

export type TokenContext = {
  url: string;
  server: oauth.AuthorizationServer;
  timeoutMilliseconds: number;
};

async function refresh(
  { url, server, timeoutMilliseconds }: TokenContext,
  client: oauth.Client,
  refreshToken: string,
): Promise<oauth.TokenEndpointResponse> {
  const options = { ...requestOptions(url, { timeoutMilliseconds }), additionalParameters: { resource: url } };
  const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refreshToken, options);
  return oauth.processRefreshTokenResponse(server, client, response);
}

/** Whether the deployment issues its tokens itself. In direct mode the identity provider decides what a repetition means. */
const isFacade = ({ url, server }: TokenContext) => URL.parse(server.issuer)?.origin === new URL(url).origin;

/**
 * Refreshes, and repeats the request as after a lost response.
 *
 * @param signedIn receives the new tokens, which the end of the run revokes
 */
export async function* checkRefresh(context: TokenContext, signedIn: SignedIn): AsyncGenerator<Finding> {
  const check = 'refresh/rotation';
  const { client, refreshToken } = signedIn;
  if (refreshToken === undefined) {
    yield notChecked(check, 'there is no refresh token');
    return;
  }
  const startedAt = performance.now();
  try {
    const first = await refresh(context, client, refreshToken);
    const milliseconds = Math.round(performance.now() - startedAt);
    signedIn.accessToken = first.access_token;
    signedIn.refreshToken = first.refresh_token ?? refreshToken;
    yield ok(check, `new tokens after ${milliseconds} ms`);
    if (!isFacade(context)) return;
    const repeated = await refresh(context, client, refreshToken);
    signedIn.accessToken = repeated.access_token;
    yield repeated.refresh_token === first.refresh_token
      ? ok('refresh/repeated', 'the same refresh token as before')
      : fail('refresh/repeated', 'another refresh token', {
          why: 'A client that loses a response is signed out.',
          mend: 'Report it: the refresh algorithm depends on equal successors.',
        });
  } catch (error) {
    yield fail(check, reasonOf(error), {
      why: 'Users sign in again whenever the access token expires.',
      mend: 'Check the log of the OAuth function: a denied transaction names its action.',
    });
  }
}

/** Revokes the grant, and shows how a client learns of it. The end of every run, so that no access remains. */
export async function* endAccess(context: TokenContext, signedIn: SignedIn, probe: Probe): AsyncGenerator<Finding> {
  const { url, server } = context;
  const { client, accessToken, refreshToken } = signedIn;
  yield await revokeToken(server, signedIn, url, probe, context);
  const rejected = await postMcp(url, accessToken, probe, { id: 60, method: 'ping' });
  if (isResponse(rejected) && rejected.status === 401) {
    yield ok('revocation/challenge', `401, ${challengeText(rejected)}`);
  } else {
    yield notChecked('revocation/challenge', `the revoked token is answered with ${summaryOf(rejected)}`);
  }
  if (refreshToken === undefined || server.revocation_endpoint === undefined) return;
  yield await checkRevokedRefresh(context, client, refreshToken);
}

async function checkRevokedRefresh(
  context: TokenContext,
  client: oauth.Client,
  refreshToken: string,
): Promise<Finding> {
  const check = 'revocation/refresh';
  try {
    const revocation = await oauth.revocationRequest(
      context.server,
      client,
      oauth.None(),
      refreshToken,
      requestOptions(context.url, context),
    );
    await oauth.processRevocationResponse(revocation);
    await refresh(context, client, refreshToken);
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError && error.error === 'invalid_grant') {
      return ok(check, 'the refresh token is rejected with invalid_grant');
    }
    return fail(check, reasonOf(error), {
      why: 'A client does not learn that its grant has ended.',
      mend: 'Check the log of the OAuth function.',
    });
  }
  return fail(check, 'a revoked refresh token issued an access token', {
    why: 'Revocation does not end the access of a client.',
    mend: 'Revoke the grant with holdfast clients revoke, and report it.',
  });
}

const reasonOf = (error: unknown) =>
  error instanceof oauth.ResponseBodyError ? `${error.status} ${error.error}` : (error as Error).message;
