/**
 * Loopback addresses. Two rules, on purpose:
 *
 * - `isLoopbackUri` is for URIs that clients and web pages name (RFC 8252 §7.3): every address of 127.0.0.0/8, `[::1]`
 *   and `localhost`, by http alone. It reads the text as it was sent, because a URL parser accepts spellings such as
 *   `http://2130706433` that another parser resolves differently.
 * - `isLoopbackHost` is for URLs that an operator configures, which loopback exempts from https. It reads a parsed URL and
 *   knows the three usual hosts alone: the operator needs no other address of 127.0.0.0/8.
 */

const loopbackUri = /^http:\/\/(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?(?=[/?]|$)/;

/** Whether the URI points to the user's own machine, where any program may listen. */
export const isLoopbackUri = (uri: string): boolean => loopbackUri.test(uri);

/** Whether the URI, by http or https, points to the user's own machine. */
export const pointsToLoopback = (uri: string): boolean => isLoopbackUri(uri.replace(/^https:/, 'http:'));

/** The loopback URI without its port, which a native application chooses at run time (RFC 8252 §7.3). */
export const withoutLoopbackPort = (uri: string): string => uri.replace(loopbackUri, 'http://$1');

/** Whether the host of a configured URL is this machine, so that plain http may reach it. */
export const isLoopbackHost = ({ hostname }: Pick<URL, 'hostname'>): boolean =>
  ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
