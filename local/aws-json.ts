import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { AccessDenied, UnrecognizedClient } from './principals.ts';

/**
 * The protocol that DynamoDB (AWS JSON 1.0), KMS and Secrets Manager (1.1) share: POST / with the operation in
 * `X-Amz-Target: <service>.<operation>`, JSON both ways, and errors as `{"__type": "<namespace>#<code>", "message"}`.
 */

export const region = 'us-east-1';
export const account = '000000000000';

/** An ARN of the local cloud, e.g. `arn('kms', 'key/…')`. */
export const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${account}:${resource}`;

/** The body of a request or an answer. */
export type Json = Record<string, unknown>;

/** An error as AWS's client sees it. `details` are further members of the body, e.g. `CancellationReasons`. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: Json;

  constructor(code: string, message: string, options: { status?: number; details?: Json } = {}) {
    super(message);
    this.code = code;
    this.status = options.status ?? 400;
    this.details = options.details ?? {};
  }
}

export type AwsRequest = { accessKeyId: string; operation: string; input: Json };

/** A running service. */
export type AwsService = {
  /** Origin, for `AWS_ENDPOINT_URL_<SERVICE>`. */
  endpoint: string;
  /** While on, every request is answered with 500 InternalServerError: how a test makes an outage. */
  fail(on: boolean): void;
  close(): Promise<void>;
};

/** BatchWriteItem's limit, the largest of the three services. */
const maxBodyBytes = 16 * 1024 * 1024;

/**
 * Serves one AWS service on an ephemeral port of 127.0.0.1.
 *
 * @param service the part of `X-Amz-Target` before the dot, e.g. `TrentService`
 * @param namespace the part of `__type` before the `#`, e.g. `com.amazonaws.kms`
 * @param answer throws `AwsError`, `AccessDenied` or `UnrecognizedClient` for the client to see; anything else is
 * printed, and the client sees an InternalServerError, which it retries
 */
export async function serveAwsJson(
  service: string,
  version: '1.0' | '1.1',
  namespace: string,
  answer: (request: AwsRequest) => object | Promise<object>,
): Promise<AwsService> {
  let failing = false;

  async function respond(message: IncomingMessage): Promise<{ status: number; body: object }> {
    try {
      const body = await read(message);
      if (failing) throw new AwsError('InternalServerError', 'The outage switch is on.', { status: 500 });
      const request = parse(message, body, service);
      return { status: 200, body: await answer(request) };
    } catch (error) {
      // An incomplete request is one whose client has left, as a stopped function does: nothing to report.
      if (!isForClient(error) && message.complete) console.error(error);
      const { status, code, message: text, details } = asAwsError(error);
      return { status, body: { __type: `${namespace}#${code}`, message: text, ...details } };
    }
  }

  const server = createServer(async (message: IncomingMessage, response: ServerResponse) => {
    const { status, body } = await respond(message);
    if (response.destroyed) return;
    const text = JSON.stringify(body);
    response.writeHead(status, {
      'Content-Type': `application/x-amz-json-${version}`,
      'Content-Length': Buffer.byteLength(text),
      'x-amzn-RequestId': randomUUID(),
      'x-amz-crc32': crc32(text),
      // The rest of a body that was too long must not be taken for the next request.
      ...(message.complete ? {} : { Connection: 'close' }),
    });
    response.end(text);
  });
  // Longer than any client keeps an idle connection: a connection closed by the server just as the client writes is
  // an error the client would blame on the service.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail: (on) => {
      failing = on;
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function read(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed at the throw: the client has to hear why.
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes)
      throw new AwsError('RequestEntityTooLargeException', `More than ${maxBodyBytes} bytes`, { status: 413 });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(message: IncomingMessage, body: Buffer, service: string): AwsRequest {
  const [target, operation] = String(message.headers['x-amz-target']).split('.');
  if (message.method !== 'POST' || target !== service || !operation) {
    throw new AwsError('UnknownOperationException', `${message.method} ${message.headers['x-amz-target']}`);
  }
  const accessKeyId = /^AWS4-HMAC-SHA256 .*\bCredential=([^/,\s]+)\//.exec(message.headers.authorization ?? '')?.[1];
  if (!accessKeyId)
    throw new AwsError('MissingAuthenticationTokenException', 'Request is missing Authentication Token');
  let input: unknown;
  try {
    input = JSON.parse(body.toString());
  } catch {
    throw new AwsError('SerializationException', 'The body is not JSON.');
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new AwsError('SerializationException', 'The body is not a JSON object.');
  }
  return { accessKeyId, operation, input: input as Json };
}

function isForClient(error: unknown): boolean {
  return error instanceof AwsError || error instanceof AccessDenied || error instanceof UnrecognizedClient;
}

function asAwsError(error: unknown): AwsError {
  if (error instanceof AwsError) return error;
  if (error instanceof AccessDenied) return new AwsError('AccessDeniedException', error.message);
  if (error instanceof UnrecognizedClient) return new AwsError('UnrecognizedClientException', error.message);
  return new AwsError('InternalServerError', 'The local service failed; its terminal says why.', { status: 500 });
}
