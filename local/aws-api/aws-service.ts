import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AccessRequest } from '../iam/iam-policy.ts';
import type { Principals } from '../iam/principals.ts';
import type { Intercept } from '../request-interception.ts';
import { AwsError } from './aws-error.ts';

/** The server that all emulated AWS services share, whatever protocol they speak. */
export type AwsService = {
  /** Origin, for `AWS_ENDPOINT_URL_<SERVICE>`. */
  endpoint: string;
  /** While on, the service answers every request with 500 InternalServerError, for tests of outages. */
  fail(on: boolean): void;
  /** Hands every request to the function, for tests of faults; undefined ends that. */
  intercept(by: Intercept | undefined): void;
  close(): Promise<void>;
};

export type ServiceResponse = { status: number; headers: Record<string, string | number>; body: string };

/** The wire protocol of a service. */
export type Protocol = {
  /**
   * @throws `AwsError` for the client; any other error is printed, and the client receives an InternalServerError,
   * which it retries
   */
  answer(message: IncomingMessage, body: Buffer): Promise<ServiceResponse>;
  errorResponse(error: AwsError): ServiceResponse;
};

/** The signer of a request. */
export type Caller = {
  /** @throws AwsError AccessDeniedException, UnrecognizedClientException */
  authorize(request: AccessRequest): void;
};

/** BatchWriteItem's limit, the largest of all services. */
const maxBodyBytes = 16 * 1024 * 1024;

/** Serves one AWS service on an ephemeral port of 127.0.0.1. */
export async function serve({ answer, errorResponse }: Protocol): Promise<AwsService> {
  let failing = false;
  let intercept: Intercept | undefined;

  async function respond(message: IncomingMessage, content: Promise<Buffer>): Promise<ServiceResponse> {
    try {
      const body = await content;
      if (failing) throw new AwsError('InternalServerError', 'The outage switch is on.', { status: 500 });
      return await answer(message, body);
    } catch (error) {
      if (error instanceof AwsError) return errorResponse(error);
      // The client of an incomplete request has disconnected, as a stopped function does.
      if (message.complete) console.error(error);
      const internal = 'The local emulator failed; its terminal shows the error.';
      return errorResponse(new AwsError('InternalServerError', internal, { status: 500 }));
    }
  }

  async function exchange(message: IncomingMessage, content: Promise<Buffer>, response: ServerResponse): Promise<void> {
    const { status, headers, body } = await respond(message, content);
    if (response.destroyed) return;
    response.writeHead(status, {
      'Content-Length': Buffer.byteLength(body),
      'x-amzn-RequestId': randomUUID(),
      ...headers,
      // The unread rest of an oversized body must not be parsed as the next request.
      ...(message.complete ? {} : { Connection: 'close' }),
    });
    response.end(body);
  }

  const server = createServer((message, response) => {
    const body = readBody(message);
    const answer = () => exchange(message, body, response);
    void (intercept ? intercept({ message, body, response, answer }) : answer());
  });
  // Longer than the idle timeout of any client: a connection that the server closes while the client writes is an error
  // that the client attributes to the service.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail: (on) => {
      failing = on;
    },
    intercept: (by) => {
      intercept = by;
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The connection stays open after the throw, so that the client receives the error.
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) {
      throw new AwsError('RequestEntityTooLargeException', `More than ${maxBodyBytes} bytes`, { status: 413 });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The caller that the credential of the signature names. The signature itself is not verified (`FunctionPrincipals`).
 *
 * @throws AwsError MissingAuthenticationTokenException for an unsigned request
 */
export function callerOf({ headers }: IncomingMessage, principals: Principals): Caller {
  const accessKeyId = /^AWS4-HMAC-SHA256 .*\bCredential=([^/,\s]+)\//.exec(headers.authorization ?? '')?.[1];
  if (!accessKeyId) {
    throw new AwsError('MissingAuthenticationTokenException', 'Request is missing Authentication Token');
  }
  return { authorize: (request) => principals.authorize(accessKeyId, request) };
}
