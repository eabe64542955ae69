import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EventTooLarge,
  FunctionError,
  type FunctionPool,
  FunctionThrottled,
} from '../../local/lambda/function-pool.ts';
import { becomes } from '../support/becomes.ts';
import { builtTemplate, run as start } from '../support/built-functions.ts';

const running: FunctionPool[] = [];
const run: typeof start = (...parameters) => {
  const started = start(...parameters);
  running.push(started.functions);
  return started;
};
afterEach(async () => {
  await Promise.all(running.splice(0).map((functions) => functions.close()));
});

const counter = 'let count = 0; exports.handler = async () => ++count;';
/** What the promise was rejected with. */
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

  test('is new for each request when asked for', async () => {
    const { functions } = run({ F: counter }, { freshPerRequest: true });
    await functions.warm('F');
    expect([await functions.invoke('F', {}), await functions.invoke('F', {})]).toEqual([1, 1]);
  });

  test('shares nothing with that of another function', async () => {
    const code = 'globalThis.count = (globalThis.count ?? 0) + 1; exports.handler = async () => globalThis.count;';
    const { functions } = run({ A: code, B: code });
    expect([await functions.invoke('A', {}), await functions.invoke('B', {})]).toEqual([1, 1]);
  });

  test('answers one request at a time: a second one gets another environment', async () => {
    const flag = join(mkdtempSync(join(tmpdir(), 'flag-')), 'go');
    const { functions } = run({
      F: `let busy = 0;
          exports.handler = async ({ wait }) => {
            busy++;
            while (wait && !require('fs').existsSync(wait)) await new Promise((r) => setTimeout(r, 5));
            return busy--;
          };`,
    });
    const first = functions.invoke('F', { wait: flag });
    expect(await functions.invoke('F', {})).toBe(1);
    writeFileSync(flag, '');
    expect(await first).toBe(1);
  });

  test('is refused when as many are busy as the function may have', async () => {
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

  test('beyond the first ends when it has had nothing to do for a while', async () => {
    const { functions } = run({ F: counter }, { idleSeconds: 0.01 });
    const both = () => Promise.all([functions.invoke('F', {}), functions.invoke('F', {})]);
    await both();
    let counts: unknown[] = [];
    for (let attempt = 0; attempt < 20 && !counts.includes(1); attempt++) {
      await new Promise((again) => setTimeout(again, 30));
      counts = await both();
    }
    expect(counts).toContain(1);
    expect(Math.max(...(counts as number[]))).toBeGreaterThan(1);
  });

  test('has the variables of the template, of Lambda and of the caller, and none of this process', async () => {
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

  test('gives the handler its context', async () => {
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

  test('logs what the handler writes, with its request', async () => {
    const { functions, lines } = run({
      F: 'console.log("at start"); exports.handler = async (e, c) => { console.log("a\\nb"); process.stdout.write("c"); console.error("d"); return c.awsRequestId; }',
    });
    await functions.warm('F');
    const requestId = await functions.invoke('F', {});
    expect(lines.map(({ line }) => line).sort()).toEqual(['a', 'at start', 'b', 'c', 'd']);
    expect(new Set(lines.map((each) => each.requestId))).toEqual(new Set([undefined, requestId]));
  });
});

describe('a function fails', () => {
  test('with what its handler threw', async () => {
    const { functions, lines } = run({ F: 'exports.handler = async () => { throw new RangeError("too far") }' });
    const error = await failure(functions.invoke('F', {}));
    expect(error).toBeInstanceOf(FunctionError);
    expect(error).toMatchObject({
      errorType: 'RangeError',
      message: 'too far',
      stack: expect.stringContaining('index.cjs'),
    });
    expect(lines.at(-1)?.line).toContain('RangeError: too far');
  });

  test('when it takes longer than it may, and its environment ends', async () => {
    const { functions } = run({
      F: {
        code: 'let n = 0; exports.handler = ({ hang }) => hang ? new Promise(() => {}) : Promise.resolve(++n)',
        properties: { Timeout: 1 },
      },
    });
    await functions.invoke('F', {});
    await expect(functions.invoke('F', { hang: true })).rejects.toThrow('Task timed out after 1.00 seconds');
    expect(await functions.invoke('F', {})).toBe(1);
  });

  test('when it blocks its thread', async () => {
    const { functions } = run({
      F: { code: 'exports.handler = async () => { for (;;); }', properties: { Timeout: 1 } },
    });
    await expect(functions.invoke('F', {})).rejects.toThrow('Task timed out');
  });

  test.each([
    ['an exception nobody catches', 'setImmediate(() => { throw new Error("stray") })', 'stray'],
    ['a rejection nobody catches', 'Promise.reject(new Error("stray"))', 'stray'],
    ['process.exit', 'process.exit(3)', 'exit status 3'],
  ])('by %s, and the next request has a new environment', async (_, deed, message) => {
    const { functions } = run({
      F: `let n = 0; exports.handler = async ({ bad }) => { if (bad) { ${deed}; await new Promise(() => {}); } return ++n; }`,
    });
    await functions.invoke('F', {});
    await expect(functions.invoke('F', { bad: true })).rejects.toThrow(message);
    expect(await functions.invoke('F', {})).toBe(1);
  });

  test('to load, and says so before any request', async () => {
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

  test('when its answer exceeds 6 MB', async () => {
    const { functions } = run({ F: 'exports.handler = async () => "x".repeat(6291556)' });
    await expect(functions.invoke('F', {})).rejects.toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' });
  });

  test('never, when the event exceeds 6 MB: it is not asked', async () => {
    const { functions } = run({ F: counter });
    await expect(functions.invoke('F', 'x'.repeat(6291556))).rejects.toBeInstanceOf(EventTooLarge);
  });
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
    ['writes', 'stream.write("a"); stream.end("b")', { text: `{"statusCode":201}${NULS}ab` }],
    ['ends without writing: no prelude', 'stream.end()', { text: '' }],
    ['writes nothing, but writes', 'stream.write(""); stream.end()', { text: `{"statusCode":201}${NULS}` }],
    ['ends with its only piece: no prelude', 'stream.end("body")', { text: 'body' }],
    ['throws early', 'throw new Error("early")', { text: '', error: 'early' }],
    [
      'throws late',
      'stream.write("a"); throw new Error("late")',
      { text: `{"statusCode":201}${NULS}a`, error: 'late' },
    ],
  ])('that %s', async (_, body, expected) => {
    expect(await read(handler(from + body))).toEqual(expected);
  });

  test('that destroys its stream has failed', async () => {
    expect(await read(handler('stream.destroy()'))).toEqual({ text: '', error: expect.stringContaining('destroyed') });
  });

  test('without HttpResponseStream sends its bytes alone', async () => {
    expect(await read(handler('stream.write({ a: 1 }); stream.end()'))).toEqual({ text: '{"a":1}' });
  });

  test('may set its type until it has written', async () => {
    const { error } = await read(handler('stream.write("a"); stream.setContentType("text/plain")'));
    expect(error).toContain('too late');
  });

  test('must be async', async () => {
    const { error } = await read('exports.handler = awslambda.streamifyResponse(() => undefined)');
    expect(error).toBe('Streaming does not support non-async handlers.');
  });

  test('can be piped to', async () => {
    const code = handler(
      `${from} await require('stream/promises').pipeline(require('stream').Readable.from(['a', 'b', 'c']), stream)`,
    );
    expect(await read(code)).toEqual({ text: `{"statusCode":201}${NULS}abc` });
  });

  test('waits for its reader', async () => {
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
    // Another environment starts meanwhile: time enough for this one to go on, if it did.
    await functions.warm('F');
    expect(existsSync(join(folder, '0'))).toBe(false);
    await chunks.next();
    await chunks.next();
    expect(existsSync(join(folder, '1'))).toBe(true);
    expect((await chunks.next()).done).toBe(true);
  });

  test('goes on when its reader leaves', async () => {
    const flag = join(mkdtempSync(join(tmpdir(), 'flag-')), 'done');
    const { functions } = run({
      F: handler(`for (let i = 0; i < 5; i++) if (!stream.write(Buffer.alloc(20_000))) await new Promise((r) => stream.once('drain', r));
        stream.end(); require('fs').writeFileSync('${flag}', '');`),
    });
    for await (const _ of functions.invokeStreaming('F', {})) break;
    await becomes(() => existsSync(flag));
  });

  test('invoked for a buffered answer is not JSON', async () => {
    const { functions } = run({ F: handler(`${from} stream.write("a"); stream.end()`) });
    await expect(functions.invoke('F', {})).rejects.toThrow('not JSON');
  });
});

describe('deploying', () => {
  test.each([
    ['a reserved variable', { AWS_REGION: 'eu-west-1' }, /F: Lambda reserves the variable AWS_REGION/],
    ['an environment above 4 KB', { LONG: 'x'.repeat(4100) }, /F: its environment is 4104 bytes/],
  ])('refuses %s', (_, Variables, message) => {
    expect(() => run({ F: { code: '', properties: { Environment: { Variables } } } })).toThrow(message);
  });

  test('another template: the next request runs its code, those under way finish with theirs', async () => {
    const flag = join(mkdtempSync(join(tmpdir(), 'flag-')), 'go');
    const waiting = (version: number) =>
      `exports.handler = async ({ wait }) => { while (wait && !require('fs').existsSync(wait)) await new Promise((r) => setTimeout(r, 5)); return ${version}; }`;
    const old = builtTemplate({ F: waiting(1) });
    const { functions } = run({}, old);
    const first = functions.invoke('F', { wait: flag });
    functions.replace(builtTemplate({ F: waiting(2) }, old.assembly).template);
    expect(await functions.invoke('F', {})).toBe(2);
    writeFileSync(flag, '');
    expect(await first).toBe(1);
  });
});
