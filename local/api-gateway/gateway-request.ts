import type { IncomingMessage } from 'node:http';
import type { HeaderList } from './api-model.ts';

/** A request as CloudFront or API Gateway receives it. */
export type GatewayRequest = {
  requestId: string;
  /** Epoch milliseconds. */
  receivedAt: number;
  httpMethod: string;
  /** As sent, without the query string. */
  path: string;
  query: URLSearchParams;
  headers: HeaderList;
  sourceIp: string;
};

export function readGatewayRequest(message: IncomingMessage, requestId: string, receivedAt: number): GatewayRequest {
  const target = message.url ?? '';
  const queryStart = target.indexOf('?');
  const headers: HeaderList = [];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    headers.push([message.rawHeaders[i]!, message.rawHeaders[i + 1]!]);
  }
  return {
    requestId,
    receivedAt,
    httpMethod: message.method ?? 'GET',
    path: queryStart < 0 ? target : target.slice(0, queryStart),
    query: new URLSearchParams(queryStart < 0 ? '' : target.slice(queryStart + 1)),
    headers,
    sourceIp: message.socket.remoteAddress ?? '',
  };
}

/** The bytes of the request line and of all header values. @param path with the stage */
export function headBytes({ httpMethod, query, headers }: GatewayRequest, path: string): number {
  const parameters = query.size > 0 ? `?${query}` : '';
  const requestLine = `${httpMethod} ${path}${parameters} HTTP/1.1`;
  return [requestLine, ...headers.map(([, value]) => value)].reduce((sum, each) => sum + Buffer.byteLength(each), 0);
}

export function headerOf(request: GatewayRequest, name: string): string | undefined {
  const lowerCase = name.toLowerCase();
  return request.headers.find(([each]) => each.toLowerCase() === lowerCase)?.[1];
}
