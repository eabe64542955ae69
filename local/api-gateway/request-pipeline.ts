import type { IncomingMessage } from 'node:http';
import { type Clock, timedOut, withinTime } from '../../lambda/core/support/clock.ts';
import { EventTooLarge, FunctionThrottled } from '../lambda/function-error.ts';
import type { FunctionPool } from '../lambda/function-pool.ts';
import type { Api, LambdaIntegration, Route } from './api-model.ts';
import { GatewayError } from './gateway-error.ts';
import { type GatewayRequest, headBytes, headerOf } from './gateway-request.ts';
import { renderGatewayResponse } from './gateway-response.ts';
import { type ResponseHead, readBufferedResponse, readPrelude, withContentType } from './integration-response.ts';
import { type JsonRpcCall, jsonRpcCallIn } from './json-rpc-call.ts';
import { invokeRequest, isBinaryType, proxyEvent, requestContext } from './proxy-event.ts';
import type { RequestAuthorizers } from './request-authorizer.ts';
import type { RequestThrottle } from './request-throttle.ts';
import { policyAdmits } from './resource-policy.ts';
import type { ResponseBody, SendResponse } from './response-writer.ts';

/** API Gateway's quota for the body of a request, in bytes. */
const REQUEST_LIMIT = 10 * 1024 * 1024;

/**
 * API Gateway's quota for the request line and the header values, in bytes. The documentation names no status; clients report
 * 431, before any gateway response.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-limits-table.html
 */
const HEAD_LIMIT = 10_240;

/** A deployed API. */
export type Deployment = {
  api: Api;
  functions: FunctionPool;
  authorizers: RequestAuthorizers;
  throttle: RequestThrottle;
  clock: Clock;
};

/** A request in progress. */
export type Exchange = {
  message: IncomingMessage;
  request: GatewayRequest;
  respond: SendResponse;
  /** Ends a response before its end. */
  abort(): void;
  route?: Route;
  /** The logical id of the invoked function. */
  function?: string;
  /** Whether API Gateway has begun its response. */
  hasHead?: boolean;
  /** Whether a part of the body of a stream has been sent. */
  hasBody?: boolean;
  /** For the log. */
  error?: string;
  call?: JsonRpcCall | undefined;
};

function respond(exchange: Exchange, head: ResponseHead, body: ResponseBody): Promise<void> {
  exchange.hasHead = true;
  return exchange.respond(head, body);
}

/** Answers a request; a GatewayError becomes a gateway response. */
export async function answerRequest(exchange: Exchange, deployment: Deployment): Promise<void> {
  try {
    await runPipeline(exchange, deployment);
  } catch (error) {
    const gatewayError = error instanceof GatewayError ? error : new GatewayError('DEFAULT_5XX', error);
    exchange.error = gatewayError.message;
    if (exchange.hasHead) exchange.abort();
    else await sendGatewayResponse(exchange, deployment.api, gatewayError);
  }
}

/** Route, resource policy, throttle, authorizer, integration. Each step may throw a GatewayError. */
async function runPipeline(exchange: Exchange, deployment: Deployment): Promise<void> {
  const { api, authorizers, throttle } = deployment;
  const { request, message } = exchange;
  const body = await readBody(message);
  if (request.httpMethod === 'POST' && body !== undefined) exchange.call = jsonRpcCallIn(body);
  const size = headBytes(request, `/${api.stage}${request.path}`);
  if (size > HEAD_LIMIT) {
    exchange.error = `Request line and header values are ${size} bytes; the limit of API Gateway is ${HEAD_LIMIT}`;
    const head: ResponseHead = { status: 431, headers: [['Content-Type', 'text/plain']] };
    return respond(exchange, head, 'Request Header Fields Too Large');
  }
  const route = api.route(request.httpMethod, request.path);
  if (route === undefined) throw new GatewayError('MISSING_AUTHENTICATION_TOKEN');
  exchange.route = route;
  if (body === undefined) throw new GatewayError('REQUEST_TOO_LARGE');
  const { limit, authorizer, integration } = route;
  if (!policyAdmits(api.policy, invokeRequest(request, api), authorizer !== undefined)) {
    throw new GatewayError('ACCESS_DENIED', 'the resource policy of the API denies the request');
  }
  if (limit !== undefined && !throttle.admits(limit, request.receivedAt)) throw new GatewayError('THROTTLED');
  const context = authorizer && (await authorizers.authorize(authorizer, request, api, route));

  if (integration.type === 'MOCK') {
    const headers = withContentType(integration.headers, 'application/json');
    return respond(exchange, { status: integration.status, headers }, integration.body);
  }
  exchange.function = integration.function;
  await invokeIntegration(exchange, deployment, integration, proxyEvent(request, api, route, body, context));
}

async function invokeIntegration(
  exchange: Exchange,
  deployment: Deployment,
  integration: LambdaIntegration,
  event: object,
): Promise<void> {
  const send = integration.stream ? sendStreamingResponse : sendBufferedResponse;
  try {
    await send(exchange, deployment, integration, event);
  } catch (error) {
    if (error instanceof EventTooLarge) throw new GatewayError('REQUEST_TOO_LARGE', error);
    if (error instanceof FunctionThrottled) throw new GatewayError('INTEGRATION_FAILURE', error);
    throw error;
  }
}

async function sendBufferedResponse(
  exchange: Exchange,
  { api, functions, clock }: Deployment,
  integration: LambdaIntegration,
  event: object,
): Promise<void> {
  const result = await withinIntegrationTimeout(integration, clock, functions.invoke(integration.function, event));
  const acceptsBinary = isBinaryType(api.binaryMediaTypes, headerOf(exchange.request, 'accept'));
  const { body, ...head } = readBufferedResponse(result, acceptsBinary);
  await respond(exchange, head, body);
}

/**
 * Forwards a stream as the function writes it. If the client disconnects, the rest is read and discarded: as on AWS, the
 * function receives no notice.
 */
async function sendStreamingResponse(
  exchange: Exchange,
  { functions, clock }: Deployment,
  integration: LambdaIntegration,
  event: object,
): Promise<void> {
  const chunks = functions.invokeStreaming(integration.function, event);
  const timeout = clock.after(integration.timeoutMilliseconds, () => {
    if (!exchange.hasHead) return;
    exchange.error = `INTEGRATION_TIMEOUT: the stream was cut after ${integration.timeoutMilliseconds} ms`;
    exchange.abort();
  });
  try {
    const { rest, ...head } = await withinIntegrationTimeout(integration, clock, readPrelude(chunks));
    await respond(exchange, head, observed(exchange, rest, chunks));
  } catch (error) {
    // Releases the function, which waits for its reader. Not awaited: the function may not write for a while.
    void chunks.return();
    throw error;
  } finally {
    timeout.cancel();
  }
}

/** The chunks of a body, noted in the exchange. */
async function* observed(exchange: Exchange, first: Uint8Array, rest: AsyncIterable<Uint8Array>) {
  exchange.hasBody = first.length > 0;
  if (exchange.hasBody) yield first;
  for await (const chunk of rest) {
    exchange.hasBody ||= chunk.length > 0;
    yield chunk;
  }
}

/** @throws GatewayError INTEGRATION_TIMEOUT; the function continues, as on AWS */
async function withinIntegrationTimeout<T>(
  { timeoutMilliseconds }: LambdaIntegration,
  clock: Clock,
  work: Promise<T>,
): Promise<T> {
  const result = await withinTime(clock, timeoutMilliseconds, work);
  if (result === timedOut) throw new GatewayError('INTEGRATION_TIMEOUT');
  return result;
}

/** @returns undefined for a body above the limit; reads it to its end, so that the client receives the response */
async function readBody(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= REQUEST_LIMIT) chunks.push(chunk);
  }
  return size <= REQUEST_LIMIT ? Buffer.concat(chunks) : undefined;
}

function sendGatewayResponse(exchange: Exchange, api: Api, error: GatewayError): Promise<void> {
  const { request, route } = exchange;
  const { body, ...head } = renderGatewayResponse(error, api.responses, {
    context: requestContext(request, api, route),
    header: (name) => headerOf(request, name),
    query: (name) => request.query.get(name) ?? undefined,
  });
  return respond(exchange, head, body);
}
