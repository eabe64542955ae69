import type { APIGatewayProxyEvent } from 'aws-lambda';
import type { AccessRequest } from '../iam/iam-policy.ts';
import type { Api, HeaderList, Route } from './api-model.ts';
import { executeApiArn } from './execute-api.ts';
import { type GatewayRequest, headerOf } from './gateway-request.ts';

/** Headers that API Gateway does not pass to a function (its developer guide, "important notes", column for Lambda). */
const removedHeaders = new Set([
  'connection',
  'content-md5',
  'expect',
  'max-forwards',
  'proxy-authenticate',
  'server',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
]);

/** Headers that CloudFront and API Gateway set. */
const forwardingHeaders = new Set([
  'host',
  'x-forwarded-for',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-amzn-trace-id',
]);

/** `$context` before the authorizer runs. */
export function requestContext(request: GatewayRequest, api: Api, route: Route | undefined) {
  const { requestId, receivedAt, httpMethod, path, sourceIp } = request;
  return {
    accountId: api.environment.account,
    apiId: api.id,
    stage: api.stage,
    requestId,
    extendedRequestId: requestId,
    httpMethod,
    path: `/${api.stage}${path}`,
    protocol: 'HTTP/1.1',
    resourceId: route?.resourceId ?? '',
    resourcePath: route?.resourcePath ?? '',
    requestTimeEpoch: receivedAt,
    requestTime: new Date(receivedAt).toUTCString(),
    domainName: api.host,
    domainPrefix: api.host.split('.', 1)[0]!,
    identity: { ...emptyIdentity, sourceIp, userAgent: headerOf(request, 'user-agent') ?? null },
  };
}

/**
 * The event of a Lambda proxy integration (payload format 1.0), equal for both transfer modes.
 *
 * @param authorizer the authorizer's context; undefined for a method without an authorizer
 */
export function proxyEvent(
  request: GatewayRequest,
  api: Api,
  route: Route,
  body: Buffer,
  authorizer: Record<string, string> | undefined,
): APIGatewayProxyEvent {
  const isBinary = isBinaryType(api.binaryMediaTypes, headerOf(request, 'content-type'));
  return {
    ...requestParameters(request, api, route),
    requestContext: { ...requestContext(request, api, route), authorizer },
    body: body.length === 0 ? null : body.toString(isBinary ? 'base64' : 'utf8'),
    isBase64Encoded: isBinary && body.length > 0,
  };
}

/** The event of a REQUEST authorizer: the request without its body. */
export function authorizerEvent(request: GatewayRequest, api: Api, route: Route) {
  return {
    type: 'REQUEST',
    methodArn: methodArn(request, api),
    ...requestParameters(request, api, route),
    requestContext: requestContext(request, api, route),
  };
}

/** The request that the API's policy and the authorizer's policy evaluate. */
export function invokeRequest(request: GatewayRequest, api: Api): AccessRequest {
  const referer = headerOf(request, 'referer');
  return {
    action: 'execute-api:Invoke',
    resource: methodArn(request, api),
    context: { 'aws:Referer': referer === undefined ? [] : [referer] },
  };
}

function methodArn({ httpMethod, path }: GatewayRequest, api: Api): string {
  return `${executeApiArn(api.environment, api.id)}/${api.stage}/${httpMethod}${path}`;
}

/** Whether the API treats a media type as binary. Of a list, as in `Accept`, only the first entry counts. */
export function isBinaryType(binaryMediaTypes: string[], header: string | undefined): boolean {
  if (binaryMediaTypes.includes('*/*')) return true;
  const type = header?.split(/[,;]/)[0]?.trim().toLowerCase();
  return (
    type !== undefined &&
    binaryMediaTypes.some((each) => each === type || (each.endsWith('/*') && type.startsWith(each.slice(0, -1))))
  );
}

function requestParameters(request: GatewayRequest, api: Api, route: Route) {
  const { httpMethod, path, query } = request;
  const headers = forwardedHeaders(request, api);
  const parameters = [...query];
  return {
    resource: route.resourcePath,
    path,
    httpMethod,
    headers: Object.fromEntries(headers),
    multiValueHeaders: grouped(headers),
    queryStringParameters: parameters.length > 0 ? Object.fromEntries(parameters) : null,
    multiValueQueryStringParameters: parameters.length > 0 ? grouped(parameters) : null,
    pathParameters: Object.keys(route.parameters).length > 0 ? route.parameters : null,
    stageVariables: null,
  };
}

/**
 * The headers as a function receives them: CloudFront sends the API's host name as `Host`, and both CloudFront and API
 * Gateway append the source of the request. Behind CloudFront no function receives the public host name, so a function that
 * builds links from `Host` fails locally too.
 */
function forwardedHeaders(request: GatewayRequest, api: Api): HeaderList {
  const forwardedFor = headerOf(request, 'x-forwarded-for');
  const traceId = request.requestId.replaceAll('-', '').slice(0, 24);
  const seconds = Math.floor(request.receivedAt / 1000)
    .toString(16)
    .padStart(8, '0');
  return [
    ...request.headers.filter(
      ([name]) => !removedHeaders.has(name.toLowerCase()) && !forwardingHeaders.has(name.toLowerCase()),
    ),
    ['Host', api.host],
    ['X-Forwarded-For', forwardedFor === undefined ? request.sourceIp : `${forwardedFor}, ${request.sourceIp}`],
    ['X-Forwarded-Port', '443'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Amzn-Trace-Id', headerOf(request, 'x-amzn-trace-id') ?? `Root=1-${seconds}-${traceId}`],
  ];
}

function grouped(pairs: HeaderList): Record<string, string[]> {
  // A Map, because a name may be a member of Object.prototype, such as `constructor`.
  const groups = new Map<string, string[]>();
  for (const [name, value] of pairs) groups.set(name, [...(groups.get(name) ?? []), value]);
  return Object.fromEntries(groups);
}

const emptyIdentity = {
  accessKey: null,
  accountId: null,
  apiKey: null,
  apiKeyId: null,
  caller: null,
  clientCert: null,
  cognitoAuthenticationProvider: null,
  cognitoAuthenticationType: null,
  cognitoIdentityId: null,
  cognitoIdentityPoolId: null,
  principalOrgId: null,
  user: null,
  userArn: null,
};
