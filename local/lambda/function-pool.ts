import { randomUUID } from 'node:crypto';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import type { Clock } from '../../lambda/core/support/clock.ts';
import type { Resource, Template } from '../template/template.ts';
import { EnvironmentPool } from './environment-pool.ts';
import { defineFunction, type FunctionDefinition } from './function-definition.ts';
import { EventTooLarge, FunctionError, FunctionThrottled } from './function-error.ts';

/** Lambda's limit for an event or a buffered response, as JSON, in bytes: 6 MB and Lambda's allowance. */
const PAYLOAD_LIMIT = 6_291_556;

export type FunctionPoolOptions = {
  template: Template;
  /** The folder of the cloud assembly, `cdk.out`. */
  assembly: string;
  /**
   * The function's environment variables beyond the template's and Lambda's: its credentials and the
   * `AWS_ENDPOINT_URL_*` of the emulated services. The function receives nothing else of this process.
   */
  environment(logicalId: string): Record<string, string>;
  /** A line that a function wrote, or its failure. Without a request id outside of an invocation. */
  log(functionName: string, requestId: string | undefined, line: string): void;
  /** A line about work that outlives a response: Lambda freezes it. */
  warn?(line: string): void;
  /** A new execution environment for every request, so that no module state survives by accident. */
  freshPerRequest?: boolean;
  /**
   * The executions of all functions at the same time. A function with reserved concurrency takes its share of them, in use or
   * not.
   * @default unlimited; AWS: 1,000, and 10 in a new account
   * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
   */
  accountConcurrency?: number | undefined;
  /** How long an environment beyond the first may be idle before it ends. */
  idleSeconds?: number;
  clock?: Clock;
};

/** The part of the pool that invokes a function and waits for its response. */
export type FunctionInvoker = Pick<FunctionPool, 'invoke'>;

/**
 * Lambda in the local emulator: the functions of a template, each run from its built asset.
 *
 * An execution environment is a worker thread with its own modules and its own `process.env`. As on Lambda it processes one
 * request at a time, the next one goes to an idle environment or waits for a new one, and a crash or a timeout ends it. The
 * next one has the files of its temporary folder (`TMPDIR`), as of /tmp. Unlike Lambda it is not frozen between requests,
 * but the pool warns of work that Lambda would freeze; and it shares the working directory of this process.
 */
export class FunctionPool {
  readonly #options: Required<Omit<FunctionPoolOptions, 'template'>>;
  #template: Template;
  /** Folders with other code than the assets of the template, by logical id. */
  #code: ReadonlyMap<string, string> = new Map();
  #pools: Map<string, EnvironmentPool>;
  /** The pools of earlier templates, which may still process requests. */
  readonly #retired: EnvironmentPool[] = [];
  /** Pending while invocations wait. */
  #paused: Promise<void> | undefined;

  /** @throws Error naming the function whose settings Lambda would reject, or whose code does not exist */
  constructor(options: FunctionPoolOptions) {
    const { template, accountConcurrency = Infinity, ...others } = options;
    this.#options = {
      freshPerRequest: false,
      idleSeconds: 5,
      clock: systemClock,
      accountConcurrency,
      warn: () => undefined,
      ...others,
    };
    this.#template = template;
    this.#pools = this.#deploy(template.resources('AWS::Lambda::Function'));
  }

  /**
   * Invokes a function and waits for its whole response, which must be JSON.
   *
   * @param requestId the handler's `awsRequestId`; all attempts of an event have the same one
   * @throws FunctionError, FunctionThrottled, EventTooLarge
   */
  async invoke(logicalId: string, event: unknown, requestId: string = randomUUID()): Promise<unknown> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.invokeStreaming(logicalId, event, requestId)) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size > PAYLOAD_LIMIT) {
        const message = `Response payload size exceeded maximum allowed payload size (${PAYLOAD_LIMIT} bytes).`;
        throw new FunctionError('Function.ResponseSizeTooLarge', message);
      }
    }
    const response = Buffer.concat(chunks).toString();
    try {
      return JSON.parse(response);
    } catch {
      throw new FunctionError('Runtime.InvalidResponse', `The response is not JSON: ${response.slice(0, 200)}`);
    }
  }

  /**
   * Invokes a function and yields its response as the function writes it: of a handler wrapped in
   * `awslambda.streamifyResponse` the bytes of its stream (the caller parses the prelude), of any other handler its result
   * as one chunk of JSON.
   *
   * Backpressure applies: the function waits until its reader asks for more. A reader that stops does not stop the
   * function: as on Lambda, the function runs to its end and the rest is discarded.
   *
   * @throws FunctionError, after the chunks written before; FunctionThrottled, EventTooLarge
   */
  async *invokeStreaming(
    logicalId: string,
    event: unknown,
    requestId: string = randomUUID(),
  ): AsyncGenerator<Uint8Array, void> {
    const payload = JSON.stringify(event);
    if (Buffer.byteLength(payload) > PAYLOAD_LIMIT) throw new EventTooLarge(`The event exceeds ${PAYLOAD_LIMIT} bytes`);
    while (this.#paused !== undefined) await this.#paused;
    yield* this.#pool(logicalId).invoke(payload, requestId);
  }

  /** Lets new invocations wait, for the code that follows. @returns resumes them */
  pause(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#paused = promise;
    return () => {
      if (this.#paused === promise) this.#paused = undefined;
      resolve();
    };
  }

  /**
   * Loads the function's module before the first request.
   *
   * @throws FunctionError with the message and the stack of the module's error
   */
  async warm(logicalId: string): Promise<void> {
    await this.#pool(logicalId).warm();
  }

  /**
   * Ends busy execution environments, chosen at random, as a crash of the process does: their invocations fail with
   * Runtime.ExitError.
   *
   * @returns the number of ended environments, at most `count`
   */
  kill(logicalId: string, count: number): Promise<number> {
    return this.#pool(logicalId).kill(count);
  }

  /** Ends the idle execution environments: the next request of every function meets a cold start. */
  recycle(): void {
    for (const pool of this.#pools.values()) pool.recycle();
  }

  /** Deploys another template: the next request runs its code, requests in progress finish with theirs. */
  replace(template: Template): void {
    this.#template = template;
    this.#code = new Map();
    this.restart();
  }

  /** Gives all functions their environment variables again. */
  restart(): void {
    this.#exchange(this.#deploy(this.#template.resources('AWS::Lambda::Function')));
  }

  /** Deploys other code of some functions. @param code folders by logical id */
  replaceCode(code: ReadonlyMap<string, string>): void {
    this.#code = new Map([...this.#code, ...code]);
    const changed = [...code.keys()].map((logicalId) => this.#template.resource(logicalId));
    this.#exchange(new Map([...this.#pools, ...this.#deploy(changed)]));
  }

  /** A function as it runs, with new credentials. */
  define(logicalId: string): FunctionDefinition {
    return defineFunction(this.#template.resource(logicalId), this.#template, { ...this.#options, code: this.#code });
  }

  #exchange(pools: Map<string, EnvironmentPool>): void {
    const replaced = [...this.#pools].filter(([logicalId, pool]) => pools.get(logicalId) !== pool);
    this.#pools = pools;
    for (const [, pool] of replaced) {
      pool.retire();
      this.#retired.push(pool);
    }
  }

  /** Ends all execution environments, busy ones included. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values(), ...this.#retired].map((pool) => pool.close()));
  }

  #pool(logicalId: string): EnvironmentPool {
    const pool = this.#pools.get(logicalId);
    if (pool === undefined) throw new Error(`The template has no function ${logicalId}`);
    return pool;
  }

  /** @throws FunctionThrottled */
  #assertAccountConcurrency(): void {
    const { accountConcurrency } = this.#options;
    const pools = [...this.#pools.values()];
    const reserved = pools.reduce((sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency, 0);
    const sharing = [...pools, ...this.#retired].filter(({ reservedConcurrency }) => reservedConcurrency === undefined);
    const executions = sharing.reduce((sum, pool) => sum + pool.executions, 0);
    const limit = accountConcurrency - reserved;
    if (executions < limit) return;
    throw new FunctionThrottled(
      'ConcurrentInvocationLimitExceeded',
      `Rate Exceeded: ${executions} executions are in progress, the unreserved concurrency of the account is ${limit}`,
    );
  }

  #deploy(functions: Resource[]): Map<string, EnvironmentPool> {
    const assertAccountConcurrency = () => this.#assertAccountConcurrency();
    const options = { ...this.#options, code: this.#code, assertAccountConcurrency };
    return new Map(
      functions.map((resource) => {
        const definition = defineFunction(resource, this.#template, options);
        return [resource.logicalId, new EnvironmentPool(definition, options)];
      }),
    );
  }
}
