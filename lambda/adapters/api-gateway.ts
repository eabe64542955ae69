import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { McpHeaders, McpRequest, type McpResponse } from '../core/mcp/mcp-http.ts';

/** API Gateway's REST events and results on one side, the web's `Request` and `Response` on the other. */

/** @param publicUrl the origin that clients know; the gateway's own host is nobody's business */
export function toRequest(event: APIGatewayProxyEvent, publicUrl: string): Request {
  return new Request(urlOf(event, publicUrl), {
    method: event.httpMethod,
    headers: [...headersOf(event)],
    ...(!isBodiless(event) && { body: bodyOf(event) }),
  });
}

/** The same for `/mcp`, where the platform's own `Request` is not loaded. */
export function toMcpRequest(event: APIGatewayProxyEvent, publicUrl: string): McpRequest {
  return new McpRequest(urlOf(event, publicUrl), {
    method: event.httpMethod,
    headers: headersOf(event),
    ...(!isBodiless(event) && { body: bodyOf(event) }),
  });
}

function urlOf({ path, multiValueQueryStringParameters: query }: APIGatewayProxyEvent, publicUrl: string): string {
  // Nearly every request: there is nothing in it that a URL would write otherwise.
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
  for (const name in multiValueHeaders) for (const value of multiValueHeaders[name] ?? []) headers.append(name, value);
  // CloudFront's word to the API (`originSecret`), and not for the tools.
  headers.delete('referer');
  return headers;
}

const bodyOf = ({ body, isBase64Encoded }: APIGatewayProxyEvent) =>
  body !== null && isBase64Encoded ? Buffer.from(body, 'base64') : body;

const isBodiless = ({ httpMethod }: APIGatewayProxyEvent) => httpMethod === 'GET' || httpMethod === 'HEAD';

/** A whole response, as buffered integrations return it. */
export async function toResult(response: Response): Promise<APIGatewayProxyResult> {
  const multiValueHeaders: Record<string, string[]> = {};
  for (const [name, value] of response.headers) {
    multiValueHeaders[name] = [...(multiValueHeaders[name] ?? []), value];
  }
  return { statusCode: response.status, multiValueHeaders, body: await response.text() };
}

/** Lambda's response stream, as far as it is used here. */
export type ResponseStream = NodeJS.WritableStream & {
  write(chunk: Uint8Array | string, done?: (error?: Error | null) => void): boolean;
};

/** The runtime's global for streaming (AWS Lambda Developer Guide, "Response streaming"). */
export type LambdaRuntime = {
  streamifyResponse(
    handler: (event: APIGatewayProxyEvent, stream: ResponseStream, context: Context) => Promise<void>,
  ): (...invocation: unknown[]) => Promise<unknown>;
  HttpResponseStream: {
    from(stream: ResponseStream, metadata: { statusCode: number; headers: Record<string, string> }): ResponseStream;
  };
};

/**
 * Streams the response, each chunk as it comes.
 *
 * Status and headers go out with the first write, so a response without a body still writes: the runtime would drop
 * them otherwise.
 *
 * @param before what must be done before the stream ends: then the function may be frozen
 * @param afterwards begun when the body has been written, and done before the stream ends
 */
export async function streamResponse(
  response: Response | McpResponse,
  stream: ResponseStream,
  runtime: LambdaRuntime,
  before: Promise<unknown>,
  afterwards: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const out = runtime.HttpResponseStream.from(stream, {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
  });
  const write = (chunk: Uint8Array | string) =>
    new Promise<void>((resolve, reject) => out.write(chunk, (error) => (error ? reject(error) : resolve())));
  try {
    const { body } = response;
    await write(typeof body === 'string' ? body : '');
    if (body !== null && typeof body !== 'string') for await (const chunk of body) await write(chunk);
    await before;
  } finally {
    await afterwards();
  }
  await new Promise<void>((resolve) => out.end(resolve));
}
