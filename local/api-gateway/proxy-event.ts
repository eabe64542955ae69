import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import type { Request } from '../iam/iam-policy.ts';
import type { Api, Route } from './api-definition.ts';

/** What is known of a request before anything is decided about it. */
export type Arrival = {
  requestId: string;
  /** In milliseconds since the epoch. */
  receivedAt: number;
  verb: string;
  /** As sent, without the query string. */
  path: string;
  query: URLSearchParams;
  headers: [name: string, value: string][];
  sourceIp: string;
};

/** Headers that API Gateway does not hand to a function (its developer guide, "important notes", column for Lambda). */
const withheld = new Set([
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

/** @param added headers that stand in place of the client's own of the same name */
export function arrival(
  request: IncomingMessage,
  requestId: string,
  receivedAt: number,
  added: [name: string, value: string][],
): Arrival {
  const target = request.url ?? '';
  const question = target.indexOf('?');
  const replaced = new Set(added.map(([name]) => name.toLowerCase()));
  const headers = [...added];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!;
    if (!replaced.has(name.toLowerCase())) headers.push([name, request.rawHeaders[i + 1]!]);
  }
  return {
    requestId,
    receivedAt,
    verb: request.method ?? 'GET',
    path: question < 0 ? target : target.slice(0, question),
    query: new URLSearchParams(question < 0 ? '' : target.slice(question + 1)),
    headers,
    sourceIp: request.socket.remoteAddress ?? '',
  };
}

export function headerOf(arrival: Arrival, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return arrival.headers.find(([each]) => each.toLowerCase() === wanted)?.[1];
}

/** `$context`, as far as it is known before the authorizer has spoken. */
export function requestContext(arrival: Arrival, api: Api, route: Route | undefined) {
  const { requestId, receivedAt, verb, path, sourceIp } = arrival;
  const host = executeApiHost(api.id);
  return {
    accountId: '000000000000',
    apiId: api.id,
    stage: api.stage,
    requestId,
    extendedRequestId: requestId,
    httpMethod: verb,
    path: `/${api.stage}${path}`,
    protocol: 'HTTP/1.1',
    resourceId: route?.resourceId ?? '',
    resourcePath: route?.resourcePath ?? '',
    requestTimeEpoch: receivedAt,
    requestTime: new Date(receivedAt).toUTCString(),
    domainName: host,
    domainPrefix: api.id,
    identity: { ...noIdentity, sourceIp, userAgent: headerOf(arrival, 'user-agent') ?? null },
  };
}

/**
 * The event of a Lambda proxy integration (payload format 1.0), the same for both transfer modes.
 *
 * @param authorizer what the authorizer said; a method without one has no such property
 */
export function proxyEvent(
  arrival: Arrival,
  api: Api,
  route: Route,
  body: Buffer,
  authorizer: Record<string, string> | undefined,
): APIGatewayProxyEvent {
  const isBinary = isBinaryType(api.binaryMediaTypes, headerOf(arrival, 'content-type'));
  return {
    ...requestParameters(arrival, api, route),
    requestContext: { ...requestContext(arrival, api, route), authorizer },
    body: body.length === 0 ? null : body.toString(isBinary ? 'base64' : 'utf8'),
    isBase64Encoded: isBinary && body.length > 0,
  };
}

/** What a REQUEST authorizer is asked: the request without its body. */
export function authorizerEvent(arrival: Arrival, api: Api, route: Route) {
  return {
    type: 'REQUEST',
    methodArn: methodArn(arrival, api),
    ...requestParameters(arrival, api, route),
    requestContext: requestContext(arrival, api, route),
  };
}

/** What the policies of API and authorizer decide about. */
export function invocation(arrival: Arrival, api: Api): Request {
  const referer = headerOf(arrival, 'referer');
  return {
    action: 'execute-api:Invoke',
    resource: methodArn(arrival, api),
    context: { 'aws:Referer': referer === undefined ? [] : [referer] },
  };
}

export function methodArn({ verb, path }: Arrival, api: Api): string {
  return `arn:aws:execute-api:us-east-1:000000000000:${api.id}/${api.stage}/${verb}${path}`;
}

/** Whether a media type is one that the API treats as bytes. Of a list, as in `Accept`, only the first counts. */
export function isBinaryType(binaryMediaTypes: string[], header: string | undefined): boolean {
  if (binaryMediaTypes.includes('*/*')) return true;
  const type = header?.split(/[,;]/)[0]?.trim().toLowerCase();
  return (
    type !== undefined &&
    binaryMediaTypes.some((each) => each === type || (each.endsWith('/*') && type.startsWith(each.slice(0, -1))))
  );
}

function requestParameters(arrival: Arrival, api: Api, route: Route) {
  const { verb, path, query } = arrival;
  const headers = forwardedHeaders(arrival, api);
  const queries = [...query];
  return {
    resource: route.resourcePath,
    path,
    httpMethod: verb,
    headers: Object.fromEntries(headers),
    multiValueHeaders: grouped(headers),
    queryStringParameters: queries.length > 0 ? Object.fromEntries(queries) : null,
    multiValueQueryStringParameters: queries.length > 0 ? grouped(queries) : null,
    pathParameters: Object.keys(route.parameters).length > 0 ? route.parameters : null,
    stageVariables: null,
  };
}

/**
 * As they would arrive: CloudFront asks the API by its own host name, and both add where the request came from. The name
 * in the address bar reaches no function, so one that builds links from `Host` fails here too.
 */
function forwardedHeaders(arrival: Arrival, api: Api): [string, string][] {
  const added = new Set(['host', 'x-forwarded-for', 'x-forwarded-port', 'x-forwarded-proto', 'x-amzn-trace-id']);
  const forwardedFor = headerOf(arrival, 'x-forwarded-for');
  const traceId = arrival.requestId.replaceAll('-', '').slice(0, 24);
  const seconds = Math.floor(arrival.receivedAt / 1000)
    .toString(16)
    .padStart(8, '0');
  return [
    ...arrival.headers.filter(([name]) => !withheld.has(name.toLowerCase()) && !added.has(name.toLowerCase())),
    ['Host', executeApiHost(api.id)],
    ['X-Forwarded-For', forwardedFor === undefined ? arrival.sourceIp : `${forwardedFor}, ${arrival.sourceIp}`],
    ['X-Forwarded-Port', '443'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Amzn-Trace-Id', headerOf(arrival, 'x-amzn-trace-id') ?? `Root=1-${seconds}-${traceId}`],
  ];
}

/** The API's own host name. */
export function executeApiHost(apiId: string): string {
  return `${apiId}.execute-api.us-east-1.amazonaws.com`.toLowerCase();
}

function grouped(pairs: [string, string][]): Record<string, string[]> {
  // A map, because a name may be one that every object has, such as `constructor`.
  const groups = new Map<string, string[]>();
  for (const [name, value] of pairs) groups.set(name, [...(groups.get(name) ?? []), value]);
  return Object.fromEntries(groups);
}

const noIdentity = {
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
