import type { LambdaRuntime } from '../../lambda/adapters/api-gateway.ts';

/** What no function can be faster than: answers with a fixed text. */

declare const awslambda: LambdaRuntime;

export const handler = awslambda.streamifyResponse(async (_event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 200, headers: {} });
  out.write('{"jsonrpc":"2.0","id":1,"result":{}}');
  await new Promise<void>((resolve) => out.end(resolve));
});

/** The same for the authorizer: lets everybody in. */
export const authorize = async () => ({ policyDocument: { Statement: [{ Effect: 'Allow' }] } });
