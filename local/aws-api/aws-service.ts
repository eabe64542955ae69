import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AccessDenied, UnrecognizedClient } from '../iam/principals.ts';

/** What the local AWS services have in common, whatever protocol they speak. */

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

/** A running service. */
export type AwsService = {
  /** Origin, for `AWS_ENDPOINT_URL_<SERVICE>`. */
  endpoint: string;
  /** While on, every request is answered with 500 InternalServerError: how a test makes an outage. */
  fail(on: boolean): void;
  close(): Promise<void>;
};

export type ServiceResponse = { status: number; headers: Record<string, string | number>; body: string };

/** How a service speaks. */
export type Protocol = {
  /**
   * @throws `AwsError`, `AccessDenied` or `UnrecognizedClient` for the client to see; anything else is printed, and the
   * client sees an InternalServerError, which it retries
   */
  answer(message: IncomingMessage, body: Buffer): Promise<ServiceResponse>;
  refuse(error: AwsError): ServiceResponse;
};

/** BatchWriteItem's limit, the largest of all services. */
const maxBodyBytes = 16 * 1024 * 1024;

/** Serves one AWS service on an ephemeral port of 127.0.0.1. */
export async function serve({ answer, refuse }: Protocol): Promise<AwsService> {
  let failing = false;

  async function respond(message: IncomingMessage): Promise<ServiceResponse> {
    try {
      const body = await read(message);
      if (failing) throw new AwsError('InternalServerError', 'The outage switch is on.', { status: 500 });
      return await answer(message, body);
    } catch (error) {
      // An incomplete request is one whose client has left, as a stopped function does: nothing to report.
      if (!isForClient(error) && message.complete) console.error(error);
      return refuse(asAwsError(error));
    }
  }

  const server = createServer(async (message, response) => {
    const { status, headers, body } = await respond(message);
    if (response.destroyed) return;
    response.writeHead(status, {
      'Content-Length': Buffer.byteLength(body),
      'x-amzn-RequestId': randomUUID(),
      ...headers,
      // The rest of a body that was too long must not be taken for the next request.
      ...(message.complete ? {} : { Connection: 'close' }),
    });
    response.end(body);
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

/** Who signed the request; the signature itself is not looked at (`FunctionPrincipals`). */
export function accessKeyIdOf({ headers }: IncomingMessage): string {
  const id = /^AWS4-HMAC-SHA256 .*\bCredential=([^/,\s]+)\//.exec(headers.authorization ?? '')?.[1];
  if (!id) throw new AwsError('MissingAuthenticationTokenException', 'Request is missing Authentication Token');
  return id;
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
