import { RETRY_AFTER_SECONDS } from '../support/service-unavailable-error.ts';
import type { Facade, FacadeRules } from './facade.ts';
import { isCuredByWaiting, type OAuthError, oauthError } from './oauth-error.ts';
import { toOAuthError } from './oauth-failure.ts';
import { dashboardErrorPage, errorPage } from './pages/oauth-pages.ts';

/** An endpoint with the ports that it needs. */
export type Endpoint<D> = {
  methods: string[];
  handle: (dependencies: D, request: Request) => Promise<Response>;
  /** The format of errors: a page for users of an app or of the dashboard, JSON for clients or for the dashboard's page. */
  errors: 'page' | 'dashboard-page' | 'json' | 'dashboard-json';
};

type DispatchDependencies = Pick<Facade, 'pageText' | 'log'> & { rules: Pick<FacadeRules, 'branding'> };

/** The response of the endpoint. Never throws: every error becomes a response, and a failure is logged. */
export async function dispatch<D extends DispatchDependencies>(
  endpoint: Endpoint<D> | undefined,
  dependencies: D,
  request: Request,
): Promise<Response> {
  if (!endpoint) return Response.json({ error: 'not_found' }, { status: 404 });
  if (!endpoint.methods.includes(request.method)) {
    const allow = endpoint.methods.join(', ');
    const error = oauthError('method_not_allowed', allow);
    const { body, headers } = await errorResponse(endpoint, dependencies, request, error);
    headers.set('Allow', allow);
    return new Response(body, { status: 405, headers });
  }
  try {
    return await endpoint.handle(dependencies, request);
  } catch (error) {
    return errorResponse(endpoint, dependencies, request, toOAuthError(error, dependencies.log));
  }
}

async function errorResponse(
  { errors }: Pick<Endpoint<never>, 'errors'>,
  { rules, pageText }: DispatchDependencies,
  request: Request,
  error: OAuthError,
): Promise<Response> {
  if (errors === 'json' || errors === 'dashboard-json') return jsonError(error);
  const show = errors === 'page' ? errorPage : dashboardErrorPage;
  return show(error, rules, await pageText(request));
}

export function jsonError({ code, message, status }: OAuthError): Response {
  const headers: Record<string, string> = { 'Cache-Control': 'no-store' };
  if (isCuredByWaiting(status)) headers['Retry-After'] = String(RETRY_AFTER_SECONDS);
  // API Gateway renames the header of a Lambda function; the status and the code say the same.
  if (code === 'invalid_client') headers['WWW-Authenticate'] = 'Bearer error="invalid_client"';
  return Response.json({ error: code, error_description: message }, { status, headers });
}
