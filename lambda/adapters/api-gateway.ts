import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { McpHeaders, McpRequest, type McpResponse } from '../core/mcp/mcp-http.ts';

/** Converts between API Gateway's REST events and results and the web's `Request` and `Response`. */

/** @param publicUrl the public origin, in place of the gateway's host */
export function toRequest(event: APIGatewayProxyEvent, publicUrl: string): Request {
  return new Request(urlOf(event, publicUrl), {
    method: event.httpMethod,
    headers: [...headersOf(event)],
    ...(!isBodiless(event) && { body: bodyOf(event) }),
  });
}

/** The same for `/mcp`, where the platform's `Request` is not loaded. */
export function toMcpRequest(event: APIGatewayProxyEvent, publicUrl: string): McpRequest {
  return new McpRequest(urlOf(event, publicUrl), {
    method: event.httpMethod,
    headers: headersOf(event),
    receivedAt: event.requestContext.requestTimeEpoch,
    body: isBodiless(event) ? null : bodyOf(event),
  });
}

function urlOf({ path, multiValueQueryStringParameters: query }: APIGatewayProxyEvent, publicUrl: string): string {
  // Nearly every request: a path that a URL does not change.
  if (!query && /^[\w/-]+$/.test(path)) return publicUrl + path;
  const url = new URL(publicUrl);
  url.pathname = path;
  for (const [name, values] of Object.entries(query ?? {})) {
    for (const value of values ?? []) url.searchParams.append(name, value);
  }
  return url.href;
}

function headersOf({ multiValueHeaders }: APIGatewayProxyEvent): McpHeaders {
  const headers = new McpHeaders();
  for (const name in multiValueHeaders) headers.receive(name, multiValueHeaders[name] ?? []);
  // Contains CloudFront's `originSecret`, which is not for the tools.
  headers.delete('referer');
  return headers;
}

const bodyOf = ({ body, isBase64Encoded }: APIGatewayProxyEvent) =>
  body !== null && isBase64Encoded ? Buffer.from(body, 'base64') : body;

const isBodiless = ({ httpMethod }: APIGatewayProxyEvent) => httpMethod === 'GET' || httpMethod === 'HEAD';

/** The result of a buffered integration. */
export async function toResult(response: Response): Promise<APIGatewayProxyResult> {
  const multiValueHeaders: Record<string, string[]> = {};
  for (const [name, value] of response.headers) {
    multiValueHeaders[name] = [...(multiValueHeaders[name] ?? []), value];
  }
  return { statusCode: response.status, multiValueHeaders, body: await response.text() };
}

/** The part of Lambda's response stream that is used. */
export type ResponseStream = NodeJS.WritableStream & {
  write(chunk: Uint8Array | string, done?: (error?: Error | null) => void): boolean;
};

/** The runtime's global for streaming (AWS Lambda Developer Guide, "Response streaming"). */
export type LambdaRuntime = {
  streamifyResponse(
    handler: (event: APIGatewayProxyEvent, stream: ResponseStream, context: Context) => Promise<void>,
  ): (...invocation: unknown[]) => Promise<unknown>;
  HttpResponseStream: {
    from(stream: ResponseStream, metadata: ResponseMetadata): ResponseStream;
  };
};

type ResponseMetadata = { statusCode: number; headers: Record<string, string>; cookies?: string[] };

/** `headers` has one value for each name, so several cookies are apart. */
function metadataOf({ status, headers }: Response | McpResponse): ResponseMetadata {
  const metadata = { statusCode: status, headers: Object.fromEntries(headers) };
  const cookies = 'getSetCookie' in headers ? headers.getSetCookie() : [];
  if (cookies.length < 2) return metadata;
  const { 'set-cookie': _, ...others } = metadata.headers;
  return { ...metadata, headers: others, cookies };
}

/**
 * Streams the response chunk by chunk.
 *
 * The runtime sends status and headers with the first write, so a response without a body writes an empty chunk.
 *
 * @param before to be settled before the stream ends, after which the function may be frozen. @default nothing
 * @param afterwards called when the body is written; the stream ends when it is settled
 */
export async function streamResponse(
  response: Response | McpResponse,
  stream: ResponseStream,
  runtime: LambdaRuntime,
  before?: Promise<unknown>,
  afterwards: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const out = runtime.HttpResponseStream.from(stream, metadataOf(response));
  try {
    const { body } = response;
    if (body === null || typeof body === 'string') out.write(body ?? '');
    else await writeChunks(out, body);
    if (before) await before;
  } finally {
    await afterwards();
  }
  // Also rejects when a write has failed.
  await new Promise<void>((resolve, reject) => out.end((error?: Error | null) => (error ? reject(error) : resolve())));
}

async function writeChunks(out: ResponseStream, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const write = (chunk: Uint8Array | string) =>
    new Promise<void>((resolve, reject) => out.write(chunk, (error) => (error ? reject(error) : resolve())));
  await write('');
  for await (const chunk of chunks) await write(chunk);
}
