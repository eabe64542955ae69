/** The members of API Gateway's events that describe the way of the request. */
export type ProxiedRequest = {
  requestContext: {
    requestId: string;
    apiId: string;
    domainName?: string | undefined;
    identity: { sourceIp?: string | null };
  };
  multiValueHeaders: Record<string, string[] | undefined> | null;
};

/** An address and nothing else: 45 characters are the longest text of an IPv6 address. */
const ADDRESS = /^[\da-f:.]{2,45}$/i;

/**
 * The IP address from which the client has connected: to API Gateway, with a custom domain, or else to CloudFront.
 *
 * CloudFront appends the address of its client to `X-Forwarded-For`, and API Gateway that of CloudFront. The entries before
 * these two are the client's own text. Requests that do not come through CloudFront have no such entry, and the API denies
 * them (`lib/hostname.ts`). A custom domain disables the default host name of the API, so that name identifies CloudFront.
 */
export function viewerAddress({ requestContext, multiValueHeaders }: ProxiedRequest): string | undefined {
  const { apiId, domainName = '', identity } = requestContext;
  const address = domainName.startsWith(`${apiId}.execute-api.`)
    ? forwardedFor(multiValueHeaders ?? {}).at(-2)
    : identity.sourceIp;
  return address && ADDRESS.test(address) ? address : undefined;
}

function forwardedFor(headers: NonNullable<ProxiedRequest['multiValueHeaders']>): string[] {
  return Object.entries(headers)
    .filter(([name]) => name.toLowerCase() === 'x-forwarded-for')
    .flatMap(([, values]) => (values ?? []).join().split(','))
    .map((each) => each.trim());
}
