import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import type { Clock } from '../../lambda/core/support/clock.ts';
import { behaviorOf } from '../cloudfront/cache-behaviors.ts';
import { EdgeCache, type WholeResponse } from '../cloudfront/edge-cache.ts';
import type { FunctionPool } from '../lambda/function-pool.ts';
import type { Template } from '../template/template.ts';
import { readApi } from './api-definition.ts';
import { readGatewayRequest } from './gateway-request.ts';
import { RequestAuthorizers } from './request-authorizer.ts';
import { answerRequest, type Deployment, type Exchange } from './request-pipeline.ts';
import { RequestThrottle } from './request-throttle.ts';
import { sendResponse } from './response-writer.ts';

/** The log entry of one request. Without headers and query string, which may contain secrets. */
export type LogEntry = {
  requestId: string;
  method: string;
  path: string;
  /** 0 if the client disconnected before the response. */
  status: number;
  durationMs: number;
  /** The logical id of the invoked function. */
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
  /** For integration timeouts, the authorizers' cache and the throttle. */
  clock?: Clock;
};

export type GatewayServer = {
  /** Such as `http://127.0.0.1:8787`. */
  origin: string;
  /** Deploys another template's API, with empty caches and full throttle buckets. */
  replace(template: Template): void;
  /** Empties the cache of CloudFront. */
  invalidate(): void;
  close(): Promise<void>;
};

/**
 * The template's REST API behind a root-mapped host name, as CloudFront or a custom domain provides it: `/mcp` here is
 * `/mcp` of the stage. Of CloudFront, the headers that it adds and the caching of its cache behaviors are emulated.
 *
 * Answers only requests whose `Host` is a name of this server. A web page can resolve its host name to 127.0.0.1 and would
 * otherwise reach the tools of its visitor (DNS rebinding).
 *
 * @throws Error if the port is in use, or the template uses an unsupported feature
 */
export async function startGatewayServer(options: GatewayServerOptions): Promise<GatewayServer> {
  const { functions, host = '127.0.0.1', clock = systemClock } = options;
  const deploy = (template: Template): Deployment => ({
    api: readApi(template),
    functions,
    authorizers: new RequestAuthorizers(functions),
    throttle: new RequestThrottle(),
    clock,
  });
  let deployment = deploy(options.template);
  let edge = new EdgeCache();
  let hostNames: string[] = [];

  const server = createServer((message, response) => {
    const request = readGatewayRequest(message, randomUUID(), clock.now(), deployment.api.originHeaders);
    const exchange: Exchange = { message, response, request };
    const startedAt = performance.now();
    response.on('close', () => options.log(logEntry(exchange, performance.now() - startedAt)));
    response.setHeader('x-amzn-RequestId', request.requestId);
    if (hostNames.includes(message.headers.host?.toLowerCase() ?? '')) void answerAtEdge(exchange, deployment, edge);
    else rejectHost(exchange);
  });
  server.listen(options.port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    throw new Error(`The port ${options.port} of ${host} is already in use`, { cause: error });
  });
  const { port } = server.address() as AddressInfo;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  hostNames = [authority, `127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];

  return {
    origin: `http://${authority}`,
    replace(template) {
      deployment = deploy(template);
      edge = new EdgeCache();
    },
    invalidate() {
      edge = new EdgeCache();
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Answers from the cache of CloudFront, or forwards the request to API Gateway. */
async function answerAtEdge(exchange: Exchange, deployment: Deployment, edge: EdgeCache): Promise<void> {
  const { request, response } = exchange;
  const { cacheBehaviors, originHeaders } = deployment.api;
  const behavior = behaviorOf(cacheBehaviors, request.path);
  if (behavior === undefined) return answerRequest(exchange, deployment);
  const parameters = [...request.query].filter(([name]) => behavior.queryParameters.includes(name));
  exchange.request = { ...request, query: new URLSearchParams(parameters), headers: originHeaders };
  if (request.httpMethod !== 'GET') return answerRequest(exchange, deployment);
  const key = JSON.stringify([request.path, parameters]);
  const { head, body } = await edge.respond(key, behavior, request.receivedAt, () => fetchWhole(exchange, deployment));
  sendResponse(response, head, body);
}

function fetchWhole(exchange: Exchange, deployment: Deployment): Promise<WholeResponse> {
  return new Promise((resolve) => {
    exchange.respond = (head, body) => resolve({ head, body: Buffer.from(body) });
    void answerRequest(exchange, deployment);
  });
}

/**
 * Whether the client has closed the connection before it had what it needs. Clients cancel the body of an acknowledgement
 * or an error, while the function still ends its stream.
 */
function missesBody({ response, hasBody = false }: Exchange): boolean {
  if (response.writableFinished) return false;
  if (!response.headersSent) return true;
  const isEventStream = String(response.getHeader('content-type')).startsWith('text/event-stream');
  return response.statusCode < 400 && (hasBody || isEventStream);
}

function rejectHost(exchange: Exchange): void {
  exchange.error = `The host ${exchange.message.headers.host} is not a name of this server`;
  sendResponse(exchange.response, { status: 403, headers: [['Content-Type', 'text/plain']] }, 'Forbidden');
}

function logEntry(exchange: Exchange, durationMs: number): LogEntry {
  const { response, request, function: invoked, error } = exchange;
  const closed = missesBody(exchange) ? 'the connection was closed before the end of the response' : undefined;
  return {
    requestId: request.requestId,
    method: request.httpMethod,
    path: request.path,
    status: response.headersSent ? response.statusCode : 0,
    durationMs,
    function: invoked,
    error: error ?? closed,
  };
}
