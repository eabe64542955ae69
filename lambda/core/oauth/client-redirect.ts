import type { Facade } from './facade.ts';
import { toOAuthError } from './oauth-failure.ts';

type RedirectTarget = { redirectUri: string; state?: string | undefined };

/**
 * Sends the browser back to the client: 303, so that a POST is never repeated there (RFC 9700 §4.12), and with `iss`
 * exactly once (RFC 9207), whatever query the registered URI has.
 */
export function redirectToClient(
  facade: Pick<Facade, 'rules'>,
  target: RedirectTarget,
  parameters: Record<string, string>,
  headers: Headers = new Headers(),
): Response {
  return redirect(clientLocation(facade, target, parameters), headers);
}

function clientLocation(
  { rules }: Pick<Facade, 'rules'>,
  { redirectUri, state }: RedirectTarget,
  parameters: Record<string, string>,
): string {
  const location = new URL(redirectUri);
  for (const [name, value] of Object.entries({
    ...parameters,
    ...(state !== undefined && { state }),
    iss: rules.publicUrl,
  })) {
    location.searchParams.set(name, value);
  }
  return location.href;
}

/** The authorization error response (RFC 6749 §4.1.2.1) for anything that was thrown. */
export function redirectErrorToClient(
  facade: Pick<Facade, 'rules' | 'log'>,
  target: RedirectTarget,
  error: unknown,
  headers?: Headers,
): Response {
  return redirect(errorLocation(facade, target, error), headers ?? new Headers());
}

/** The address of the authorization error response. */
export function errorLocation(facade: Pick<Facade, 'rules' | 'log'>, target: RedirectTarget, error: unknown): string {
  const { code, message } = toOAuthError(error, facade.log);
  return clientLocation(facade, target, { error: code, error_description: message });
}

/** A redirect whose address no cache keeps and no `Referer` carries on: it holds a code or a state. */
export function redirect(location: string, headers: Headers): Response {
  headers.set('Location', location);
  headers.set('Cache-Control', 'no-store');
  headers.set('Referrer-Policy', 'no-referrer');
  return new Response(null, { status: 303, headers });
}
