import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { FunctionError } from '../../local/lambda/function-error.ts';
import { FunctionPool } from '../../local/lambda/function-pool.ts';

/** The response of one invocation while it arrives. */
export type Sent = { request: IncomingMessage; chunks: Buffer[]; ended: boolean };

/**
 * Lambda's Runtime API for one function (Lambda developer guide, "Using the Lambda runtime API"), and the client that
 * receives invocations from it and runs the function.
 */
export class RealFunction {
  /** All responses, the newest last. */
  readonly sent: Sent[] = [];
  /** The output of client and function. */
  #log = '';
  readonly #invocations: {
    event: string;
    answered: (request: IncomingMessage) => void;
    failed: (why: Error) => void;
  }[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #client: ChildProcess | undefined;
  #waiting: ServerResponse | undefined;
  /** The reason if the client has ended. */
  #failure: Error | undefined;

  async start(client: string, environment: Record<string, string>): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    const child = spawn(process.execPath, [client], {
      env: { ...environment, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}` },
    });
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (written: string) => {
        this.#log += written;
      });
    }
    child.on('exit', (code, signal) =>
      this.#fail(new Error(`The runtime client ended with ${code ?? signal}:\n${this.#log}`)),
    );
    this.#client = child;
  }

  /** Yields the response while it arrives. @throws FunctionError if the function fails */
  async *invoke(event: string): AsyncGenerator<Uint8Array, void> {
    const request = await new Promise<IncomingMessage>((answered, failed) => {
      this.#invocations.push({ event, answered, failed });
      if (this.#failure) failed(this.#failure);
      this.#dispatch();
    });
    if (request.url!.endsWith('/error')) throw functionError(await text(request));
    const sent: Sent = { request, chunks: [], ended: false };
    this.sent.push(sent);
    for await (const chunk of request as AsyncIterable<Buffer>) {
      sent.chunks.push(chunk);
      yield chunk;
    }
    sent.ended = true;
    const failure = request.trailers['lambda-runtime-function-error-body'];
    if (typeof failure === 'string') throw functionError(Buffer.from(failure, 'base64').toString());
  }

  async stop(): Promise<void> {
    this.#client?.kill();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url!.replace('/2018-06-01/runtime/', '');
    if (path === 'invocation/next') {
      this.#waiting = response;
      this.#dispatch();
    } else if (path === 'init/error') {
      text(request).then((why) => this.#fail(functionError(why)));
    } else {
      request.once('end', () => response.writeHead(202).end());
      this.#invocations.shift()!.answered(request);
    }
  }

  /** Passes the first waiting invocation to a waiting client. */
  #dispatch(): void {
    const [invocation] = this.#invocations;
    if (invocation === undefined || this.#waiting === undefined) return;
    this.#waiting.writeHead(200, {
      // The client crashes without it.
      'Content-Type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': randomUUID(),
      'Lambda-Runtime-Deadline-Ms': String(Date.now() + 30_000),
      'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:us-east-1:000000000000:function:built',
    });
    this.#waiting.end(invocation.event);
    this.#waiting = undefined;
  }

  #fail(why: Error): void {
    this.#failure = why;
    for (const { failed } of this.#invocations.splice(0)) failed(why);
  }
}

function functionError(body: string): FunctionError {
  const { errorType, errorMessage, trace } = JSON.parse(body);
  return new FunctionError(errorType, errorMessage, trace);
}

/** The functions of a template, each with its own runtime client. */
export class RealFunctions extends FunctionPool {
  readonly #byId = new Map<string, RealFunction>();

  add(logicalId: string, real: RealFunction): void {
    this.#byId.set(logicalId, real);
  }

  override async *invokeStreaming(logicalId: string, event: unknown): AsyncGenerator<Uint8Array, void> {
    yield* this.#byId.get(logicalId)!.invoke(JSON.stringify(event));
  }

  /** @param construct such as `Mcp` */
  of(construct: string): RealFunction {
    return Array.from(this.#byId).find(([logicalId]) => logicalId.startsWith(construct))![1];
  }
}
