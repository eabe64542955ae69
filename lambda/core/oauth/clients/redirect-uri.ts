/**
 * Which redirect URIs may be registered and used (OAuth 2.1 §2.3.1, RFC 8252 §7, RFC 9700 §4.1). The rules are an
 * allow-list: what is not named here is refused, whatever its spelling.
 */

const LONGEST = 2048;

/** Spellings that a URL parser would silently change: white space, control characters, back-slashes, non-ASCII. */
const plain = /^[!-[\]-~]+$/;

const loopback = /^http:\/\/(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?(?=[/?]|$)/;

/** `https://trusted@evil/`: what stands before the @ is no host, though it reads like one. */
const userinfo = /^[^/]*\/\/[^/?]*@/;

/** Private-use schemes (RFC 8252 §7.1), which only a few known applications own. */
const schemeOf = (uri: string) => /^([a-z][a-z0-9+.-]*):/.exec(uri)?.[1];

/** Whether the URI goes back to the user's own machine, where any program may listen: the consent page warns. */
export const isLoopback = (uri: string): boolean => loopback.test(uri);

/**
 * Whether a client may register the URI: https, loopback http, or a private-use scheme. A private-use scheme is
 * accepted here, because clients register several URIs at once and give up when one is refused; `mayUse` is stricter.
 */
export function mayRegister(uri: string): boolean {
  if (uri.length > LONGEST || !plain.test(uri) || uri.includes('#')) return false;
  const url = URL.parse(uri);
  if (!url || userinfo.test(uri)) return false;
  if (url.protocol === 'https:') return uri.startsWith('https://') && url.hostname.includes('.');
  if (url.protocol === 'http:') return isLoopback(uri);
  const scheme = schemeOf(uri);
  return scheme !== undefined && !reserved.has(scheme) && uri.startsWith(`${scheme}://`);
}

/** Schemes that act inside a browser or an operating system instead of reaching an application. */
const reserved = new Set(
  'about blob chrome chrome-extension content data file filesystem ftp intent javascript jar mailto ms-settings res resource search-ms sms tel vbscript view-source ws wss'.split(
    ' ',
  ),
);

/** Whether a registered URI may be used. @param schemes the private-use schemes that the owner allows */
export function mayUse(uri: string, schemes: readonly string[]): boolean {
  if (!mayRegister(uri)) return false;
  const scheme = schemeOf(uri)!;
  return scheme === 'https' || scheme === 'http' || schemes.includes(scheme);
}

/**
 * The registered URI that the requested one matches: the same string, or for loopback the same but for the port, which
 * native applications only know at run time (RFC 8252 §7.3).
 */
export function matchesRegistered(requested: string, registered: readonly string[]): boolean {
  if (registered.includes(requested)) return true;
  if (!isLoopback(requested)) return false;
  const portless = withoutPort(requested);
  return registered.some((each) => isLoopback(each) && withoutPort(each) === portless);
}

const withoutPort = (uri: string) => uri.replace(loopback, 'http://$1');
