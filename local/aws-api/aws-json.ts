import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import type { Principals } from '../iam/principals.ts';
import { AwsError, type Json } from './aws-error.ts';
import { type AwsService, type Caller, callerOf, serve } from './aws-service.ts';

/**
 * The protocol that DynamoDB (AWS JSON 1.0), KMS and Secrets Manager (1.1) share: POST / with the operation in
 * `X-Amz-Target: <target>.<operation>`, JSON both ways, and errors as `{"__type": "<namespace>#<code>", "message"}`.
 */
export type AwsJsonProtocol = {
  /** The part of `X-Amz-Target` before the dot, e.g. `TrentService`. */
  target: string;
  version: '1.0' | '1.1';
  /** The part of `__type` before the `#`, e.g. `com.amazonaws.kms`. */
  namespace: string;
};

/** A service that counts its requests by operation. */
export type AwsJsonService = AwsService & {
  /** The number of requests of each operation since the previous call. */
  count(): Record<string, number>;
};

export type AwsRequest = { caller: Caller; operation: string; input: Json };

/**
 * Serves one AWS service on an ephemeral port of 127.0.0.1.
 *
 * @param answer authorizes the caller, and throws as `Protocol.answer` does
 */
export async function serveAwsJson(
  { target, version, namespace }: AwsJsonProtocol,
  principals: Principals,
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
  const service = await serve({
    answer: async (message, body) => {
      const operation = operationOf(message, target);
      counts[operation] = (counts[operation] ?? 0) + 1;
      const caller = callerOf(message, principals);
      return respond(200, await answer({ caller, operation, input: parseInput(body) }));
    },
    errorResponse: ({ status, code, message, details }) =>
      respond(status, { __type: `${namespace}#${code}`, message, ...details }),
  });
  return {
    ...service,
    count() {
      const counted = counts;
      counts = {};
      return counted;
    },
  };
}

function operationOf({ method, headers }: IncomingMessage, target: string): string {
  const [service, operation] = String(headers['x-amz-target']).split('.');
  if (method === 'POST' && service === target && operation) return operation;
  throw new AwsError('UnknownOperationException', `${method} ${headers['x-amz-target']}`);
}

function parseInput(body: Buffer): Json {
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
