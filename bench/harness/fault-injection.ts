import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../local/iam/principals.ts';
import type { Intercept, InterceptedRequest } from '../../local/request-interception.ts';

export type Service = 'dynamodb' | 'kms' | 'lambda' | 'idp';

export const faultKinds = [
  /** The connection ends, and nothing is executed. */
  'reset',
  /** The request is executed, and the connection ends without a byte of the response. */
  'lost',
  /** The request is executed, and the connection ends in the middle of the response. */
  'cut',
  /** The request is executed, and its response is 500. */
  '500',
  /** Nothing is executed: the service rejects the request for its rate. */
  'throttled',
  /** The request is executed, and has no response: the timeout of the client ends it. */
  'hang',
  /** The execution environment that sent the request ends, before or after its execution. */
  'kill-before',
  'kill-after',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** A request of a function to a service. */
export type ServiceRequest = {
  service: Service;
  operation: string;
  /** The key prefixes of a request to the table, the purpose of a key, or the invoked function. */
  target: string;
  /** The construct of the function, such as `OAuth`; empty at the identity provider, which does not know it. */
  caller: string;
};

/** A fault at one request: the one whose members are these, `occurrence` times from now on. */
export type Fault = { kind: FaultKind; request: Partial<ServiceRequest>; occurrence: number };

type Functions = { kill(logicalId: string, count: number): Promise<number> };

/** Records the requests of the functions to the services, and disturbs one of them. */
export class FaultInjector {
  readonly #functionNames = new Map<string, string>();
  readonly #functions: Functions;
  #recorded: ServiceRequest[] | undefined;
  #armed: Fault | undefined;
  #hit: ServiceRequest | undefined;
  #open = 0;
  #closed = Promise.withResolvers<void>();

  constructor(functions: Functions) {
    this.#functions = functions;
  }

  /** Makes the requests of a principal known as those of its function. */
  add(accessKeyId: string, { functionName }: Principal): void {
    if (constructOf(functionName) !== '') this.#functionNames.set(accessKeyId, functionName);
  }

  record(): void {
    this.#recorded = [];
  }

  /** Ends the recording. @returns the requests since its start */
  recorded(): ServiceRequest[] {
    const recorded = this.#recorded ?? [];
    this.#recorded = undefined;
    return recorded;
  }

  arm(fault: Fault): void {
    this.#armed = { ...fault };
    this.#hit = undefined;
  }

  /** @returns the request that the fault has hit */
  disarm(): ServiceRequest | undefined {
    this.#armed = undefined;
    return this.#hit;
  }

  /** Resolves when no request is open, whatever its client has received before. */
  async settled(): Promise<void> {
    while (this.#open > 0) await this.#closed.promise;
  }

  interceptor(service: Service): Intercept {
    return async (exchange) => {
      const request = await this.#describe(service, exchange);
      if (request === undefined) return void (await exchange.answer());
      this.#open++;
      exchange.response.once('close', () => this.#close());
      this.#recorded?.push(request);
      if (this.#isNext(request)) await this.#disturb(this.#armed!.kind, request, exchange);
      else await exchange.answer();
    };
  }

  #close(): void {
    this.#open--;
    this.#closed.resolve();
    this.#closed = Promise.withResolvers();
  }

  /** @returns undefined for a request that no function sends */
  async #describe(service: Service, { message, body }: InterceptedRequest): Promise<ServiceRequest | undefined> {
    if (service === 'idp') {
      const operation = new URL(message.url!, 'http://idp').pathname.split('/').at(-1)!;
      return providerOperations.has(operation) ? { service, operation, target: '', caller: '' } : undefined;
    }
    const functionName = this.#functionNames.get(accessKeyOf(message));
    // The client of an incomplete request has disconnected.
    const content = await body!.catch(() => undefined);
    if (functionName === undefined || content === undefined) return undefined;
    const caller = constructOf(functionName);
    if (service === 'lambda') {
      return { service, operation: 'Invoke', target: constructOf(decodeURIComponent(message.url!)), caller };
    }
    const operation = String(message.headers['x-amz-target']).split('.')[1]!;
    const input: Json = JSON.parse(content.toString());
    return { service, operation, target: service === 'kms' ? purposeOf(input) : keyPrefixesOf(input), caller };
  }

  #isNext(request: ServiceRequest): boolean {
    if (this.#armed === undefined || this.#hit !== undefined) return false;
    const wanted = Object.entries(this.#armed.request);
    if (wanted.some(([member, value]) => request[member as keyof ServiceRequest] !== value)) return false;
    if (--this.#armed.occurrence > 0) return false;
    this.#hit = request;
    return true;
  }

  async #disturb(kind: FaultKind, request: ServiceRequest, exchange: InterceptedRequest): Promise<void> {
    const { response } = exchange;
    const { socket } = exchange.message;
    switch (kind) {
      case 'reset':
        socket.destroy();
        break;
      case 'throttled':
        respond(response, throttling[request.service]);
        break;
      case 'kill-before':
        await this.#kill(request);
        socket.destroy();
        break;
      case 'lost':
        await execute(exchange);
        socket.destroy();
        break;
      case 'cut': {
        const body = await execute(exchange);
        const half = body.subarray(0, body.length / 2);
        if (half.length === 0) socket.destroy();
        else writeOf(response)(half, () => socket.destroy());
        break;
      }
      case '500':
        await execute(exchange);
        socket.end('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        break;
      case 'hang':
        await execute(exchange);
        break;
      case 'kill-after':
        await execute(exchange);
        await this.#kill(request);
        socket.destroy();
        break;
    }
  }

  /** Ends the busy environments of the function. At the identity provider, the only busy function has sent the request. */
  async #kill({ caller }: ServiceRequest): Promise<void> {
    const names = new Set(this.#functionNames.values());
    const senders = [...names].filter((name) => caller === '' || constructOf(name) === caller);
    await Promise.all(senders.map((name) => this.#functions.kill(logicalIdOf(name), Number.MAX_SAFE_INTEGER)));
  }
}

/** The requests of a function to the provider; the others are those of a browser. */
const providerOperations = new Set(['token', 'revoke', 'userInfo', 'openid-configuration', 'jwks.json']);

/** Functions are named by stack and logical id. */
const constructOf = (functionName: string): string => /-(\w+?)Function/.exec(functionName)?.[1] ?? '';
const logicalIdOf = (functionName: string): string => functionName.slice(functionName.indexOf('-') + 1);

const accessKeyOf = ({ headers }: IncomingMessage): string =>
  /\bCredential=([^/,\s]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';

type Json = Record<string, unknown>;

/** Performs the request and keeps its response. @returns the body */
async function execute({ response, answer }: InterceptedRequest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const keep = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  const write = response.write.bind(response);
  response.write = (chunk: unknown) => {
    keep(chunk);
    return true;
  };
  response.end = (chunk?: unknown) => {
    keep(chunk);
    resolve(Buffer.concat(chunks));
    return response;
  };
  // A client that has disconnected receives no response.
  response.once('close', () => resolve(Buffer.concat(chunks)));
  originalWrites.set(response, write);
  await answer();
  return promise;
}

const originalWrites = new WeakMap<ServerResponse, ServerResponse['write']>();
const writeOf = (response: ServerResponse) => originalWrites.get(response) as (chunk: Buffer, sent: () => void) => void;

type Rejection = { status: number; headers: Record<string, string>; body: object };

const awsJson = (version: string, __type: string): Rejection => ({
  status: 400,
  headers: { 'Content-Type': `application/x-amz-json-${version}` },
  body: { __type, message: 'Rate exceeded' },
});

const throttling: Record<Service, Rejection> = {
  dynamodb: awsJson('1.0', 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException'),
  kms: awsJson('1.1', 'com.amazonaws.kms#ThrottlingException'),
  lambda: {
    status: 429,
    headers: { 'Content-Type': 'application/json', 'x-amzn-errortype': 'TooManyRequestsException' },
    body: { Type: 'User', message: 'Rate exceeded' },
  },
  idp: {
    status: 429,
    headers: { 'Content-Type': 'application/json' },
    body: { error: 'too_many_requests' },
  },
};

function respond(response: ServerResponse, { status, headers, body }: Rejection): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(text) }).end(text);
}

/** The purpose in the encryption context. */
const purposeOf = ({ EncryptionContext }: Json): string => (EncryptionContext as { purpose?: string })?.purpose ?? '';

/** The prefixes of all partition keys of a request to the table, each once. */
function keyPrefixesOf(input: Json): string {
  const prefixes = new Set<string>();
  const visit = (value: unknown, name = ''): void => {
    if (typeof value !== 'object' || value === null) return;
    const { S } = value as { S?: unknown };
    const isPartition = name === 'pk' || isPartitionValue(input, name);
    if (isPartition && typeof S === 'string') prefixes.add(S.slice(0, S.indexOf('#') + 1));
    for (const [member, each] of Object.entries(value)) visit(each, Array.isArray(value) ? name : member);
  };
  visit(input);
  return [...prefixes].join(' ');
}

/** Whether the placeholder stands for the partition key of a query. */
const isPartitionValue = ({ KeyConditionExpression }: Json, placeholder: string): boolean =>
  placeholder.startsWith(':') && new RegExp(`^\\w+ = ${placeholder}\\b`).test(String(KeyConditionExpression));
