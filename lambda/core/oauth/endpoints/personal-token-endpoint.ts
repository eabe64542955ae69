import { DashboardError, signedInRequest } from '../../dashboard/dashboard-guard.ts';
import { errorResponse, jsonResponse } from '../../dashboard/dashboard-response.ts';
import { parseJson } from '../../support/json.ts';
import type { Facade } from '../facade.ts';
import { makePersonalToken, PersonalTokenError, type PersonalTokenRequest } from '../tokens/personal-tokens.ts';

const LARGEST_BODY = 4096;

/**
 * `POST /dashboard/tokens`: makes a personal access token of the user who is signed in to the dashboard. It belongs to this
 * function and not to that of the dashboard, which can sign nothing.
 */
export async function personalTokenEndpoint(facade: Facade, request: Request): Promise<Response> {
  try {
    const { session, cookieHash } = await signedInRequest(request, {
      dashboardSessions: facade.signedInUsers,
      publicUrl: facade.rules.publicUrl,
      now: facade.clock.now,
    });
    const { user, issuer, subject, groups } = session;
    if (issuer === undefined || subject === undefined) throw signedOut();
    const owner = { user, issuer, subject, groups };
    const made = await makePersonalToken(facade, owner, await tokenRequest(request), (grant) =>
      facade.grants.createPersonalGrant(grant, cookieHash),
    );
    if (made === undefined) throw signedOut();
    return jsonResponse(made);
  } catch (error) {
    const rejected = error instanceof PersonalTokenError ? invalid(error.message) : error;
    return errorResponse(rejected, facade.log);
  }
}

const signedOut = () => new DashboardError('signed_out', 'Sign in at /dashboard/sign-in');
const invalid = (message: string) => new DashboardError('invalid_request', message);

async function tokenRequest(request: Request): Promise<PersonalTokenRequest> {
  const text = await request.text();
  if (text.length > LARGEST_BODY) throw invalid(`The body has more than ${LARGEST_BODY} characters`);
  try {
    const body = parseJson(text);
    if (typeof body === 'object' && body !== null) return body;
  } catch {
    // The response is the same as for JSON of another type.
  }
  throw invalid('The body is not a JSON object');
}
