import { oauthError } from '../oauth-error.ts';
import type { Parameters } from '../request-parameters.ts';

/** The secret of a client in a request, and the client's id where the secret comes with it. */
export type PresentedSecret = { id?: string; secret: string };

const basic = /^Basic +(?<credentials>[A-Za-z0-9+/]+=*) *$/i;

/**
 * Reads `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1).
 *
 * @throws OAuthError `invalid_client` for another `Authorization` header, and for both at once
 */
export function secretIn(form: Parameters, request: Request): PresentedSecret | undefined {
  const header = request.headers.get('authorization');
  const secret = form.get('client_secret');
  if (header === null) return secret === undefined ? undefined : { secret };
  if (secret !== undefined) throw oauthError('client_authentication_repeated');
  return readBasic(header);
}

function readBasic(header: string): PresentedSecret {
  const { credentials } = basic.exec(header)?.groups ?? {};
  const [, id, secret] = /^([^:]+):(.+)$/s.exec(decoded(() => atob(credentials ?? ''))) ?? [];
  if (id === undefined || secret === undefined) throw oauthError('client_secret_malformed');
  return { id: formDecoded(id), secret: formDecoded(secret) };
}

/** Both parts are form-encoded before the Base64 encoding (RFC 6749 §2.3.1, appendix B). */
const formDecoded = (text: string) => decoded(() => decodeURIComponent(text.replaceAll('+', ' ')));

function decoded(decode: () => string): string {
  try {
    return decode();
  } catch {
    throw oauthError('client_secret_malformed');
  }
}
