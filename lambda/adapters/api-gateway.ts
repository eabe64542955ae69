import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';

/** API Gateway's REST events and results on one side, the web's `Request` and `Response` on the other. */

/** @param publicUrl the origin that clients know; the gateway's own host is nobody's business */
export function toRequest(event: APIGatewayProxyEvent, publicUrl: string): Request {
  const headers = new Headers();
  for (const [name, values] of Object.entries(event.multiValueHeaders ?? {})) {
    for (const value of values ?? []) headers.append(name, value);
  }
  // CloudFront's word to the API (`originSecret`), and not for the tools.
  headers.delete('referer');
  const url = new URL(publicUrl);
  url.pathname = event.path;
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {})) {
    for (const value of values ?? []) url.searchParams.append(name, value);
  }
  const body = event.body === null ? undefined : event.isBase64Encoded ? Buffer.from(event.body, 'base64') : event.body;
  const bodiless = event.httpMethod === 'GET' || event.httpMethod === 'HEAD';
  return new Request(url, { method: event.httpMethod, headers, ...(!bodiless && { body }) });
}

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
  response: Response,
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
    await write('');
    if (response.body) for await (const chunk of response.body) await write(chunk);
    await before;
  } finally {
    await afterwards();
  }
  await new Promise<void>((resolve) => out.end(resolve));
}
