import { randomInt, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Resource, Template } from '../template/template.ts';
import { ExecutionEnvironment, type FunctionDescription, FunctionError } from './execution-environment.ts';

// With the errors that are declared here, what the methods of `Functions` throw.
export { FunctionError };

/** Bytes of an event or of a buffered answer, as JSON: 6 MB and what Lambda allows on top. */
const PAYLOAD_LIMIT = 6_291_556;

/** Bytes of all environment variables of a function, names and values. */
const ENVIRONMENT_LIMIT = 4_096;

/** Variables that Lambda sets and refuses to have set (Lambda developer guide, "Defined runtime environment variables"). */
const reservedVariables = [
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_DEFAULT_REGION',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_LAMBDA_RUNTIME_API',
  'AWS_REGION',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'LAMBDA_RUNTIME_DIR',
  'LAMBDA_TASK_ROOT',
];

/** Every execution environment that the function may have is busy (Lambda's TooManyRequestsException). */
export class FunctionThrottled extends Error {}

/** The event is larger than Lambda accepts (its RequestTooLargeException). */
export class EventTooLarge extends Error {}

export type FunctionPoolOptions = {
  template: Template;
  /** The folder of the cloud assembly, `cdk.out`. */
  assembly: string;
  /**
   * What the function's environment has beyond the template's variables and Lambda's own: its credentials and the
   * `AWS_ENDPOINT_URL_*` of the local services. Nothing else of this process reaches the function.
   */
  environment(logicalId: string): Record<string, string>;
  /** One line a function wrote, or how it failed. Without a request id when it was not answering a request. */
  log(functionName: string, requestId: string | undefined, line: string): void;
  /** A new execution environment for every request, so that nothing survives in a module by accident. */
  freshPerRequest?: boolean;
  /** Execution environments per function; the function's `ReservedConcurrentExecutions` can only lower it. */
  maximumConcurrency?: number;
  /** How long an environment beyond the first may wait for a request before it ends. */
  idleSeconds?: number;
};

/**
 * Lambda in the local emulator: the functions of a template, each run from its built asset.
 *
 * An execution environment is a worker thread with its own modules and its own `process.env`. As on Lambda it answers
 * one request at a time, the next one goes to a free environment or a new one, and a crash or a timeout ends it. Unlike
 * Lambda it is not frozen between requests, so timers go on, and it shares the working directory of this process.
 */
export class FunctionPool {
  readonly #options: Required<FunctionPoolOptions>;
  #pools: Map<string, Pool>;
  /** Of earlier templates; they may still be answering. */
  readonly #replaced: Pool[] = [];

  /** @throws Error naming the function whose environment Lambda would refuse, or whose code is not to be found */
  constructor(options: FunctionPoolOptions) {
    this.#options = { freshPerRequest: false, maximumConcurrency: 64, idleSeconds: 5, ...options };
    this.#pools = this.#deploy(options.template);
  }

  /**
   * Invokes a function and waits for its whole answer, which must be JSON.
   *
   * @param requestId what the handler finds as `awsRequestId`; an event that is tried again keeps its own
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
    const answer = Buffer.concat(chunks).toString();
    try {
      return JSON.parse(answer);
    } catch {
      throw new FunctionError('Runtime.InvalidResponse', `The answer is not JSON: ${answer.slice(0, 200)}`);
    }
  }

  /**
   * Invokes a function and yields its answer as it is written: of a handler wrapped in `awslambda.streamifyResponse`
   * the bytes of its stream (the prelude is for the caller to parse), of any other its result as one piece of JSON.
   *
   * The function waits while its reader does not ask for more. A reader that leaves does not stop it: on Lambda, too, the
   * function runs to its end and the rest is dropped.
   *
   * @throws FunctionError, after whatever had been written before; FunctionThrottled, EventTooLarge
   */
  async *invokeStreaming(
    logicalId: string,
    event: unknown,
    requestId: string = randomUUID(),
  ): AsyncGenerator<Uint8Array, void> {
    const payload = JSON.stringify(event);
    if (Buffer.byteLength(payload) > PAYLOAD_LIMIT) throw new EventTooLarge(`The event exceeds ${PAYLOAD_LIMIT} bytes`);
    yield* this.#pool(logicalId).invoke(payload, requestId);
  }

  /**
   * Loads the function's module, so that the first request does not have to, or finds out that it cannot be loaded.
   *
   * @throws FunctionError with the message and the stack of what the module threw
   */
  async warm(logicalId: string): Promise<void> {
    await this.#pool(logicalId).warm();
  }

  /**
   * Ends busy execution environments, chosen at random, as a crash of the process would: the request that each was
   * answering fails as Runtime.ExitError.
   *
   * @returns how many there were to end, at most `count`
   */
  kill(logicalId: string, count: number): Promise<number> {
    return this.#pool(logicalId).kill(count);
  }

  /** Ends the idle execution environments: the next request of every function meets a cold start. */
  recycle(): void {
    for (const pool of this.#pools.values()) pool.recycle();
  }

  /** Deploys another template: the next request runs its code, those under way finish with theirs. */
  replace(template: Template): void {
    const replaced = [...this.#pools.values()];
    this.#pools = this.#deploy(template);
    for (const pool of replaced) pool.retire();
    this.#replaced.push(...replaced);
  }

  /** Ends every execution environment, whatever it is doing. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values(), ...this.#replaced].map((pool) => pool.close()));
  }

  #pool(logicalId: string): Pool {
    const pool = this.#pools.get(logicalId);
    if (pool === undefined) throw new Error(`The template has no function ${logicalId}`);
    return pool;
  }

  #deploy(template: Template): Map<string, Pool> {
    const functions = template.resources('AWS::Lambda::Function');
    return new Map(
      functions.map((resource) => [
        resource.logicalId,
        new Pool(describe(resource, template, this.#options), this.#options),
      ]),
    );
  }
}

const sdkFolder = fileURLToPath(new URL('../../node_modules', import.meta.url));

function describe(resource: Resource, template: Template, options: Required<FunctionPoolOptions>): FunctionDescription {
  const { logicalId, properties } = resource;
  const runtime = String(properties.Runtime);
  if (!runtime.startsWith('nodejs')) throw new Error(`${logicalId}: the runtime ${runtime} cannot be run locally`);
  const name = String(template.resolve({ Ref: logicalId }, logicalId));
  const handler = String(properties.Handler);
  const taskRoot = assetOf(resource, options.assembly);
  const memorySize = String(properties.MemorySize ?? 128);
  const reserved = properties.ReservedConcurrentExecutions as number | undefined;
  return {
    name,
    timeoutSeconds: Number(properties.Timeout ?? 3),
    concurrency: Math.min(reserved ?? options.maximumConcurrency, options.maximumConcurrency),
    worker: {
      taskRoot,
      handler,
      functionArn: String(template.resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] }, logicalId)),
    },
    environment: {
      ...variablesOf(resource),
      ...options.environment(logicalId),
      _HANDLER: handler,
      LAMBDA_TASK_ROOT: taskRoot,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EXECUTION_ENV: `AWS_Lambda_${runtime}`,
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: memorySize,
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: 'local',
      // Where Lambda's own copy of the AWS SDK would be.
      NODE_PATH: sdkFolder,
      TZ: ':UTC',
    },
  };
}

function variablesOf({ logicalId, properties }: Resource): Record<string, string> {
  const { Variables: variables = {} } = (properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
  for (const [name, value] of Object.entries(variables)) {
    if (reservedVariables.includes(name)) throw new Error(`${logicalId}: Lambda reserves the variable ${name}`);
    if (typeof value !== 'string') throw new Error(`${logicalId}: the variable ${name} is not a text`);
  }
  const size = Buffer.byteLength(Object.entries(variables).flat().join(''));
  if (size > ENVIRONMENT_LIMIT) {
    throw new Error(`${logicalId}: its environment is ${size} bytes, and Lambda allows ${ENVIRONMENT_LIMIT}`);
  }
  return variables as Record<string, string>;
}

/** The asset's folder: named by the metadata that the CDK command writes, or found in the manifest by its S3 key. */
export function assetOf({ logicalId, properties, metadata }: Resource, assembly: string): string {
  const path = metadata['aws:asset:path'] ?? assetByKey((properties.Code as { S3Key?: string }).S3Key, assembly);
  if (typeof path !== 'string') throw new Error(`${logicalId}: its code is not an asset of ${assembly}`);
  const folder = resolve(assembly, path);
  if (!existsSync(folder)) throw new Error(`${logicalId}: its asset ${folder} does not exist`);
  return folder;
}

function assetByKey(key: string | undefined, assembly: string): string | undefined {
  type Manifest = {
    files: Record<string, { source: { path?: string }; destinations: Record<string, { objectKey: string }> }>;
  };
  for (const name of readdirSync(assembly).filter((file) => file.endsWith('.assets.json'))) {
    const { files }: Manifest = JSON.parse(readFileSync(join(assembly, name), 'utf8'));
    for (const { source, destinations } of Object.values(files)) {
      if (Object.values(destinations).some(({ objectKey }) => objectKey === key)) return source.path;
    }
  }
  return undefined;
}

/** The execution environments of one version of one function. */
class Pool {
  readonly #description: FunctionDescription;
  readonly #options: Required<FunctionPoolOptions>;
  readonly #all = new Set<ExecutionEnvironment>();
  /** The one used last is at the end and is used first, so that the others get old. */
  readonly #idle: ExecutionEnvironment[] = [];
  #retired = false;

  constructor(description: FunctionDescription, options: Required<FunctionPoolOptions>) {
    this.#description = description;
    this.#options = options;
  }

  async *invoke(payload: string, requestId: string): AsyncGenerator<Uint8Array, void> {
    yield* this.#acquire().invoke(payload, requestId);
  }

  async kill(count: number): Promise<number> {
    const busy = [...this.#all].filter((environment) => !this.#idle.includes(environment));
    const victims = Array.from({ length: Math.min(count, busy.length) }, () => busy.splice(randomInt(busy.length), 1));
    await Promise.all(victims.flat().map((environment) => environment.kill()));
    return victims.length;
  }

  async warm(): Promise<void> {
    const environment = this.#acquire();
    await environment.ready;
    if (this.#retired) void environment.end();
    else this.#idle.push(environment);
  }

  recycle(): void {
    for (const environment of this.#idle.splice(0)) void environment.end();
  }

  retire(): void {
    this.#retired = true;
    this.recycle();
  }

  async close(): Promise<void> {
    this.#retired = true;
    await Promise.all([...this.#all].map((environment) => environment.end()));
  }

  #acquire(): ExecutionEnvironment {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#all.size >= this.#description.concurrency) {
      throw new FunctionThrottled(`Rate Exceeded: ${this.#description.name} runs ${this.#all.size} times already`);
    }
    const environment = new ExecutionEnvironment(this.#description, {
      log: (requestId, line) => this.#options.log(this.#description.name, requestId, line),
      free: () => this.#release(environment),
      ended: () => this.#forget(environment),
    });
    this.#all.add(environment);
    return environment;
  }

  #release(environment: ExecutionEnvironment): void {
    if (this.#retired || this.#options.freshPerRequest) {
      void environment.end();
      return;
    }
    this.#idle.push(environment);
    const { answered } = environment;
    const unused = () => this.#idle.includes(environment) && environment.answered === answered;
    setTimeout(() => {
      if (this.#idle.length <= 1 || !unused()) return;
      this.#forget(environment);
      void environment.end();
    }, this.#options.idleSeconds * 1000).unref();
  }

  #forget(environment: ExecutionEnvironment): void {
    this.#all.delete(environment);
    const position = this.#idle.indexOf(environment);
    if (position >= 0) this.#idle.splice(position, 1);
  }
}
