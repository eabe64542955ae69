import { isLoopbackUri, withoutLoopbackPort } from '../../../shared/loopback.ts';
import { redirectUriFault, redirectUseFault } from '../../../shared/redirect-uri-rules.ts';

/** Which redirect URIs may be registered, used and requested. `shared/redirect-uri-rules.ts` has the forms. */

/**
 * Whether a registration may contain the URI. Any private-use scheme is accepted, because clients register several URIs at
 * once and give up when one is rejected; `mayUse` is stricter.
 */
export const mayRegister = (uri: string): boolean => redirectUriFault(uri) === undefined;

/** Whether a registered URI may be used. @param schemes the private-use schemes that the operator allows */
export const mayUse = (uri: string, schemes: readonly string[]): boolean =>
  redirectUseFault(uri, schemes) === undefined;

/**
 * Whether the requested URI matches a registered one: the same string, or for loopback http the same apart from the port,
 * which a native application chooses at run time (RFC 8252 §7.3).
 */
export function matchesRegistered(requested: string, registered: readonly string[]): boolean {
  if (registered.includes(requested)) return true;
  if (!isLoopbackUri(requested)) return false;
  const portless = withoutLoopbackPort(requested);
  return registered.some((each) => isLoopbackUri(each) && withoutLoopbackPort(each) === portless);
}
