import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventTooLarge, FunctionError, FunctionThrottled } from '../../local/lambda/function-error.ts';
import type { FunctionPool } from '../../local/lambda/function-pool.ts';
import { builtTemplate, startFunctions } from '../support/built-functions.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { FunctionGate } from '../support/function-gate.ts';

const cleanups: (() => Promise<void>)[] = [];
const run: typeof startFunctions = (...parameters) => {
  const started = startFunctions(...parameters);
  cleanups.push(() => started.functions.close());
  return started;
};
const closedGate = async () => {
  const gate = await FunctionGate.closed();
  cleanups.push(() => gate.close());
  return gate;
};
afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

/** Invokes F so often at the same time. Its handler waits at the gate. */
const invokeTogether = async (functions: FunctionPool, gate: FunctionGate, count: number) => {
  const before = gate.arrivals.items.length;
  const results = Array.from({ length: count }, () => functions.invoke('F', {}));
  const arrived = await gate.arrivals.atLeast(before + count);
  for (const response of arrived.slice(before)) response.end();
  return Promise.all(results);
};

const counter = 'let count = 0; exports.handler = async () => ++count;';
/** The error of a rejected promise. */
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: FunctionError) => error,
  );

describe('an execution environment', () => {
  test('keeps its module between requests', async () => {
    const { functions } = run({ F: counter });
    expect([await functions.invoke('F', {}), await functions.invoke('F', {})]).toEqual([1, 2]);
  });

  test('is new for each request with freshPerRequest', async () => {
    const { functions } = run({ F: counter }, { freshPerRequest: true });
    await functions.warm('F');
    expect([await functions.invoke('F', {}), await functions.invoke('F', {})]).toEqual([1, 1]);
  });

  test('shares no state with the environment of another function', async () => {
    const code = 'globalThis.count = (globalThis.count ?? 0) + 1; exports.handler = async () => globalThis.count;';
    const { functions } = run({ A: code, B: code });
    expect([await functions.invoke('A', {}), await functions.invoke('B', {})]).toEqual([1, 1]);
  });

  test('processes one request at a time: a second one gets another environment', async () => {
    const gate = await closedGate();
    const { functions } = run({
      F: `let busy = 0;
          exports.handler = async ({ wait }) => {
            busy++;
            if (wait) { ${gate.statement} }
            return busy--;
          };`,
    });
    const first = functions.invoke('F', { wait: true });
    expect(await functions.invoke('F', {})).toBe(1);
    gate.open();
    expect(await first).toBe(1);
  });

  test('processes an invocation that waits for a new environment, if it is idle before that one is ready', async () => {
    const [loading, handling] = [await closedGate(), await closedGate()];
    const { functions } = run({
      F: {
        file: 'index.mjs',
        code: `import { createRequire } from 'node:module';
               const require = createRequire(import.meta.url);
               ${loading.statement}
               let count = 0;
               export const handler = async () => {
                 const current = ++count;
                 if (current === 1) { ${handling.statement} }
                 return current;
               };`,
      },
    });
    const first = functions.invoke('F', {});
    (await loading.arrivals.atLeast(1))[0]!.end();
    await handling.arrivals.atLeast(1);
    const second = functions.invoke('F', {});
    await loading.arrivals.atLeast(2);
    handling.open();
    expect(await Promise.all([first, second])).toEqual([1, 2]);
  });

  test('is shared by parallel invocations that are more than start at the same time', async () => {
    const { functions } = run({ F: counter });
    const counts = await Promise.all(Array.from({ length: 100 }, () => functions.invoke('F', {})));
    const environments = counts.filter((count) => count === 1).length;
    expect(environments).toBeLessThan(100);
  });

  test('is not started beyond the reserved concurrency of the function', async () => {
    const { functions } = run({
      F: {
        code: 'exports.handler = () => new Promise(() => {})',
        properties: { ReservedConcurrentExecutions: 1, Timeout: 60 },
      },
    });
    const pending = failure(functions.invoke('F', {}));
    await expect(functions.invoke('F', {})).rejects.toBeInstanceOf(FunctionThrottled);
    await functions.close();
    await pending;
  });

  test.each([
    ['no function reserves concurrency', undefined, 2],
    ['a function reserves one execution, in use or not', 1, 1],
  ])('starts no execution beyond the concurrency of the account: %s', async (_, reserved, shared) => {
    const gate = await closedGate();
    const waiting = `exports.handler = async () => { ${gate.statement} }`;
    const Reserved = { code: counter, properties: { ReservedConcurrentExecutions: reserved } };
    const { functions } = run({ A: waiting, B: waiting, Reserved }, { accountConcurrency: 2 });
    const started = ['A', 'B'].slice(0, shared).map((name) => functions.invoke(name, {}));
    await expect(functions.invoke('B', {})).rejects.toMatchObject({ reason: 'ConcurrentInvocationLimitExceeded' });
    if (reserved !== undefined) expect(await functions.invoke('Reserved', {})).toBe(1);
    gate.open();
    await Promise.all(started);
    await functions.invoke('B', {});
  });

  describe('that leaves work after its response', () => {
    /** The warnings after an invocation of a handler. `owners(code)` runs as the owner's source. */
    const warningsOf = async (statements: string, event: object = {}) => {
      const warnings: string[] = [];
      const { functions } = run(
        {
          F: `const net = require('node:net');
              const owners = (code) => require('node:vm').runInThisContext(code, { filename: 'src/server.ts' });
              const connected = (socket) => new Promise((resolve) => socket.once('connect', resolve));
              exports.handler = async (event) => { ${statements} };`,
        },
        { warn: (line) => warnings.push(line) },
      );
      await functions.invoke('F', event);
      await functions.invoke('F', event);
      return warnings;
    };
    const mend = 'after its response, and Lambda freezes it then: await it before the response';
    const body = JSON.stringify({ method: 'tools/call', params: { name: 'note' } });

    test('is named once, with its tool and its place', async () => {
      expect(await warningsOf(`owners('setTimeout(() => {}, 60_000)');`, { body })).toEqual([
        `Tool "note" of F leaves a timer of src/server.ts:1:1 ${mend}`,
      ]);
    });

    test.each([
      ['is cleared', `clearTimeout(owners('setTimeout(() => {}, 60_000)'));`],
      ['has expired', `await new Promise(owners('(resolve) => void setTimeout(resolve, 1)'));`],
      ['does not keep the process alive', `owners('setTimeout(() => {}, 60_000).unref()');`],
      ['a library sets', `setTimeout(() => {}, 60_000);`],
    ])('is not a timer that %s', async (_, statements) => {
      expect(await warningsOf(statements)).toEqual([]);
    });

    test('is a request without an answer', async () => {
      const gate = await closedGate();
      const { port } = new URL(gate.url);
      expect(
        await warningsOf(
          `const socket = net.connect(${port}, '127.0.0.1'); await connected(socket); socket.write('x');`,
        ),
      ).toEqual([`F leaves a request to 127.0.0.1:${port} ${mend}`]);
    });

    test('is not a connection that waits for the next request', async () => {
      const gate = await closedGate();
      const { port } = new URL(gate.url);
      expect(await warningsOf(`await connected(net.connect(${port}, '127.0.0.1'));`)).toEqual([]);
      gate.open();
      expect(await warningsOf(`await (await fetch('${gate.url}')).text();`)).toEqual([]);
    });
  });

  test('keeps no timer of its initialization', async () => {
    const clock = fakeClock();
    const { functions } = run({ F: counter }, { clock });
    await functions.warm('F');
    await clock.advance(0);
    expect(clock.sleeping()).toBe(0);
  });

  test('beyond the first ends after five idle seconds', async () => {
    const [clock, gate] = [fakeClock(), await closedGate()];
    const code = `let count = 0; exports.handler = async () => { ${gate.statement} return ++count; }`;
    const { functions } = run({ F: code }, { clock });
    const both = () => invokeTogether(functions, gate, 2);
    expect(await both()).toEqual([1, 1]);
    await clock.advance(4999);
    expect(await both()).toEqual([2, 2]);
    await clock.advance(5000);
    expect((await both()).sort()).toEqual([1, 3]);
  });

  test('has the variables of the template, of Lambda and of the pool, and no others', async () => {
    process.env.LEAKED = 'yes';
    const { functions } = run(
      {
        F: {
          code: 'exports.handler = async () => process.env',
          properties: { Environment: { Variables: { OWN: '1' } }, MemorySize: 256 },
        },
      },
      { environment: (logicalId) => ({ AWS_ACCESS_KEY_ID: `key-of-${logicalId}` }) },
    );
    const environment = await functions.invoke('F', {});
    delete process.env.LEAKED;
    expect(environment).toMatchObject({
      OWN: '1',
      AWS_ACCESS_KEY_ID: 'key-of-F',
      AWS_REGION: 'us-east-1',
      AWS_LAMBDA_FUNCTION_NAME: 'F',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    });
    expect(environment).not.toHaveProperty('LEAKED');
    expect(environment).not.toHaveProperty('PATH');
  });

  test('loads its modules from the compile cache of this process, without a variable that the function sees', async () => {
    const { functions } = run({
      F: `const { getCompileCacheDir } = require('node:module');
          exports.handler = async () => [getCompileCacheDir(), 'NODE_COMPILE_CACHE' in process.env];`,
    });
    const folder = expect.stringContaining(process.env.NODE_COMPILE_CACHE!);
    expect(await functions.invoke('F', {})).toEqual([folder, false]);
  });

  test('passes its context to the handler', async () => {
    const { functions } = run({
      F: {
        code: 'exports.handler = async (event, context) => ({ ...context, left: context.getRemainingTimeInMillis() })',
        properties: { Timeout: 7 },
      },
    });
    const context = (await functions.invoke('F', {})) as { left: number };
    expect(context).toMatchObject({
      functionName: 'F',
      memoryLimitInMB: '128',
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:F',
      awsRequestId: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(context.left).toBeGreaterThan(0);
    expect(context.left).toBeLessThanOrEqual(7000);
  });

  test.each([
    ['index.mjs', 'export const handler = async () => "esm"'],
    ['index.js', 'exports.handler = async () => "esm"'],
  ])('loads %s', async (file, code) => {
    const { functions } = run({ F: { code, file } });
    expect(await functions.invoke('F', {})).toBe('esm');
  });

  test('logs the lines of the handler with their request id', async () => {
    const { functions, log } = run({
      F: 'console.log("at start"); exports.handler = async (e, c) => { console.log("a\\nb"); process.stdout.write("c"); console.error("d"); return c.awsRequestId; }',
    });
    await functions.warm('F');
    const requestId = await functions.invoke('F', {});
    expect(log.items.map(({ line }) => line).sort()).toEqual(['a', 'at start', 'b', 'c', 'd']);
    expect(new Set(log.items.map((each) => each.requestId))).toEqual(new Set([undefined, requestId]));
  });
});

/** Returns its tracing header. */
const traced = 'exports.handler = async () => [process.env._X_AMZN_TRACE_ID]';

test.each([
  ['is sampled with tracing', { TracingConfig: { Mode: 'Active' } }, 'Sampled=1'],
  ['is not sampled without tracing', {}, 'Sampled=0'],
])('the trace of a request %s, and each invocation has a segment in it', async (_, properties, sampled) => {
  const { functions } = run({ F: { code: traced, properties } });
  const event = { headers: { 'X-Amzn-Trace-Id': 'Root=1-67891233-abcdef012345678912345678' } };
  const traceOf = async (given: object) => ((await functions.invoke('F', given)) as string[])[0]!;
  const [first, second] = [await traceOf(event), await traceOf(event)];
  const header = new RegExp(`^Root=1-67891233-abcdef012345678912345678;Parent=[0-9a-f]{16};${sampled}$`);
  expect([first, second]).toEqual([expect.stringMatching(header), expect.stringMatching(header)]);
  expect(first).not.toBe(second);
  expect(await traceOf({})).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};/);
});

test('environments of provisioned concurrency are started before the first request, and stay', async () => {
  const alias = {
    Type: 'AWS::Lambda::Alias',
    Properties: {
      FunctionName: { Ref: 'F' },
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 2 },
    },
  };
  const [clock, gate] = [fakeClock(), await closedGate()];
  const code = `console.log('started'); let count = 0;
    exports.handler = async () => { ${gate.statement} return [++count, process.env.AWS_LAMBDA_INITIALIZATION_TYPE]; }`;
  const { functions, log } = run({ F: code }, { ...builtTemplate({ F: code }, undefined, { Live: alias }), clock });
  await functions.warm('F');
  const started = () => log.items.filter(({ line }) => line === 'started').length;
  expect(started()).toBe(2);
  const three = async () => (await invokeTogether(functions, gate, 3)).map(String).sort();
  const [first, second] = [1, 2].map((count) => `${count},provisioned-concurrency`);
  expect(await three()).toEqual(['1,on-demand', first, first]);
  await clock.advance(5000);
  expect(await three()).toEqual(['1,on-demand', second, second]);
});

describe('a function fails', () => {
  test('with the error that its handler threw', async () => {
    const { functions, log } = run({ F: 'exports.handler = async () => { throw new RangeError("too far") }' });
    const error = await failure(functions.invoke('F', {}));
    expect(error).toBeInstanceOf(FunctionError);
    expect(error).toMatchObject({
      errorType: 'RangeError',
      message: 'too far',
      stack: expect.stringContaining('index.cjs'),
    });
    expect(log.items.at(-1)?.line).toContain('RangeError: too far');
  });

  test('when it exceeds its timeout, and its environment ends', async () => {
    const clock = fakeClock();
    const code = 'let n = 0; exports.handler = ({ hang }) => hang ? new Promise(() => {}) : Promise.resolve(++n)';
    const { functions } = run({ F: { code, properties: { Timeout: 7 } } }, { clock });
    await functions.invoke('F', {});
    const timedOut = failure(functions.invoke('F', { hang: true }));
    await clock.expire(7000);
    expect((await timedOut)?.message).toBe('Task timed out after 7.00 seconds');
    expect(await functions.invoke('F', {})).toBe(1);
  });

  test('when it blocks its thread beyond its timeout', async () => {
    const clock = fakeClock();
    const code = 'exports.handler = async () => { console.log("blocks"); for (;;); }';
    const { functions, log } = run({ F: { code, properties: { Timeout: 7 } } }, { clock });
    const timedOut = failure(functions.invoke('F', {}));
    await log.atLeast(1);
    await clock.expire(7000);
    expect((await timedOut)?.message).toContain('Task timed out');
  });

  test.each([
    ['an uncaught exception', 'setImmediate(() => { throw new Error("stray") })', 'stray'],
    ['an unhandled rejection', 'Promise.reject(new Error("stray"))', 'stray'],
    ['process.exit', 'process.exit(3)', 'exit status 3'],
  ])('because of %s, and the next request has a new environment', async (_, statement, message) => {
    const { functions } = run({
      F: `let n = 0; exports.handler = async ({ bad }) => { if (bad) { ${statement}; await new Promise(() => {}); } return ++n; }`,
    });
    await functions.invoke('F', {});
    await expect(functions.invoke('F', { bad: true })).rejects.toThrow(message);
    expect(await functions.invoke('F', {})).toBe(1);
  });

  test('leaves its temporary folder to the next one, as a reset on Lambda leaves /tmp', async () => {
    const { functions } = run({
      F: `const { existsSync, writeFileSync } = require('node:fs');
          const file = require('node:path').join(require('node:os').tmpdir(), 'left');
          exports.handler = async ({ bad }) => {
            const found = existsSync(file);
            writeFileSync(file, '');
            if (bad) process.exit(1);
            return [file, found];
          };`,
    });
    const [file] = (await functions.invoke('F', {})) as [string];
    await expect(functions.invoke('F', { bad: true })).rejects.toThrow('exit status 1');
    expect(await functions.invoke('F', {})).toEqual([file, true]);
    functions.recycle();
    expect(await functions.invoke('F', {})).toEqual([expect.not.stringContaining(file), false]);
    await functions.close();
    expect(existsSync(file)).toBe(false);
  });

  test('to load, with the error of its module, before the first request', async () => {
    const { functions } = run({ F: 'function boot() { throw new TypeError("no table name") } boot();' });
    const error = await failure(functions.warm('F'));
    expect(error).toMatchObject({
      errorType: 'TypeError',
      message: 'no table name',
      stack: expect.stringContaining('boot'),
    });
    await expect(functions.invoke('F', {})).rejects.toThrow('no table name');
  });

  test.each([
    ['has no handler', 'exports.other = 1', 'index.handler is undefined or not exported'],
    ['has a handler with a callback', 'exports.handler = (event, context, callback) => callback()', 'callback-based'],
  ])('to load when its module %s', async (_, code, message) => {
    await expect(run({ F: code }).functions.warm('F')).rejects.toThrow(message);
  });

  test('when its response exceeds 6 MB', async () => {
    const { functions } = run({ F: 'exports.handler = async () => "x".repeat(6291556)' });
    await expect(functions.invoke('F', {})).rejects.toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' });
  });
});

test('a function is not invoked with an event above 6 MB', async () => {
  const { functions } = run({ F: counter });
  await expect(functions.invoke('F', 'x'.repeat(6291556))).rejects.toBeInstanceOf(EventTooLarge);
});

describe('a streaming handler', () => {
  const NULS = '\0'.repeat(8);
  const handler = (body: string) =>
    `exports.handler = awslambda.streamifyResponse(async (event, stream) => { ${body} })`;
  const from = 'stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });';

  async function read(code: string) {
    const { functions } = run({ F: code });
    let text = '';
    try {
      for await (const chunk of functions.invokeStreaming('F', {})) text += Buffer.from(chunk).toString();
      return { text };
    } catch (error) {
      return { text, error: (error as Error).message };
    }
  }

  test.each([
    [
      'that writes sends a prelude and its body',
      'stream.write("a"); stream.end("b")',
      { text: `{"statusCode":201}${NULS}ab` },
    ],
    ['that ends without writing sends no prelude', 'stream.end()', { text: '' }],
    [
      'that writes an empty chunk sends a prelude',
      'stream.write(""); stream.end()',
      { text: `{"statusCode":201}${NULS}` },
    ],
    ['that passes its only chunk to end() sends no prelude', 'stream.end("body")', { text: 'body' }],
    [
      'that throws before its first write fails without a prelude',
      'throw new Error("early")',
      { text: '', error: 'early' },
    ],
    [
      'that throws after a write fails after its body',
      'stream.write("a"); throw new Error("late")',
      { text: `{"statusCode":201}${NULS}a`, error: 'late' },
    ],
  ])('%s', async (_, body, expected) => {
    expect(await read(handler(from + body))).toEqual(expected);
  });

  test('that destroys its stream fails', async () => {
    expect(await read(handler('stream.destroy()'))).toEqual({ text: '', error: expect.stringContaining('destroyed') });
  });

  test('without HttpResponseStream sends only its bytes', async () => {
    expect(await read(handler('stream.write({ a: 1 }); stream.end()'))).toEqual({ text: '{"a":1}' });
  });

  test('cannot set its content type after a write', async () => {
    const { error } = await read(handler('stream.write("a"); stream.setContentType("text/plain")'));
    expect(error).toContain('too late');
  });

  test('fails unless it is async', async () => {
    const { error } = await read('exports.handler = awslambda.streamifyResponse(() => undefined)');
    expect(error).toBe('Streaming does not support non-async handlers.');
  });

  test('can pipe into its stream', async () => {
    const code = handler(
      `${from} await require('stream/promises').pipeline(require('stream').Readable.from(['a', 'b', 'c']), stream)`,
    );
    expect(await read(code)).toEqual({ text: `{"statusCode":201}${NULS}abc` });
  });

  test('waits until its reader takes a chunk', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pace-'));
    const { functions } = run({
      F: handler(`const { writeFileSync } = require('fs');
        for (let i = 0; i < 3; i++) {
          if (!stream.write(Buffer.alloc(20_000))) await new Promise((drained) => stream.once('drain', drained));
          writeFileSync('${folder}/' + i, '');
        }
        stream.end();`),
    });
    const chunks = functions.invokeStreaming('F', {});
    await chunks.next();
    // The start of another environment takes long enough for this one to continue, if it did not wait.
    await functions.warm('F');
    expect(existsSync(join(folder, '0'))).toBe(false);
    await chunks.next();
    await chunks.next();
    expect(existsSync(join(folder, '1'))).toBe(true);
    expect((await chunks.next()).done).toBe(true);
  });

  test('runs to its end when its reader stops', async () => {
    const { functions, log } = run({
      F: handler(`for (let i = 0; i < 5; i++) if (!stream.write(Buffer.alloc(20_000))) await new Promise((r) => stream.once('drain', r));
        stream.end(); console.log('finished');`),
    });
    for await (const _ of functions.invokeStreaming('F', {})) break;
    await log.until((lines) => lines.some(({ line }) => line === 'finished'));
  });

  test('with a prelude fails a buffered invocation, because its response is not JSON', async () => {
    const { functions } = run({ F: handler(`${from} stream.write("a"); stream.end()`) });
    await expect(functions.invoke('F', {})).rejects.toThrow('not JSON');
  });
});

describe('a deployment', () => {
  test.each([
    ['a reserved variable', { AWS_REGION: 'eu-west-1' }, /F: Lambda reserves the variable AWS_REGION/],
    ['an environment above 4 KB', { LONG: 'x'.repeat(4100) }, /F: its environment is 4104 bytes/],
  ])('rejects %s', (_, Variables, message) => {
    expect(() => run({ F: { code: '', properties: { Environment: { Variables } } } })).toThrow(message);
  });

  test('of another template runs its code for the next request, while earlier requests finish with theirs', async () => {
    const gate = await closedGate();
    const version = (number: number) =>
      `exports.handler = async ({ wait }) => { if (wait) { ${gate.statement} } return ${number}; }`;
    const old = builtTemplate({ F: version(1) });
    const { functions } = run({}, old);
    const first = functions.invoke('F', { wait: true });
    functions.replace(builtTemplate({ F: version(2) }, old.assembly).template);
    expect(await functions.invoke('F', {})).toBe(2);
    gate.open();
    expect(await first).toBe(1);
  });
});
