/**
 * The inside of an execution environment, as AWS's runtime client (aws-lambda-ric) is on Lambda. It runs in a worker
 * thread, loads one function's bundle and processes one request at a time.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { loadHandler } from './handler-module.ts';
import {
  isStreaming,
  responseStream,
  type StreamingHandler,
  streamifyResponse,
  withPrelude,
} from './response-stream.ts';
import { traceHeader } from './trace-header.ts';
import { observeWork } from './unfinished-work.ts';
import type { FromWorker, RemoteError, ToWorker, WorkerData } from './worker-messages.ts';

if (parentPort === null) throw new Error('function-worker.ts runs only in a worker thread');
const port = parentPort;
const { taskRoot, handler: handlerName, functionArn, isTraced } = workerData as WorkerData;

// The variable is for Node.js (execution-environment.ts), not for the function.
delete process.env.NODE_COMPILE_CACHE;

const post = (message: FromWorker) => port.postMessage(message);

/** Called when the reader has taken the chunk in transit. */
let chunkTaken: (() => void) | undefined;

/** The beginning of the current line of each output. */
const unfinishedLine = { stdout: '', stderr: '' };

async function invoke(
  handler: StreamingHandler,
  { requestId, event: payload, deadline }: ToWorker & { type: 'invoke' },
): Promise<void> {
  const event: unknown = JSON.parse(payload);
  process.env._X_AMZN_TRACE_ID = traceHeader(event, isTraced);
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
  work.begin();
  const run = isStreaming(handler) ? runStreaming : runBuffered;
  const error = await run(handler, event, context);
  flushOutput();
  const unfinished = work.list();
  if (unfinished.length > 0) post({ type: 'unfinished', work: unfinished, tool: toolOf(event) });
  post({ type: 'done', error });
}

/** The tool that an event of API Gateway calls. */
function toolOf(event: unknown): string | undefined {
  const { body } = (event ?? {}) as { body?: unknown };
  try {
    const messages = [JSON.parse(String(body))].flat();
    const name: unknown = messages.find((message) => message?.method === 'tools/call')?.params?.name;
    return typeof name === 'string' ? name : undefined;
  } catch {
    // The body is a form, or empty.
    return undefined;
  }
}

/** @returns the error that the handler threw */
async function runBuffered(
  handler: StreamingHandler,
  event: unknown,
  context: object,
): Promise<RemoteError | undefined> {
  try {
    const result = JSON.stringify(await handler(event, context)) ?? 'null';
    post({ type: 'chunk', bytes: new TextEncoder().encode(result) });
    return undefined;
  } catch (error) {
    return remote(error);
  }
}

/** @returns the error that the handler threw before the end of its stream; after it the client has the full response */
async function runStreaming(
  handler: StreamingHandler,
  event: unknown,
  context: object,
): Promise<RemoteError | undefined> {
  const { stream, inner, finished } = responseStream(handler, (bytes, taken) => {
    chunkTaken = taken;
    post({ type: 'chunk', bytes });
  });
  let returned = false;
  const endEarly = () => {
    if (!returned) post({ type: 'end' });
  };
  // If the handler returns at the end of its stream, `done` alone ends the response and frees the environment.
  finished.then(() => setImmediate(endEarly)).catch(() => undefined);
  try {
    await runToEnd(handler(event, stream, context));
    // A handler that never ends its stream waits here until the function times out, as on Lambda.
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

async function runToEnd(promise: unknown): Promise<void> {
  if (typeof (promise as PromiseLike<unknown> | undefined)?.then !== 'function') {
    throw new Error('Streaming does not support non-async handlers.');
  }
  const result = await promise;
  if (result !== undefined) console.warn('Streaming handlers ignore return values.');
}

function remote(error: unknown): RemoteError {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] };
}

/** Posts each line of standard output and standard error, so that it arrives before the response it belongs to. */
function captureOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const lines = (unfinishedLine[name] + Buffer.from(chunk as string).toString()).split('\n');
      unfinishedLine[name] = lines.pop() ?? '';
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
    if (unfinishedLine[name] !== '') post({ type: 'log', line: unfinishedLine[name] });
    unfinishedLine[name] = '';
  }
}

captureOutput();
const work = observeWork();
Object.assign(globalThis, { awslambda: { streamifyResponse, HttpResponseStream: { from: withPrelude } } });
try {
  const handler = await loadHandler(taskRoot, handlerName);
  port.on('message', (message: ToWorker) => {
    if (message.type === 'invoke') return void invoke(handler, message);
    const taken = chunkTaken;
    chunkTaken = undefined;
    taken?.();
  });
  post({ type: 'ready' });
} catch (error) {
  flushOutput();
  post({ type: 'initialization-failed', error: remote(error) });
}
