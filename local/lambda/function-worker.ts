/**
 * The inside of an execution environment: what AWS's runtime client (aws-lambda-ric) is on Lambda. It runs in a worker
 * thread, loads one function's bundle and answers one request at a time.
 *
 * The behaviour is that of the runtime client 4.0.2 on Node 24, as measured; above all of its response stream, whose
 * prelude travels with the first `write` and is lost without one.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

/** Where the function's code is. Its environment variables are the worker's own `process.env`. */
export type WorkerData = { taskRoot: string; handler: string; functionArn: string };

export type ToWorker =
  | { type: 'invoke'; requestId: string; event: string; deadline: number }
  /** The last chunk has been passed on: the next one may come. */
  | { type: 'taken' };

export type RemoteError = { errorType: string; errorMessage: string; trace: string[] };

export type FromWorker =
  | { type: 'ready' }
  | { type: 'initialization-failed'; error: RemoteError }
  | { type: 'chunk'; bytes: Uint8Array }
  /** The answer is complete, but its handler has not returned yet. */
  | { type: 'end' }
  /** The handler has returned, or failed, and its answer is complete: the environment is free again. */
  | { type: 'done'; error: RemoteError | undefined }
  | { type: 'log'; line: string };

type Handler = (event: unknown, ...rest: unknown[]) => unknown;
type StreamingHandler = Handler & { [streaming]?: unknown; [streamingHighWaterMark]?: unknown };

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');
const streamingHighWaterMark = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

if (parentPort === null) throw new Error('function-worker.ts runs in a worker thread only');
const port = parentPort;
const { taskRoot, handler: handlerName, functionArn } = workerData as WorkerData;

const post = (message: FromWorker) => port.postMessage(message);

/** Called when the other side has taken the chunk under way. */
let chunkTaken: (() => void) | undefined;

/** What has been written of a line that has not ended yet. */
const unfinished = { stdout: '', stderr: '' };

async function invoke(
  handler: StreamingHandler,
  { requestId, event, deadline }: ToWorker & { type: 'invoke' },
): Promise<void> {
  const context = {
    awsRequestId: requestId,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: functionArn,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  const error =
    handler[streaming] === undefined
      ? await buffered(handler, JSON.parse(event), context)
      : await streamed(handler, JSON.parse(event), context);
  flushOutput();
  post({ type: 'done', error });
}

/** @returns what the handler threw */
async function buffered(handler: StreamingHandler, event: unknown, context: object): Promise<RemoteError | undefined> {
  try {
    const result = JSON.stringify(await handler(event, context)) ?? 'null';
    post({ type: 'chunk', bytes: new TextEncoder().encode(result) });
    return undefined;
  } catch (error) {
    return remote(error);
  }
}

/** @returns what the handler threw, unless it had ended its stream before: then the client has its answer already */
async function streamed(handler: StreamingHandler, event: unknown, context: object): Promise<RemoteError | undefined> {
  const { stream, inner, finished } = responseStream(handler[streamingHighWaterMark]);
  let returned = false;
  const early = () => {
    if (!returned) post({ type: 'end' });
  };
  // A handler that returns upon the end of its stream frees the environment with the same message that ends the answer.
  finished.then(() => setImmediate(early)).catch(() => undefined);
  try {
    const promise = handler(event, stream, context);
    if (typeof (promise as PromiseLike<unknown> | undefined)?.then !== 'function') {
      throw new Error('Streaming does not support non-async handlers.');
    }
    const result = await promise;
    if (result !== undefined) console.warn('Streaming handlers ignore return values.');
    // A handler that never ends its stream waits here until the function times out, as it does on Lambda.
    await finished;
    return undefined;
  } catch (error) {
    if (inner.destroyed && !inner.writableFinished) return remote(error);
    const isComplete = inner.writableEnded;
    if (isComplete) console.error(error);
    else inner.end();
    await finished;
    return isComplete ? undefined : remote(error);
  } finally {
    returned = true;
  }
}

/**
 * The stream a handler writes to. The real one is an HTTP request to Lambda's Runtime API behind an object that shows
 * these members and no more, so it is no `instanceof Writable` and `Writable.toWeb` refuses it.
 *
 * One chunk is under way at a time: `write` answers false once `highWaterMark` bytes wait behind it.
 */
function responseStream(highWaterMark: unknown) {
  let started = false;
  let beforeFirstWrite: unknown;

  const inner = new Writable({
    highWaterMark: typeof highWaterMark === 'number' ? highWaterMark : 16_384,
    writev(chunks, done) {
      chunkTaken = done;
      post({ type: 'chunk', bytes: new Uint8Array(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer))) });
    },
  });
  const finished = new Promise<void>((resolve, reject) => {
    inner.once('finish', resolve).once('error', reject);
    inner.once('close', () => reject(new Error('The response stream was destroyed before its end')));
  });

  const send = inner.write.bind(inner) as (chunk: unknown, ...rest: unknown[]) => boolean;
  const stream: Record<string, unknown> = {
    setContentType() {
      if (started) throw new Error('Cannot set content-type, too late.');
    },
    write(chunk: unknown, ...rest: unknown[]) {
      const isBytes = typeof chunk === 'string' || chunk instanceof Uint8Array;
      inner.cork();
      if (!started && typeof beforeFirstWrite === 'function') beforeFirstWrite(send);
      started = true;
      const belowHighWaterMark = send(isBytes ? chunk : JSON.stringify(chunk), ...rest);
      inner.uncork();
      return belowHighWaterMark;
    },
  };
  for (const method of forwarded) stream[method] = (inner[method] as (...rest: unknown[]) => unknown).bind(inner);
  for (const property of shown) Object.defineProperty(stream, property, { get: () => inner[property] });
  Object.defineProperty(stream, '_onBeforeFirstWrite', {
    get: () => beforeFirstWrite,
    set: (hook: unknown) => {
      beforeFirstWrite = hook;
    },
  });

  return { stream, inner, finished };
}

/** `end` is among them on purpose: `end(body)` goes around `write`, and so around the prelude. */
const forwarded = [
  'cork',
  'destroy',
  'end',
  'uncork',
  'addListener',
  'on',
  'once',
  'prependListener',
  'prependOnceListener',
  'off',
  'removeListener',
  'removeAllListeners',
  'setMaxListeners',
  'getMaxListeners',
  'listeners',
  'rawListeners',
  'listenerCount',
  'eventNames',
  'emit',
] as const;

const shown = [
  'destroyed',
  'writableFinished',
  'writableObjectMode',
  'writableEnded',
  'writableNeedDrain',
  'writableHighWaterMark',
  'writableCorked',
  'writableLength',
  'writable',
] as const;

function streamifyResponse(toMark: StreamingHandler, options?: { highWaterMark?: unknown }): StreamingHandler {
  toMark[streaming] = 'response';
  if (typeof options?.highWaterMark === 'number') toMark[streamingHighWaterMark] = options.highWaterMark;
  return toMark;
}

/** `awslambda.HttpResponseStream.from`: remembers the metadata; eight NULs separate it from the body. */
function withPrelude(stream: Record<string, unknown>, prelude: unknown): Record<string, unknown> {
  (stream.setContentType as (type: string) => void)('application/vnd.awslambda.http-integration-response');
  const metadata = JSON.stringify(prelude);
  stream._onBeforeFirstWrite = (write: (chunk: string | Uint8Array) => void) => {
    write(metadata);
    write(new Uint8Array(8));
  };
  return stream;
}

/** Finds `index.handler` as the runtime does: the file without an extension, then `.js`, `.mjs`, `.cjs`. */
async function load(): Promise<StreamingHandler> {
  const [, moduleName = '', exportName = ''] = /^([^.]*)\.(.*)$/.exec(basename(handlerName)) ?? [];
  const path = join(taskRoot, dirname(handlerName), moduleName);
  const file = ['', '.js', '.mjs', '.cjs'].map((extension) => path + extension).find((each) => existsSync(each));
  if (file === undefined) throw named('Runtime.ImportModuleError', `Error: Cannot find module '${moduleName}'`);

  const module: Record<string, unknown> = await import(pathToFileURL(file).href);
  const found = nested(module, exportName) ?? nested(module.default, exportName);
  if (found === undefined) throw named('Runtime.HandlerNotFound', `${handlerName} is undefined or not exported`);
  if (typeof found !== 'function') throw named('Runtime.HandlerNotFound', `${handlerName} is not a function`);
  const loaded = found as StreamingHandler;
  if (loaded.length >= 3 && loaded[streaming] === undefined) {
    throw named('Runtime.CallbackHandlerDeprecated', 'Lambda has no callback-based handlers since Node.js 24');
  }
  return loaded;
}

function nested(container: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], container);
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

function remote(error: unknown): RemoteError {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] };
}

/** Posts every line of standard output and error, so that it arrives before the answer it belongs to. */
function captureOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const lines = (unfinished[name] + Buffer.from(chunk as string).toString()).split('\n');
      unfinished[name] = lines.pop() ?? '';
      for (const line of lines) post({ type: 'log', line });
      const callback = rest.at(-1);
      if (typeof callback === 'function') queueMicrotask(() => callback());
      return true;
    };
    process[name].write = write as typeof process.stdout.write;
  }
}

function flushOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    if (unfinished[name] !== '') post({ type: 'log', line: unfinished[name] });
    unfinished[name] = '';
  }
}

captureOutput();
Object.assign(globalThis, { awslambda: { streamifyResponse, HttpResponseStream: { from: withPrelude } } });
try {
  const handler = await load();
  port.on('message', (message: ToWorker) => {
    if (message.type === 'invoke') return void invoke(handler, message);
    const done = chunkTaken;
    chunkTaken = undefined;
    done?.();
  });
  post({ type: 'ready' });
} catch (error) {
  flushOutput();
  post({ type: 'initialization-failed', error: remote(error) });
}
