import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import { ClassicLevel } from 'classic-level';
import type { Clock } from '../../lambda/core/support/clock.ts';
import type { Statement } from '../../local/iam/iam-policy.ts';
import { FunctionPrincipals } from '../../local/iam/principals.ts';
import { type FunctionInvoker, FunctionPool } from '../../local/lambda/function-pool.ts';
import { startLambda } from '../../local/lambda/lambda-service.ts';
import type { TemplateJson } from '../../local/template/template.ts';
import { becomes } from '../support/becomes.ts';
import { builtTemplate, type FunctionSource } from '../support/built-functions.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { FunctionGate } from '../support/function-gate.ts';
import { ObservedList } from '../support/observed-list.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const arn = 'arn:aws:lambda:us-east-1:000000000000:function:F';
const mayInvoke: Statement = { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: [arn, `${arn}:*`] };

/** The delays of the emulator's retries, in milliseconds. */
const [firstRetry, secondRetry] = [1000, 2000];
/** The delay after an attempt whose process ended: the lease of its task has ended then. */
/** The longest delay of a throttled event. */
const fiveMinutes = 5000;

type Options = {
  others?: TemplateJson['Resources'];
  functionClock?: Clock;
  folder?: string;
  retrySeconds?: [number, number];
};

/** A function `F`, and a client whose role may invoke it. */
async function start(F: FunctionSource | string, { others = {}, functionClock, folder, retrySeconds }: Options = {}) {
  const built = builtTemplate({ F }, undefined, others);
  const principals = new FunctionPrincipals();
  principals.add('ID', { functionName: 'Caller', statements: [mayInvoke] });
  const clock = fakeClock();
  const dropped = new ObservedList<string>();
  const lambda = await startLambda({
    folder,
    principals,
    retrySeconds,
    clock,
    log: (_, line) => dropped.push(line),
  });

  const entries = new ObservedList<string>();
  const functions = new FunctionPool({
    ...built,
    environment: () => ({}),
    log: (_name, _requestId, line) => line.startsWith('entry ') && entries.push(line.slice('entry '.length)),
    ...(functionClock && { clock: functionClock }),
  });
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    lambda.undeploy();
    await functions.close();
    await lambda.close();
  };
  cleanups.push(() => (stopped ??= stop()));
  const outcomes = new ObservedList<'succeeded' | 'failed'>();
  const observed: FunctionInvoker = {
    async invoke(...parameters) {
      try {
        const result = await functions.invoke(...parameters);
        outcomes.push('succeeded');
        return result;
      } catch (error) {
        outcomes.push('failed');
        throw error;
      }
    },
  };
  lambda.deploy(built.template, observed);

  const client = new LambdaClient({
    endpoint: lambda.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'ID', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  cleanups.push(() => client.destroy());
  const invoke = async (input: Partial<InvokeCommandInput> = {}) => {
    const response = await client.send(new InvokeCommand({ FunctionName: 'F', ...input }));
    return { ...response, text: Buffer.from(response.Payload ?? []).toString() };
  };
  const accept = (event: unknown) => invoke({ InvocationType: 'Event', Payload: JSON.stringify(event) });
  return {
    lambda,
    functions,
    clock,
    dropped,
    entries,
    /** Of all invocations; a throttled one has failed. */
    outcomes,
    /** Ends the emulator as a signal does. */
    stop: () => (stopped ??= stop()),
    invoke,
    /** Sends an event. Its first attempt begins in a later turn of the event loop. */
    accept,
    /** Sends an event and starts its first attempt. */
    async send(event: unknown) {
      const response = await accept(event);
      await clock.advance(0);
      return response;
    },
    deploy(sources: Record<string, string>) {
      const { template } = builtTemplate(sources, built.assembly);
      functions.replace(template);
      lambda.deploy(template, observed);
    },
  };
}

/** A statement of a handler that logs an entry. */
const enter = (expression: string) => `console.log('entry ' + (${expression}));`;
const handler = (body: string) => `exports.handler = async (event, context) => { ${body} };`;
const never = 'await new Promise(() => {});';

describe('a function invoked for its response', () => {
  test.each([
    ['its name', 'F'],
    ['its name and $LATEST', 'F:$LATEST'],
    ['its ARN', arn],
    ['the part of its ARN that begins with the account', '000000000000:function:F'],
  ])('is found by %s', async (_, FunctionName) => {
    const { invoke } = await start(handler('return { got: event.n }'));
    const response = await invoke({ FunctionName, Payload: '{"n":1}' });
    expect(response).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST', text: '{"got":1}' });
    expect(response.FunctionError).toBeUndefined();
  });

  test('receives an empty object for a missing payload', async () => {
    expect((await (await start(handler('return event'))).invoke()).text).toBe('{}');
  });

  test('that fails has a FunctionError beside the status 200', async () => {
    const { invoke } = await start(handler('throw new RangeError("too far")'));
    const { StatusCode, FunctionError, text } = await invoke();
    expect({ StatusCode, FunctionError }).toEqual({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(JSON.parse(text)).toMatchObject({
      errorType: 'RangeError',
      errorMessage: 'too far',
      trace: expect.arrayContaining(['RangeError: too far', expect.stringContaining('index.cjs')]),
    });
  });

  test('has the request id of the response', async () => {
    const { invoke } = await start(handler('return context.awsRequestId'));
    const { text, $metadata } = await invoke();
    expect(JSON.parse(text)).toBe($metadata.requestId);
  });

  test('does not run in a dry run', async () => {
    const { invoke, entries } = await start(handler(enter('1')));
    expect((await invoke({ InvocationType: 'DryRun' })).StatusCode).toBe(204);
    await expect(invoke({ InvocationType: 'DryRun', Qualifier: '7' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    expect(entries.items).toEqual([]);
  });
});

describe('an invocation is rejected', () => {
  const event = { InvocationType: 'Event' } as const;
  test.each<[string, Partial<InvokeCommandInput>, string, number]>([
    ['if the role does not allow the function', { FunctionName: 'G' }, 'AccessDeniedException', 403],
    [
      'if the function is in another account',
      { FunctionName: '111111111111:function:F' },
      'AccessDeniedException',
      403,
    ],
    ['if the version does not exist', { FunctionName: 'F:7' }, 'ResourceNotFoundException', 404],
    ['if it has two qualifiers', { FunctionName: 'F:7', Qualifier: '8' }, 'InvalidParameterValueException', 400],
    ['if the name of the function is invalid', { FunctionName: 'F G' }, 'InvalidParameterValueException', 400],
    ['if its payload is not JSON', { Payload: '{' }, 'InvalidRequestContentException', 400],
    ['if its event is not JSON', { ...event, Payload: '{' }, 'InvalidRequestContentException', 400],
    ['if its event exceeds 1 MB', { ...event, Payload: `"${'x'.repeat(2 ** 20)}"` }, 'RequestTooLargeException', 413],
    ['if its payload exceeds 6 MB', { Payload: `"${'x'.repeat(6_291_556)}"` }, 'RequestTooLargeException', 413],
    ['if it requests the end of the log', { LogType: 'Tail' }, 'InvalidParameterValueException', 400],
  ])('%s', async (_, input, name, status) => {
    const { invoke } = await start(handler('return 1'));
    await expect(invoke(input)).rejects.toMatchObject({ name, $metadata: { httpStatusCode: status } });
  });

  test('with an error that names the action, the resource and the caller', async () => {
    const { invoke } = await start(handler('return 1'));
    const missing = /Caller.* lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:G /;
    await expect(invoke({ FunctionName: 'G' })).rejects.toThrow(missing);
  });

  test('if the function has reached its concurrency, also by events', async () => {
    const { invoke, send, entries } = await start({
      code: handler(enter('1') + never),
      properties: { ReservedConcurrentExecutions: 1, Timeout: 60 },
    });
    await send({});
    await entries.atLeast(1);
    await expect(invoke()).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      $metadata: { httpStatusCode: 429 },
    });
  });

  test('during an outage, and accepted after it', async () => {
    const { invoke, lambda } = await start(handler('return 1'));
    lambda.fail(true);
    await expect(invoke()).rejects.toMatchObject({ name: 'ServiceException', $metadata: { httpStatusCode: 500 } });
    lambda.fail(false);
    expect((await invoke()).text).toBe('1');
  });
});

describe('an event', () => {
  test('is accepted at once, and its function runs afterwards', async () => {
    const { accept, clock, entries } = await start(handler(enter('event.n')));
    expect(await accept({ n: 1 })).toMatchObject({ StatusCode: 202, text: '' });
    expect(entries.items).toEqual([]);
    await clock.advance(0);
    expect(await entries.atLeast(1)).toEqual(['1']);
  });

  test.each([
    ['throws', 'throw new RangeError()', 'RangeError', [firstRetry, secondRetry]],
    ['ends its process', 'process.exit(1)', 'Runtime.ExitError', [firstRetry, secondRetry]],
  ])(
    'whose function %s is attempted three times under one request id, then dropped',
    async (_, statement, errorType, [second, third]) => {
      const { send, clock, dropped, entries } = await start(handler(enter('context.awsRequestId') + statement));
      const { $metadata } = await send({});
      await clock.expire(second!);
      await clock.expire(third!);
      expect(await dropped.atLeast(1)).toEqual([
        `The event ${$metadata.requestId} is dropped: ${errorType} at attempt 3, the last`,
      ]);
      expect(entries.items).toEqual(Array(3).fill($metadata.requestId));
      expect(clock.sleeping()).toBe(0);
    },
  );

  test('whose function times out is retried', async () => {
    const functionClock = fakeClock();
    const { send, clock, dropped, entries } = await start(
      { code: handler(`${enter('1')} if (event.slow) ${never}`), properties: { Timeout: 7 } },
      { others: { Config: configFor({ MaximumRetryAttempts: 1 }) }, functionClock },
    );
    await send({ slow: true });
    await entries.atLeast(1);
    await functionClock.expire(7000);
    await clock.expire(firstRetry);
    await entries.atLeast(2);
    await functionClock.expire(7000);
    expect((await dropped.atLeast(1))[0]).toContain('Sandbox.Timedout at attempt 2');
    expect(entries.items).toHaveLength(2);
  });

  test('is not retried after it has succeeded', async () => {
    const { send, clock, dropped, entries, outcomes } = await start(
      `let attempts = 0; ${handler(`${enter('1')} if (++attempts === 1) throw new Error();`)}`,
    );
    await send({});
    await clock.expire(firstRetry);
    expect(await outcomes.atLeast(2)).toEqual(['failed', 'succeeded']);
    await nextTurn();
    expect([clock.sleeping(), entries.items.length, dropped.items]).toEqual([0, 2, []]);
  });

  test('that is throttled is retried until it succeeds', async () => {
    const { accept, clock, dropped, entries, outcomes } = await start({
      code: handler(enter('event.n')),
      properties: { ReservedConcurrentExecutions: 1 },
    });
    const numbers = Array.from({ length: 8 }, (_, n) => n);
    await Promise.all(numbers.map((n) => accept({ n })));
    for (const n of numbers) {
      await clock.advance(fiveMinutes);
      await outcomes.until((all) => all.filter((outcome) => outcome === 'succeeded').length > n);
    }
    expect(entries.items.map(Number).sort()).toEqual(numbers);
    expect(outcomes.items).toContain('failed');
    expect(dropped.items).toEqual([]);
  });

  test('that is throttled until it exceeds its maximum age is dropped', async () => {
    const { send, clock, dropped } = await start(
      { code: handler('return 1'), properties: { ReservedConcurrentExecutions: 0 } },
      { others: { Config: configFor({ MaximumEventAgeInSeconds: 1 }) } },
    );
    await send({});
    await clock.advance(1000);
    expect(dropped.items).toEqual([]);
    await clock.advance(1000);
    expect((await dropped.atLeast(1))[0]).toContain('older than 1 seconds');
  });

  test('has the retries that the template sets', async () => {
    const { send, dropped, entries } = await start(handler(`${enter('1')} throw new Error()`), {
      others: { Config: configFor({ MaximumRetryAttempts: 0 }) },
    });
    await send({});
    await dropped.atLeast(1);
    expect(entries.items).toEqual(['1']);
  });

  test('is retried after the pauses of the settings', async () => {
    const { send, clock, dropped, entries } = await start(handler(`${enter('1')} throw new Error()`), {
      retrySeconds: [60, 120],
    });
    await send({});
    await clock.expire(60_000);
    await clock.expire(120_000);
    await dropped.atLeast(1);
    expect(entries.items).toHaveLength(3);
  });

  test('is delivered twice while deliverTwice is on', async () => {
    const { send, lambda, entries } = await start(handler(enter('event.n + context.awsRequestId')));
    lambda.deliverTwice(true);
    await send({ n: 1 });
    lambda.deliverTwice(false);
    await send({ n: 2 });
    const [one, again] = (await entries.atLeast(3)).filter((entry) => entry.startsWith('1'));
    expect(one).toBe(again);
  });

  test('whose environment is killed is retried in another one', async () => {
    const gate = await FunctionGate.closed(2);
    cleanups.push(() => gate.close());
    const { send, clock, functions, entries, outcomes } = await start(handler(enter('event.n') + gate.statement));
    await Promise.all([send({ n: 1 }), send({ n: 2 })]);
    await gate.arrivals.atLeast(2);
    expect(await functions.kill('F', 1)).toBe(1);
    await clock.expire(firstRetry);
    await outcomes.until((all) => all.includes('succeeded'));
    expect(await functions.kill('F', 9)).toBe(1);
    await clock.expire(firstRetry);
    expect((await entries.atLeast(4)).sort()).toEqual(['1', '1', '2', '2']);
  });

  test('is retried with the current code of its function', async () => {
    const { send, clock, deploy, entries, outcomes } = await start(handler(`${enter('"old"')} throw new Error()`));
    await send({});
    await outcomes.atLeast(1);
    deploy({ F: handler(enter('"new"')) });
    await clock.expire(firstRetry);
    expect(await entries.atLeast(2)).toEqual(['old', 'new']);
  });

  test('is dropped if its function has been deleted', async () => {
    const { send, clock, deploy, dropped, outcomes } = await start(handler('throw new Error()'));
    await send({});
    await outcomes.atLeast(1);
    deploy({ G: handler('') });
    await clock.expire(firstRetry);
    expect((await dropped.atLeast(1))[0]).toContain('its function does not exist any more');
  });

  test('is not retried after its stack has been removed, whether it waits or runs', async () => {
    const { send, clock, lambda, functions, dropped, entries, outcomes } = await start(
      handler(`${enter('event.n')} if (event.n === 1) throw new Error(); ${never}`),
    );
    await Promise.all([send({ n: 1 }), send({ n: 2 })]);
    await entries.atLeast(2);
    await outcomes.atLeast(1);
    await nextTurn();
    expect(clock.sleeping()).toBe(1);
    lambda.undeploy();
    await functions.close();
    await outcomes.atLeast(2);
    await nextTurn();
    expect([clock.sleeping(), entries.items.length, dropped.items]).toEqual([0, 2, []]);
  });
});

describe('an event of an earlier process', () => {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-events-'));
  afterAll(() => rmSync(root, { recursive: true }));
  let folders = 0;
  const newFolder = () => join(root, String(++folders));
  const keysIn = async (folder: string) => {
    const events = new ClassicLevel(folder);
    const keys = await events.keys().all();
    await events.close();
    return keys;
  };
  /** A copy of the folder as it is now: the data of a process that is killed at this moment. */
  const killedIn = (folder: string) => {
    const copy = newFolder();
    cpSync(folder, copy, { recursive: true });
    return copy;
  };
  const hangs = handler(enter('context.awsRequestId') + never);
  const returns = handler(enter('context.awsRequestId'));

  /** An emulator that was killed in the folder, started again. */
  const restart = async (folder: string, code: string) => {
    const restarted = await start(code, { folder: killedIn(folder) });
    restarted.lambda.resume();
    await restarted.clock.advance(0);
    return restarted;
  };

  test('that had no attempt is delivered under its request id', async () => {
    const folder = newFolder();
    const throttled = { code: returns, properties: { ReservedConcurrentExecutions: 0 } };
    const { send, clock, entries } = await start(throttled, { folder });
    const { $metadata } = await send({});
    await becomes(() => clock.sleeping() === 1);
    const restarted = await restart(folder, returns);
    await restarted.clock.advance(firstRetry);
    expect(await restarted.entries.atLeast(1)).toEqual([$metadata.requestId]);
    expect(entries.items).toEqual([]);
  });

  test('that waited for a retry is delivered when its pause has passed', async () => {
    const folder = newFolder();
    const { send, clock, outcomes } = await start(handler('throw new Error()'), { folder });
    await send({});
    await outcomes.atLeast(1);
    await becomes(() => clock.sleeping() === 1);
    const restarted = await restart(folder, returns);
    await restarted.clock.expire(firstRetry);
    await restarted.entries.atLeast(1);
  });

  test('that was handled is not stored any more', async () => {
    const folder = newFolder();
    const { send, outcomes, stop } = await start(returns, { folder });
    await send({});
    await outcomes.atLeast(1);
    await stop();
    expect(await keysIn(folder)).toEqual([]);
  });

  test('that was under way is attempted again after a restart', async () => {
    const folder = newFolder();
    const { send, entries } = await start(hangs, { folder });
    const { $metadata } = await send({});
    await entries.atLeast(1);
    const restarted = await restart(folder, returns);
    await restarted.clock.expire(firstRetry);
    expect(await restarted.entries.atLeast(1)).toEqual([$metadata.requestId]);
  });

  test('that was under way when the emulator was stopped is attempted again', async () => {
    const folder = newFolder();
    const { send, entries, dropped, stop } = await start(hangs, { folder });
    await send({});
    await entries.atLeast(1);
    await stop();
    const restarted = await restart(folder, returns);
    await restarted.clock.expire(firstRetry);
    await restarted.entries.atLeast(1);
    expect(dropped.items).toEqual([]);
  });

  test('has three attempts over all processes', async () => {
    const folder = newFolder();
    const first = await start(hangs, { folder });
    const { $metadata } = await first.send({});
    await first.entries.atLeast(1);
    let last = folder;
    for (let attempt = 2; attempt <= 3; attempt++) {
      last = killedIn(last);
      const next = await start(hangs, { folder: last });
      next.lambda.resume();
      await next.clock.expire((attempt - 1) * 1000);
      await next.entries.atLeast(1);
    }
    const restarted = await restart(last, returns);
    expect(await restarted.dropped.atLeast(1)).toEqual([
      `The event ${$metadata.requestId} is dropped: Runtime.ExitError at attempt 3, the last`,
    ]);
    await restarted.stop();
    expect(restarted.outcomes.items).toEqual([]);
  });
});

/** The settings of the function F for asynchronous invocations. */
function configFor(settings: Record<string, unknown>) {
  const Properties = { FunctionName: { Ref: 'F' }, Qualifier: '$LATEST', ...settings };
  return { Type: 'AWS::Lambda::EventInvokeConfig', Properties };
}

describe('a template is rejected', () => {
  const destination = { OnFailure: { Destination: 'arn:aws:sqs:us-east-1:000000000000:Q' } };
  test.each<[string, FunctionSource | string, TemplateJson['Resources'], RegExp]>([
    [
      'with a failure destination',
      handler(''),
      { C: configFor({ DestinationConfig: destination }) },
      /^C: .* destinations/,
    ],
    [
      'with a dead-letter queue',
      { code: handler(''), properties: { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:000000000000:Q' } } },
      {},
      /^F: .* dead-letter queues/,
    ],
    ['with settings for a version', handler(''), { C: configFor({ Qualifier: '7' }) }, /^C: .*F:7/],
  ])('%s', async (_, F, others, message) => {
    await expect(start(F, { others })).rejects.toThrow(message);
  });
});
