import { parseJson } from '../../support/json.ts';
import { registerClient } from '../clients/client-registration.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { boundedText } from '../request-parameters.ts';

/** In bytes. Members that are not needed may be long, such as a logo as a data URI. */
const LARGEST_REGISTRATION = 64 * 1024;

/** `POST /register` (RFC 7591 §3.1). */
export async function registrationEndpoint({ clients, now, rules }: Facade, request: Request): Promise<Response> {
  const text = await boundedText(request, LARGEST_REGISTRATION, 'registration');
  let body: unknown;
  try {
    body = parseJson(text);
  } catch {
    throw oauthError('registration_not_json');
  }
  const { dynamicRegistration: admission, redirectSchemes: schemes } = rules;
  const registered = await registerClient(body, { admission, schemes }, clients, now());
  return Response.json(registered, { status: 201, headers: { 'Cache-Control': 'no-store' } });
}
