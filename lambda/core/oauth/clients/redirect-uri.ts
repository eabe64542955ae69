import { isLoopbackUri, withoutLoopbackPort } from '../../../shared/loopback.ts';

/**
 * Which redirect URIs may be registered and used (OAuth 2.1 §2.3.1, RFC 8252 §7, RFC 9700 §4.1). The rules are an
 * allow-list: a form that they do not name is rejected, in any spelling.
 */

const LONGEST = 2048;

/** Printable ASCII without back-slash: a URL parser would silently change any other character. */
const printable = /^[!-[\]-~]+$/;

/** `https://trusted@evil/`: the part before the @ looks like a host and is not one. */
const userinfo = /^[^/]*\/\/[^/?]*@/;

const schemeOf = (uri: string) => /^([a-z][a-z0-9+.-]*):/.exec(uri)?.[1];

/** Schemes that act inside a browser or an operating system instead of reaching an application. */
const reserved = new Set(
  'about blob chrome chrome-extension content data file filesystem ftp intent javascript jar mailto ms-settings res resource search-ms sms tel vbscript view-source ws wss'.split(
    ' ',
  ),
);

/**
 * Whether a client may register the URI: https, loopback http, or a private-use scheme (RFC 8252 §7.1). Any private-use
 * scheme is accepted, because clients register several URIs at once and give up when one is rejected; `mayUse` is
 * stricter.
 */
export function mayRegister(uri: string): boolean {
  if (uri.length > LONGEST || !printable.test(uri) || uri.includes('#')) return false;
  const url = URL.parse(uri);
  if (!url || userinfo.test(uri)) return false;
  if (url.protocol === 'https:') return uri.startsWith('https://') && url.hostname.includes('.');
  if (url.protocol === 'http:') return isLoopbackUri(uri);
  const scheme = schemeOf(uri);
  return scheme !== undefined && !reserved.has(scheme) && uri.startsWith(`${scheme}://`);
}

/** Whether a registered URI may be used. @param schemes the private-use schemes that the operator allows */
export function mayUse(uri: string, schemes: readonly string[]): boolean {
  if (!mayRegister(uri)) return false;
  const scheme = schemeOf(uri)!;
  return scheme === 'https' || scheme === 'http' || schemes.includes(scheme);
}

/**
 * Whether the requested URI matches a registered one: the same string, or for loopback the same apart from the port,
 * which a native application chooses at run time (RFC 8252 §7.3).
 */
export function matchesRegistered(requested: string, registered: readonly string[]): boolean {
  if (registered.includes(requested)) return true;
  if (!isLoopbackUri(requested)) return false;
  const portless = withoutLoopbackPort(requested);
  return registered.some((each) => isLoopbackUri(each) && withoutLoopbackPort(each) === portless);
}
