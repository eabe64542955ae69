import { isLoopbackUri, pointsToLoopback } from './loopback.ts';

/**
 * Redirect URIs of clients (OAuth 2.1 §2.3.1, RFC 8252 §7, RFC 9700 §4.1): which form a registered one has, and which one
 * is usable. The rules are an allow-list: a form that they do not name is rejected, in any spelling. Settings and
 * registrations share them.
 */

const LONGEST = 2048;

/** Printable ASCII without backslash: a URL parser would silently change any other character. */
const printable = /^[!-[\]-~]+$/;

/** RFC 3986 §3, with the scheme in lower case and without a fragment. */
const uriForm = /^(?<scheme>[a-z][a-z0-9+.-]*):(?:\/\/(?<authority>[^/?]*))?(?<path>[^?]*)(?:\?(?<query>.*))?$/;

const authorityForm = /^(?<host>\[[^[\]]*\]|[^:[\]]*)(?::\d{1,5})?$/;

/** A scheme that RFC 8252 §7.1 requires of a native application: the reverse of a domain name. */
const reverseDomain = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$/;

/** Schemes that act inside a browser or an operating system instead of reaching an application. */
const reservedSchemes = new Set(
  'about blob chrome chrome-extension content data file filesystem ftp intent javascript jar mailto ms-settings res resource search-ms sms tel vbscript view-source ws wss'.split(
    ' ',
  ),
);

/** Parameters of the authorization response (RFC 6749 §4.1.2, RFC 9207, JARM): each occurs in it exactly once. */
const responseParameters = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response'];

/** Why no registration may contain the URI, as the end of a sentence; undefined for one of a valid form. */
export function redirectUriFault(uri: string): string | undefined {
  if (uri.length > LONGEST) return `it has over ${LONGEST} characters`;
  if (!printable.test(uri)) return 'a character is not printable ASCII';
  if (uri.includes('#')) return 'it has a fragment';
  if (uri.includes('*')) return 'it has a wildcard';
  const { scheme, authority, path = '', query } = uriForm.exec(uri)?.groups ?? {};
  if (scheme === undefined || !URL.canParse(uri)) return 'it is not an absolute URI';
  if (reservedSchemes.has(scheme)) return 'its scheme reaches no application';
  return authorityFault(uri, scheme, authority) ?? pathFault(path) ?? queryFault(query);
}

function authorityFault(uri: string, scheme: string, authority: string | undefined): string | undefined {
  const isWeb = scheme === 'https' || scheme === 'http';
  if (!authority) return isWeb ? 'it has no host' : undefined;
  if (authority.includes('@')) return 'it has user information';
  if (authority.includes('%')) return 'its host is percent-encoded';
  const host = authorityForm.exec(authority)?.groups?.host;
  if (host === undefined) return 'its host or port is invalid';
  // An IP address has many spellings, which another parser may read as another host.
  if (isWeb && (host.toLowerCase() !== new URL(uri).hostname || host.endsWith('.'))) return 'its host is not canonical';
  return scheme === 'http' && !isLoopbackUri(uri) ? 'http is for loopback addresses' : undefined;
}

/** Dot segments (RFC 3986 §3.3), percent-encoded ones and those between percent-encoded slashes too. */
const pathFault = (path: string) =>
  path
    .replaceAll(/%2e/gi, '.')
    .split(/\/|%2f|%5c/i)
    .some((segment) => segment === '.' || segment === '..')
    ? 'its path has a dot segment'
    : undefined;

function queryFault(query: string | undefined): string | undefined {
  const parameter = [...new URLSearchParams(query).keys()].find((key) => responseParameters.includes(key));
  return parameter && `its query has ${parameter}`;
}

/**
 * Why the URI is not usable on this server, as the end of a sentence; undefined for a usable one: https, loopback http, an
 * allowed scheme, or the reverse of a domain name as scheme.
 *
 * @param schemes the schemes of native applications that the operator allows
 */
export function redirectUseFault(uri: string, schemes: readonly string[]): string | undefined {
  const fault = redirectUriFault(uri);
  if (fault !== undefined) return fault;
  const { protocol, hostname } = new URL(uri);
  if (protocol === 'http:') return undefined;
  if (protocol === 'https:') {
    return hostname.includes('.') || pointsToLoopback(uri) ? undefined : 'its host is not a public name';
  }
  const scheme = protocol.slice(0, -1);
  if (!schemes.includes(scheme) && !reverseDomain.test(scheme)) return 'its scheme is not one of redirectSchemes';
  return uri.startsWith(`${scheme}:/`) ? undefined : 'its path does not begin with a slash';
}
