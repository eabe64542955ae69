import { isLoopbackHost } from './loopback.ts';

/** Where an upstream server is. */
export type UpstreamAddress = {
  url: string;
  /** `aud` of the assertions. @default the URL */
  audience?: string;
  /** Whether the URL is that of a Lambda function with the authorization type `AWS_IAM`. */
  iam?: true;
};

/** The variable `UPSTREAMS`: addresses by name. */
export type UpstreamAddresses = Readonly<Record<string, UpstreamAddress>>;

/** Path of the issuer of assertions at the public origin. Access tokens have the origin itself as their issuer. */
export const UPSTREAM_ISSUER_PATH = 'upstream';

/** Path of the keys that verify assertions. */
export const UPSTREAM_KEYS_PATH = `${UPSTREAM_ISSUER_PATH}/jwks.json`;

/** Also part of a variable's name: `UPSTREAM_ORDERS_URL` replaces the URL of `orders`. */
export const upstreamNameForm = /^[a-z][a-z0-9_]{0,31}$/;

/** Whether requests to the URL are encrypted, or stay on this computer. */
export function isUpstreamUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url));
}
