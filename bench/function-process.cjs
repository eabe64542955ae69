/**
 * A fresh execution environment: loads a function as Lambda's runtime client does, sends events to it, and writes the
 * durations as JSON to file descriptor 3. The start of the process, before the function is loaded, is not measured.
 *
 * The environment variable BENCH has the `Specification` of `function-process.ts`.
 */
const { pathToFileURL } = require('node:url');
const { writeSync } = require('node:fs');
const { Writable } = require('node:stream');

const { file, handler: name, requests, timerFactor = 1, isCounted = false } = JSON.parse(process.env.BENCH);
delete process.env.BENCH;

const { setTimeout: startTimer } = globalThis;
globalThis.setTimeout = (callback, delay, ...rest) => startTimer(callback, delay * timerFactor, ...rest);

const streaming = new WeakSet();
globalThis.awslambda = {
  streamifyResponse(handler) {
    streaming.add(handler);
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.prelude = prelude;
      return stream;
    },
  },
};

const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 29_000 };

/** Milliseconds since the start of the process. */
const now = () => performance.now();

async function invoke(handler, event) {
  if (!streaming.has(handler)) {
    const result = await handler(event, context);
    return {
      headers: { ...result.headers, ...first(result.multiValueHeaders) },
      text: result.body ?? JSON.stringify(result),
    };
  }
  const chunks = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  await handler(event, stream, context);
  return { headers: stream.prelude?.headers ?? {}, text: Buffer.concat(chunks).toString() };
}

const first = (headers) => Object.fromEntries(Object.entries(headers ?? {}).map(([key, [value]]) => [key, value]));

function sessionOf(headers) {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === 'mcp-session-id')?.[1];
}

/** Callgrind writes its count when this native function of Node.js is entered, and begins again (`countInstructions`). */
const mark = () => isCounted && process.umask();

async function main() {
  mark();
  const cpuStart = process.cpuUsage();
  const start = now();
  // The runtime client requires CommonJS and imports ES modules (`_tryRequire` in its `src/UserFunction.js`).
  const module = file.endsWith('.cjs') ? require(file) : await import(pathToFileURL(file));
  const handler = module[name];
  const loadMs = now() - start;
  mark();

  let session;
  const answers = [];
  for (const { event, segments, expect } of requests) {
    const figures = [];
    for (const count of segments) {
      const times = new Float64Array(count);
      const cpu = process.cpuUsage();
      for (let i = 0; i < count; i++) {
        const sent = JSON.parse(event);
        if (session !== undefined) sent.multiValueHeaders['Mcp-Session-Id'] = [session];
        const sentAt = now();
        const { headers, text } = await invoke(handler, sent);
        times[i] = now() - sentAt;
        if (i === 0) {
          if (!text.includes(expect) || text.includes('"isError":true'))
            throw new Error(`Unexpected response: ${text}`);
          session = sessionOf(headers) ?? session;
        }
      }
      const { user, system } = process.cpuUsage(cpu);
      times.sort();
      mark();
      figures.push({ p50Us: times[count >> 1] * 1000, cpuUs: (user + system) / count });
    }
    answers.push(figures);
  }
  const totalMs = now() - start;
  const { user, system } = process.cpuUsage(cpuStart);
  const rssMb = process.memoryUsage().rss / 1e6;
  writeSync(3, JSON.stringify({ loadMs, totalMs, cpuMs: (user + system) / 1000, rssMb, answers }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
