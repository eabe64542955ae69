import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { AwsError, type AwsService, accessKeyIdOf, type Json, serve } from './aws-service.ts';

/**
 * The protocol that DynamoDB (AWS JSON 1.0), KMS and Secrets Manager (1.1) share: POST / with the operation in
 * `X-Amz-Target: <service>.<operation>`, JSON both ways, and errors as `{"__type": "<namespace>#<code>", "message"}`.
 */

/** A running service that tells its requests apart by operation. */
export type AwsJsonService = AwsService & {
  /** How many requests of each operation there have been since this was last asked. */
  count(): Record<string, number>;
};

export type AwsRequest = { accessKeyId: string; operation: string; input: Json };

/**
 * Serves one AWS service on an ephemeral port of 127.0.0.1.
 *
 * @param service the part of `X-Amz-Target` before the dot, e.g. `TrentService`
 * @param namespace the part of `__type` before the `#`, e.g. `com.amazonaws.kms`
 * @param answer throws what `Protocol.answer` may throw
 */
export async function serveAwsJson(
  service: string,
  version: '1.0' | '1.1',
  namespace: string,
  answer: (request: AwsRequest) => object | Promise<object>,
): Promise<AwsJsonService> {
  let counts: Record<string, number> = {};
  const respond = (status: number, output: object) => {
    const body = JSON.stringify(output);
    return {
      status,
      headers: { 'Content-Type': `application/x-amz-json-${version}`, 'x-amz-crc32': crc32(body) },
      body,
    };
  };
  const served = await serve({
    answer: async (message, body) => {
      const operation = operationOf(message, service);
      counts[operation] = (counts[operation] ?? 0) + 1;
      return respond(200, await answer({ operation, accessKeyId: accessKeyIdOf(message), input: parse(body) }));
    },
    refuse: ({ status, code, message, details }) =>
      respond(status, { __type: `${namespace}#${code}`, message, ...details }),
  });
  return {
    ...served,
    count() {
      const counted = counts;
      counts = {};
      return counted;
    },
  };
}

function operationOf({ method, headers }: IncomingMessage, service: string): string {
  const [target, operation] = String(headers['x-amz-target']).split('.');
  if (method === 'POST' && target === service && operation) return operation;
  throw new AwsError('UnknownOperationException', `${method} ${headers['x-amz-target']}`);
}

function parse(body: Buffer): Json {
  let input: unknown;
  try {
    input = JSON.parse(body.toString());
  } catch {
    throw new AwsError('SerializationException', 'The body is not JSON.');
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new AwsError('SerializationException', 'The body is not a JSON object.');
  }
  return input as Json;
}
