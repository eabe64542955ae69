import { Writable } from 'node:stream';

/**
 * The response stream of AWS's runtime client (aws-lambda-ric 4.0.2 on Node 24), as measured: the prelude is sent with
 * the first `write` and is lost without one.
 */

/** A handler; `awslambda.streamifyResponse` marks it as streaming. */
export type StreamingHandler = ((event: unknown, ...rest: unknown[]) => unknown) & {
  [streaming]?: unknown;
  [streamingHighWaterMark]?: unknown;
};

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');
const streamingHighWaterMark = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

export const isStreaming = (handler: StreamingHandler) => handler[streaming] !== undefined;

/** `awslambda.streamifyResponse` */
export function streamifyResponse(handler: StreamingHandler, options?: { highWaterMark?: unknown }): StreamingHandler {
  handler[streaming] = 'response';
  if (typeof options?.highWaterMark === 'number') handler[streamingHighWaterMark] = options.highWaterMark;
  return handler;
}

/** `awslambda.HttpResponseStream.from`: stores the metadata, which eight NUL bytes separate from the body. */
export function withPrelude(stream: Record<string, unknown>, prelude: unknown): Record<string, unknown> {
  (stream.setContentType as (type: string) => void)('application/vnd.awslambda.http-integration-response');
  const metadata = JSON.stringify(prelude);
  stream._onBeforeFirstWrite = (write: (chunk: string | Uint8Array) => void) => {
    write(metadata);
    write(new Uint8Array(8));
  };
  return stream;
}

/**
 * The stream that a handler writes to. The real one is an HTTP request to Lambda's Runtime API behind an object with these
 * members and no others, so it is not an `instanceof Writable` and `Writable.toWeb` rejects it.
 *
 * One chunk is in transit at a time: `write` returns false when `highWaterMark` bytes wait for it.
 *
 * @param send sends a chunk, and calls `taken` when the reader has taken it
 */
export function responseStream(handler: StreamingHandler, send: (bytes: Uint8Array, taken: () => void) => void) {
  const highWaterMark = handler[streamingHighWaterMark];
  const inner = new Writable({
    highWaterMark: typeof highWaterMark === 'number' ? highWaterMark : 16_384,
    writev(chunks, done) {
      send(new Uint8Array(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer))), done);
    },
  });
  const finished = new Promise<void>((resolve, reject) => {
    inner.once('finish', resolve).once('error', reject);
    inner.once('close', () => reject(new Error('The response stream was destroyed before its end')));
  });
  return { stream: restrictedStream(inner), inner, finished };
}

function restrictedStream(inner: Writable): Record<string, unknown> {
  let started = false;
  let beforeFirstWrite: unknown;
  const writeInner = inner.write.bind(inner) as (chunk: unknown, ...rest: unknown[]) => boolean;
  const stream: Record<string, unknown> = {
    setContentType() {
      if (started) throw new Error('Cannot set content-type, too late.');
    },
    write(chunk: unknown, ...rest: unknown[]) {
      const isBytes = typeof chunk === 'string' || chunk instanceof Uint8Array;
      inner.cork();
      if (!started && typeof beforeFirstWrite === 'function') beforeFirstWrite(writeInner);
      started = true;
      const belowHighWaterMark = writeInner(isBytes ? chunk : JSON.stringify(chunk), ...rest);
      inner.uncork();
      return belowHighWaterMark;
    },
  };
  for (const method of forwardedMethods) {
    stream[method] = (inner[method] as (...rest: unknown[]) => unknown).bind(inner);
  }
  for (const property of visibleProperties) Object.defineProperty(stream, property, { get: () => inner[property] });
  Object.defineProperty(stream, '_onBeforeFirstWrite', {
    get: () => beforeFirstWrite,
    set: (hook: unknown) => {
      beforeFirstWrite = hook;
    },
  });
  return stream;
}

/** Includes `end`, as the real one does: `end(body)` bypasses `write`, and so the prelude. */
const forwardedMethods = [
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

const visibleProperties = [
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
