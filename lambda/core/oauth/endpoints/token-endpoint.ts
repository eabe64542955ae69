import { throughOutage } from '../../support/outage-patience.ts';
import { authenticateClient } from '../clients/client-authentication.ts';
import type { Facade } from '../facade.ts';
import type { TokenResponse } from '../grants/grant-handler.ts';
import { grantHandlers } from '../grants/grant-types.ts';
import { oauthError } from '../oauth-error.ts';
import { formParameters, type Parameters } from '../request-parameters.ts';

/**
 * Clients answer a 503 of this endpoint with another authorization request, which opens a browser: an outage of some
 * seconds costs time instead. Shorter than `RETRY_SECONDS` of a code, because an attempt that seemed to fail may have used
 * the code.
 */
const PATIENCE_MILLISECONDS = 6_000;

/** `POST /token` (RFC 6749 §3.2). */
export async function tokenEndpoint(facade: Facade, request: Request): Promise<Response> {
  const form = await formParameters(request, 'without-query');
  const { clock } = facade;
  const until = clock.now() + PATIENCE_MILLISECONDS;
  const response = await throughOutage(clock, until, () => issueTokens(facade, form, request));
  return Response.json(response, { headers: { 'Cache-Control': 'no-store' } });
}

async function issueTokens(facade: Facade, form: Parameters, request: Request): Promise<TokenResponse> {
  const handlers = grantHandlers(facade.rules);
  const grantType = form.get('grant_type') ?? '';
  if (Object.hasOwn(handlers, grantType)) return handlers[grantType]!(facade, form, request);
  // A client that is unknown registers again, whatever it requests (RFC 6749 §5.2).
  await authenticateClient(facade, form, request);
  form.require('grant_type');
  throw oauthError('grant_type_unsupported');
}
