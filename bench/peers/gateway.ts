import type { APIGatewayProxyEvent } from 'aws-lambda';
import type { LambdaRuntime, ResponseStream } from '../../lambda/adapters/api-gateway.ts';

/** The shortest adapter from API Gateway's events to a handler of web requests. */

declare const awslambda: LambdaRuntime;

type Fetch = (request: Request, event: APIGatewayProxyEvent) => Promise<Response>;

export const serve = (fetch: Fetch) =>
  awslambda.streamifyResponse(async (event, stream) => {
    const headers = event.headers as Record<string, string>;
    const session = event.multiValueHeaders['Mcp-Session-Id']?.[0];
    const request = new Request(`https://localhost${event.path}`, {
      method: event.httpMethod,
      headers: { ...headers, ...(session !== undefined && { 'Mcp-Session-Id': session }) },
      body: event.body,
    });
    await respond(await fetch(request, event), stream);
  });

async function respond(response: Response, stream: ResponseStream): Promise<void> {
  const out = awslambda.HttpResponseStream.from(stream, {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
  });
  if (response.body) for await (const chunk of response.body) out.write(chunk);
  await new Promise<void>((resolve) => out.end(resolve));
}
