import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import type { Clock } from '../../lambda/core/support/clock.ts';
import { readDistribution } from '../cloudfront/distribution.ts';
import { EdgeLocation } from '../cloudfront/edge-location.ts';
import type { FunctionPool } from '../lambda/function-pool.ts';
import type { Template } from '../template/template.ts';
import { readApi } from './api-definition.ts';
import { executeApiHost } from './execute-api.ts';
import { readGatewayRequest } from './gateway-request.ts';
import type { JsonRpcCall } from './json-rpc-call.ts';
import { RequestAuthorizers } from './request-authorizer.ts';
import { answerRequest, type Exchange } from './request-pipeline.ts';
import { RequestThrottle } from './request-throttle.ts';
import { sendTo } from './response-writer.ts';

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
  /** The first JSON-RPC request in the body. */
  call?: JsonRpcCall | undefined;
};

export type GatewayServerOptions = {
  template: Template;
  functions: FunctionPool;
  /** 0 for any free port. */
  port: number;
  host?: string;
  log(entry: LogEntry): void;
  /** For the timeouts of integrations and CloudFront, the caches and the throttle. */
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
 * `/mcp` of the stage.
 *
 * Answers only requests whose `Host` is a name of this server. A web page can resolve its host name to 127.0.0.1 and would
 * otherwise reach the tools of its visitor (DNS rebinding).
 *
 * @throws Error if the port is in use, or the template uses an unsupported feature
 */
export async function startGatewayServer(options: GatewayServerOptions): Promise<GatewayServer> {
  const { functions, host = '127.0.0.1', clock = systemClock } = options;
  const deploy = (template: Template) => {
    const api = readApi(template);
    const deployment = {
      ...{ api, functions, clock },
      authorizers: new RequestAuthorizers(functions),
      throttle: new RequestThrottle(),
    };
    const answer = (exchange: Exchange) => answerRequest(exchange, deployment);
    const distribution = readDistribution(template, {
      host: executeApiHost(api.environment, api.id),
      stage: api.stage,
    });
    return { answer, edge: distribution && new EdgeLocation(distribution, answer, clock) };
  };
  let deployed = deploy(options.template);
  let hostNames: string[] = [];

  const server = createServer((message, response) => {
    const request = readGatewayRequest(message, randomUUID(), clock.now());
    const exchange: Exchange = {
      message,
      request,
      respond: sendTo(response),
      abort: () => response.destroy(),
    };
    const startedAt = performance.now();
    response.on('close', () => options.log(logEntry(exchange, response, performance.now() - startedAt)));
    response.setHeader('x-amzn-RequestId', request.requestId);
    if (!hostNames.includes(message.headers.host?.toLowerCase() ?? '')) void rejectHost(exchange);
    else if (deployed.edge === undefined) void deployed.answer(exchange);
    else void deployed.edge.answer(exchange);
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
      deployed = deploy(template);
    },
    invalidate() {
      deployed.edge?.invalidate();
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/**
 * Whether the client has closed the connection before it had what it needs. Clients cancel the body of an acknowledgement
 * or an error, while the function still ends its stream.
 */
function missesBody({ hasBody = false }: Exchange, response: ServerResponse): boolean {
  if (response.writableFinished) return false;
  if (!response.headersSent) return true;
  const isEventStream = String(response.getHeader('content-type')).startsWith('text/event-stream');
  return response.statusCode < 400 && (hasBody || isEventStream);
}

function rejectHost(exchange: Exchange): Promise<void> {
  exchange.error = `The host ${exchange.message.headers.host} is not a name of this server`;
  return exchange.respond({ status: 403, headers: [['Content-Type', 'text/plain']] }, 'Forbidden');
}

function logEntry(exchange: Exchange, response: ServerResponse, durationMs: number): LogEntry {
  const { request, function: invoked, error, call } = exchange;
  const isCut = missesBody(exchange, response);
  const closed = isCut ? 'the connection was closed before the end of the response' : undefined;
  return {
    requestId: request.requestId,
    method: request.httpMethod,
    path: request.path,
    status: response.headersSent ? response.statusCode : 0,
    durationMs,
    function: invoked,
    error: error ?? closed,
    call,
  };
}
