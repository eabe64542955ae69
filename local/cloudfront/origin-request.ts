import type { HeaderList } from '../api-gateway/api-model.ts';
import { type GatewayRequest, headerOf } from '../api-gateway/gateway-request.ts';
import type { CacheBehavior } from './distribution.ts';
import type { RequestParts } from './edge-policies.ts';

/** The headers of the body, which CloudFront always forwards. */
const bodyHeaders = ['content-length', 'content-type', 'transfer-encoding'];

/** The address from which requests of CloudFront reach the API, from the ranges for documentation (RFC 5737). */
const EDGE_ADDRESS = '192.0.2.1';

/**
 * The request as CloudFront sends it to the API: with the headers, cookies and query parameters of the cache key and of the
 * origin request policy, and the address of its client as the last one in `X-Forwarded-For`. CloudFront forwards
 * `Authorization` of some methods without a policy; here it needs one.
 */
export function originRequest(request: GatewayRequest, behavior: CacheBehavior): GatewayRequest {
  const { originHeaders } = behavior;
  const kept = selected(request, {
    header: (name) => isForwarded(behavior, (parts) => parts.header(name)) || bodyHeaders.includes(name),
    cookie: (name) => isForwarded(behavior, (parts) => parts.cookie(name)),
    parameter: (name) => isForwarded(behavior, (parts) => parts.parameter(name)),
  });
  const replaced = new Set(['x-forwarded-for', ...originHeaders.map(([name]) => name.toLowerCase())]);
  const headers = kept.headers.filter(([name]) => !replaced.has(name.toLowerCase()));
  const client = headerOf(request, 'x-forwarded-for');
  const forwarded = client === undefined ? request.sourceIp : `${client}, ${request.sourceIp}`;
  const ownAgent: HeaderList = forwardsHeader(behavior, 'user-agent') ? [] : [['User-Agent', 'Amazon CloudFront']];
  return {
    ...request,
    headers: [...originHeaders, ...ownAgent, ...headers, ['X-Forwarded-For', forwarded]],
    query: kept.query,
    sourceIp: EDGE_ADDRESS,
  };
}

/** Whether a header of the client reaches the API. @param name in lower case */
export const forwardsHeader = (behavior: CacheBehavior, name: string): boolean =>
  isForwarded(behavior, (parts) => parts.header(name));

/** The cache key of a request. */
export function cacheKey(request: GatewayRequest, { cache, pathPattern }: CacheBehavior): string {
  const { headers, query } = selected(request, cache.key);
  const sorted = headers.map(([name, value]) => [name.toLowerCase(), value]).toSorted();
  return JSON.stringify([pathPattern, request.path, sorted, [...query]]);
}

const isForwarded = ({ cache, originRequest }: CacheBehavior, test: (parts: RequestParts) => boolean): boolean =>
  test(cache.key) || (originRequest !== undefined && test(originRequest));

function selected(request: GatewayRequest, parts: RequestParts): Pick<GatewayRequest, 'headers' | 'query'> {
  const headers = request.headers.filter(([name]) => {
    const lowerCase = name.toLowerCase();
    return lowerCase !== 'cookie' && parts.header(lowerCase);
  });
  const cookies = (headerOf(request, 'cookie') ?? '')
    .split(';')
    .map((each) => each.trim())
    .filter((each) => each !== '' && parts.cookie(each.split('=', 1)[0]!));
  return {
    headers: cookies.length > 0 ? [...headers, ['Cookie', cookies.join('; ')]] : headers,
    query: new URLSearchParams([...request.query].filter(([name]) => parts.parameter(name))),
  };
}
