import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventTooLarge, type FunctionPool, FunctionThrottled } from '../lambda/function-pool.ts';
import type { Template } from '../template/template.ts';
import { type Api, type Integration, type Route, readApi } from './api-definition.ts';
import { GatewayError, gatewayResponse } from './gateway-error.ts';
import { bufferedAnswer, type Head, readPrelude, withContentType } from './integration-response.ts';
import {
  type Arrival,
  arrival,
  headerOf,
  invocation,
  isBinaryType,
  proxyEvent,
  requestContext,
} from './proxy-event.ts';
import { RequestAuthorizers } from './request-authorizer.ts';
import { Throttle } from './request-throttle.ts';
import { admits } from './resource-policy.ts';

/** Bytes of a request's body; API Gateway's quota. */
const REQUEST_LIMIT = 10 * 1024 * 1024;

/** One request, as the gateway saw it. No header and no query string: they may hold secrets. */
export type LogEntry = {
  requestId: string;
  method: string;
  path: string;
  /** 0 when the client had gone before there was an answer. */
  status: number;
  durationMs: number;
  /** Logical id of the function that was asked for the answer. */
  function?: string;
  error?: string;
};

export type GatewayServerOptions = {
  template: Template;
  functions: FunctionPool;
  /** 0 for any free port. */
  port: number;
  host?: string;
  log(entry: LogEntry): void;
  /** Milliseconds since the epoch; for the authorizers' cache and the throttle. */
  now?(): number;
};

export type GatewayServer = {
  /** Such as `http://127.0.0.1:8787`. */
  origin: string;
  /** Serves another template's API from the next request on; cached authorizations and the throttle start anew. */
  replace(template: Template): void;
  close(): Promise<void>;
};

/** What requests are handled by until the template is replaced. */
type Deployment = { api: Api; functions: FunctionPool; authorizers: RequestAuthorizers; throttle: Throttle };

/** A request under way. */
type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  arrival: Arrival;
  route?: Route;
  /** Logical id of the function that was asked for the answer. */
  function?: string;
  /** What went wrong, for the log. */
  error?: string;
};

/**
 * The template's REST API behind a root-mapped host name, as CloudFront or a custom domain makes it: `/mcp` here is
 * `/mcp` of the stage, and CloudFront's own headers are added.
 *
 * Only requests that name this very host are answered. A web page can have its own name resolve to 127.0.0.1, and would
 * otherwise talk to the tools of whoever looks at it (DNS rebinding).
 *
 * @throws Error if the port is taken, or the template asks for what is not run locally
 */
export async function startGatewayServer(options: GatewayServerOptions): Promise<GatewayServer> {
  const { functions, host = '127.0.0.1', now = Date.now } = options;
  const deploy = (template: Template): Deployment => ({
    api: readApi(template),
    functions,
    authorizers: new RequestAuthorizers(functions),
    throttle: new Throttle(),
  });
  let deployment = deploy(options.template);
  let names: string[] = [];

  const server = createServer((request, response) => {
    const arrived = arrival(request, randomUUID(), now(), deployment.api.originHeaders);
    const exchange: Exchange = { request, response, arrival: arrived };
    const startedAt = performance.now();
    response.on('close', () => options.log(logEntry(exchange, performance.now() - startedAt)));
    response.setHeader('x-amzn-RequestId', exchange.arrival.requestId);
    if (names.includes(request.headers.host?.toLowerCase() ?? '')) void serve(exchange, deployment);
    else misdirected(exchange);
  });
  server.listen(options.port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    throw new Error(`The port ${options.port} of ${host} is already in use`, { cause: error });
  });
  const { port } = server.address() as AddressInfo;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  names = [authority, `127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];

  return {
    origin: `http://${authority}`,
    replace(template) {
      deployment = deploy(template);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function serve(exchange: Exchange, deployment: Deployment): Promise<void> {
  try {
    await answer(exchange, deployment);
  } catch (error) {
    const failure = error instanceof GatewayError ? error : new GatewayError('DEFAULT_5XX', error);
    exchange.error = failure.message;
    if (exchange.response.headersSent) exchange.response.destroy();
    else refuse(exchange, deployment.api, failure);
  }
}

function misdirected(exchange: Exchange): void {
  exchange.error = `The host ${exchange.request.headers.host} is not this one`;
  send(exchange.response, { status: 403, headers: [['Content-Type', 'text/plain']] }, Buffer.from('Forbidden'));
}

function logEntry({ response, arrival, function: asked, error }: Exchange, durationMs: number): LogEntry {
  const cut = response.writableFinished ? undefined : 'the connection was closed before the end of the answer';
  return {
    requestId: arrival.requestId,
    method: arrival.verb,
    path: arrival.path,
    status: response.headersSent ? response.statusCode : 0,
    durationMs,
    function: asked,
    error: error ?? cut,
  };
}

/** The way of a request: route, policy, limits, authorizer, integration. Each may end it with a GatewayError. */
async function answer(exchange: Exchange, { api, functions, authorizers, throttle }: Deployment): Promise<void> {
  const { arrival, request, response } = exchange;
  const body = await readBody(request);
  const route = api.route(arrival.verb, arrival.path);
  if (route === undefined) throw new GatewayError('MISSING_AUTHENTICATION_TOKEN');
  exchange.route = route;
  if (body === undefined) throw new GatewayError('REQUEST_TOO_LARGE');
  const { limit, authorizer, integration } = route;
  if (!admits(api.policy, invocation(arrival, api), authorizer !== undefined)) {
    throw new GatewayError('ACCESS_DENIED', "the API's resource policy refuses it");
  }
  if (limit !== undefined && !throttle.admits(limit, arrival.receivedAt)) throw new GatewayError('THROTTLED');
  const context = authorizer && (await authorizers.authorize(authorizer, arrival, api, route));

  if (integration.type === 'MOCK') {
    const headers = withContentType(integration.headers, 'application/json');
    send(response, { status: integration.status, headers }, Buffer.from(integration.body));
    return;
  }
  exchange.function = integration.function;
  const event = proxyEvent(arrival, api, route, body, context);
  try {
    if (integration.stream) {
      await relay(exchange, functions.invokeStreaming(integration.function, event), integration);
    } else {
      const result = await withinTime(integration, functions.invoke(integration.function, event));
      const answer = bufferedAnswer(result, isBinaryType(api.binaryMediaTypes, headerOf(arrival, 'accept')));
      send(response, answer, answer.body);
    }
  } catch (error) {
    if (error instanceof EventTooLarge) throw new GatewayError('REQUEST_TOO_LARGE', error);
    if (error instanceof FunctionThrottled) throw new GatewayError('API_CONFIGURATION_ERROR', error);
    throw error;
  }
}

type LambdaIntegration = Integration & { type: 'AWS_PROXY' };

/**
 * Sends a stream on as it comes, at the client's pace. When the client has gone the rest is read and dropped: as on AWS,
 * the function is not told.
 */
async function relay(
  exchange: Exchange,
  chunks: AsyncGenerator<Uint8Array, void>,
  integration: LambdaIntegration,
): Promise<void> {
  const { response } = exchange;
  const late = setTimeout(() => {
    if (!response.headersSent) return;
    exchange.error = `INTEGRATION_TIMEOUT: the stream was cut after ${integration.timeoutMilliseconds} ms`;
    response.destroy();
  }, integration.timeoutMilliseconds);
  try {
    const { rest, ...head } = await withinTime(integration, readPrelude(chunks));
    writeHead(response, head);
    response.flushHeaders();
    if (rest.length > 0) await write(response, rest);
    for await (const chunk of chunks) await write(response, chunk);
    response.end();
  } catch (error) {
    // Let go of the function, which otherwise waits for its reader. It may be a while until it writes again.
    void chunks.return();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

async function write(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  if (response.destroyed || response.write(chunk)) return;
  await new Promise<void>((resolve) => {
    response.once('drain', resolve).once('close', resolve);
  });
}

/** @throws GatewayError INTEGRATION_TIMEOUT; the function goes on, as on AWS */
async function withinTime<T>({ timeoutMilliseconds }: LambdaIntegration, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new GatewayError('INTEGRATION_TIMEOUT')), timeoutMilliseconds);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}

/** @returns undefined for a body above the limit, read to its end all the same so that the client hears the answer */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= REQUEST_LIMIT) chunks.push(chunk);
  }
  return size <= REQUEST_LIMIT ? Buffer.concat(chunks) : undefined;
}

function refuse({ response, arrival, route }: Exchange, api: Api, error: GatewayError): void {
  const { status, headers, body } = gatewayResponse(error, api.responses, {
    context: requestContext(arrival, api, route),
    header: (name) => headerOf(arrival, name),
    query: (name) => arrival.query.get(name) ?? undefined,
  });
  send(response, { status, headers }, Buffer.from(body));
}

function send(response: ServerResponse, { status, headers }: Head, body: Buffer): void {
  const rest = headers.filter(([name]) => name.toLowerCase() !== 'content-length');
  const length: [string, string][] = status === 204 || status === 304 ? [] : [['Content-Length', String(body.length)]];
  writeHead(response, { status, headers: [...rest, ...length] });
  response.end(body);
}

/** A header that is named more than once is sent more than once. */
function writeHead(response: ServerResponse, { status, headers }: Head): void {
  response.statusCode = status;
  for (const [name, value] of headers) response.appendHeader(name, value);
}
