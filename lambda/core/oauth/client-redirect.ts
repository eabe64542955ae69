import type { AuthorizationRequest } from './authorization-flow.ts';
import type { Facade } from './facade.ts';

/**
 * Sends the browser back to the client: 303, so that a POST is never repeated there (RFC 9700 §4.12), and with `iss`
 * exactly once (RFC 9207), whatever the registered URI holds.
 */
export function redirectToClient(
  { rules }: Pick<Facade, 'rules'>,
  { redirectUri, state }: Pick<AuthorizationRequest, 'redirectUri' | 'state'>,
  answer: Record<string, string>,
  headers: Headers = new Headers(),
): Response {
  const location = new URL(redirectUri);
  for (const [name, value] of Object.entries({
    ...answer,
    ...(state !== undefined && { state }),
    iss: rules.publicUrl,
  })) {
    location.searchParams.set(name, value);
  }
  headers.set('Location', location.href);
  headers.set('Cache-Control', 'no-store');
  headers.set('Referrer-Policy', 'no-referrer');
  return new Response(null, { status: 303, headers });
}
