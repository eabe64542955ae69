import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import type { Statement } from '../../local/iam/iam-policy.ts';
import { FunctionPrincipals } from '../../local/iam/principals.ts';
import { FunctionPool } from '../../local/lambda/function-pool.ts';
import { startLambda } from '../../local/lambda/lambda-service.ts';
import type { TemplateJson } from '../../local/template/template.ts';
import { becomes } from '../support/becomes.ts';
import { builtTemplate } from '../support/built-functions.ts';

const endings: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const arn = 'arn:aws:lambda:us-east-1:000000000000:function:F';
const mayInvoke: Statement = { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: [arn, `${arn}:*`] };

type Source = NonNullable<Parameters<typeof builtTemplate>[0][string]>;

/** A function `F`, and a client whose role may invoke it. Minutes of waiting take 30 ms. */
async function start(F: Source, others: TemplateJson['Resources'] = {}, secondsPerMinute = 0.03) {
  const built = builtTemplate({ F }, undefined, others);
  const lines: string[] = [];
  const log = (_: string, line: string) => void lines.push(line);
  const principals = new FunctionPrincipals();
  principals.add('ID', { functionName: 'Caller', statements: [mayInvoke] });
  const lambda = await startLambda({ principals, log, secondsPerMinute });
  endings.push(() => lambda.close());
  const functions = new FunctionPool({ ...built, environment: () => ({}), log: () => undefined });
  endings.push(() => functions.close());
  lambda.deploy(built.template, functions);
  endings.push(() => lambda.undeploy());
  const client = new LambdaClient({
    endpoint: lambda.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'ID', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  endings.push(() => client.destroy());
  const invoke = async (input: Partial<InvokeCommandInput> = {}) => {
    const answer = await client.send(new InvokeCommand({ FunctionName: 'F', ...input }));
    return { ...answer, text: Buffer.from(answer.Payload ?? []).toString() };
  };
  return {
    lambda,
    functions,
    lines,
    assembly: built.assembly,
    invoke,
    send: (event: unknown) => invoke({ InvocationType: 'Event', Payload: JSON.stringify(event) }),
  };
}

/** A file in which a function keeps book, a line per entry. */
function aBook() {
  const file = join(mkdtempSync(join(tmpdir(), 'book-')), 'book');
  return {
    file,
    /** The body of a handler that enters an expression. */
    enter: (expression: string) => `require('fs').appendFileSync(${JSON.stringify(file)}, (${expression}) + '\\n');`,
    entries: () => (existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []),
  };
}

const handler = (body: string) => `exports.handler = async (event, context) => { ${body} };`;
const never = 'await new Promise(() => {});';

describe('a function invoked for its answer', () => {
  test.each([
    ['its name', 'F'],
    ['its name and $LATEST', 'F:$LATEST'],
    ['its ARN', arn],
    ['the part of its ARN that begins with the account', '000000000000:function:F'],
  ])('is found by %s', async (_, FunctionName) => {
    const { invoke } = await start(handler('return { got: event.n }'));
    const answer = await invoke({ FunctionName, Payload: '{"n":1}' });
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST', text: '{"got":1}' });
    expect(answer.FunctionError).toBeUndefined();
  });

  test('gets an empty object when there is no payload', async () => {
    expect((await (await start(handler('return event'))).invoke()).text).toBe('{}');
  });

  test('that fails says so beside a status of success', async () => {
    const { invoke } = await start(handler('throw new RangeError("too far")'));
    const { StatusCode, FunctionError, text } = await invoke();
    expect({ StatusCode, FunctionError }).toEqual({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(JSON.parse(text)).toMatchObject({
      errorType: 'RangeError',
      errorMessage: 'too far',
      trace: expect.arrayContaining(['RangeError: too far', expect.stringContaining('index.cjs')]),
    });
  });

  test('has the request id of the answer', async () => {
    const { invoke } = await start(handler('return context.awsRequestId'));
    const { text, $metadata } = await invoke();
    expect(JSON.parse(text)).toBe($metadata.requestId);
  });

  test('is only looked for in a dry run', async () => {
    const book = aBook();
    const { invoke } = await start(handler(book.enter('1')));
    expect((await invoke({ InvocationType: 'DryRun' })).StatusCode).toBe(204);
    await expect(invoke({ InvocationType: 'DryRun', Qualifier: '7' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    expect(book.entries()).toEqual([]);
  });
});

describe('an invocation is refused', () => {
  const event = { InvocationType: 'Event' } as const;
  test.each<[string, Partial<InvokeCommandInput>, string, number]>([
    ['of a function that the role does not name', { FunctionName: 'G' }, 'AccessDeniedException', 403],
    ['of one of another account', { FunctionName: '111111111111:function:F' }, 'AccessDeniedException', 403],
    ['of a version that does not exist', { FunctionName: 'F:7' }, 'ResourceNotFoundException', 404],
    ['with two qualifiers', { FunctionName: 'F:7', Qualifier: '8' }, 'InvalidParameterValueException', 400],
    ['with a name that is none', { FunctionName: 'F G' }, 'InvalidParameterValueException', 400],
    ['with what is not JSON', { Payload: '{' }, 'InvalidRequestContentException', 400],
    ['as an event that is not JSON', { ...event, Payload: '{' }, 'InvalidRequestContentException', 400],
    ['with an event above 1 MB', { ...event, Payload: `"${'x'.repeat(2 ** 20)}"` }, 'RequestTooLargeException', 413],
    ['with more than 6 MB', { Payload: `"${'x'.repeat(6_291_556)}"` }, 'RequestTooLargeException', 413],
    ['for the end of the log', { LogType: 'Tail' }, 'InvalidParameterValueException', 400],
  ])('%s', async (_, input, name, status) => {
    const { invoke } = await start(handler('return 1'));
    await expect(invoke(input)).rejects.toMatchObject({ name, $metadata: { httpStatusCode: status } });
  });

  test('naming the action, the resource and the function that lacks it', async () => {
    const { invoke } = await start(handler('return 1'));
    const missing = /Caller.* lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:G /;
    await expect(invoke({ FunctionName: 'G' })).rejects.toThrow(missing);
  });

  test('when the function runs as often as it may, for whatever reason', async () => {
    const book = aBook();
    const { invoke, send } = await start({
      code: handler(book.enter('1') + never),
      properties: { ReservedConcurrentExecutions: 1, Timeout: 60 },
    });
    await send({});
    await becomes(() => book.entries().length === 1);
    await expect(invoke()).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      $metadata: { httpStatusCode: 429 },
    });
  });

  test('during an outage, and taken after it', async () => {
    const { invoke, lambda } = await start(handler('return 1'));
    lambda.fail(true);
    await expect(invoke()).rejects.toMatchObject({ name: 'ServiceException', $metadata: { httpStatusCode: 500 } });
    lambda.fail(false);
    expect((await invoke()).text).toBe('1');
  });
});

describe('an event', () => {
  test('is taken at once, and its function runs afterwards', async () => {
    const book = aBook();
    const go = `${book.file}-go`;
    const waits = `while (!require('fs').existsSync('${go}')) await new Promise((r) => setTimeout(r, 5));`;
    const { send } = await start(handler(waits + book.enter('event.n')));
    expect(await send({ n: 1 })).toMatchObject({ StatusCode: 202, text: '' });
    expect(book.entries()).toEqual([]);
    writeFileSync(go, '');
    await becomes(() => book.entries().join() === '1');
  });

  test.each([
    ['throws', 'throw new RangeError()', 'RangeError'],
    ['ends its process', 'process.exit(1)', 'Runtime.ExitError'],
  ])('whose function %s is tried three times under one request id, then dropped', async (_, deed, errorType) => {
    const book = aBook();
    const { send, lines } = await start(handler(book.enter('context.awsRequestId + " " + Date.now()') + deed));
    const { $metadata } = await send({});
    await becomes(() => lines.length === 1);
    const attempts = book.entries().map((entry) => entry.split(' '));
    expect(attempts.map(([requestId]) => requestId)).toEqual(Array(3).fill($metadata.requestId));
    const [first, second, third] = attempts.map(([, at]) => Number(at)) as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(29);
    expect(third - second).toBeGreaterThanOrEqual(59);
    expect(lines).toEqual([`The event ${$metadata.requestId} is dropped: ${errorType} at attempt 3, the last`]);
  });

  test('that takes too long is tried again', async () => {
    const book = aBook();
    const code = handler(`${book.enter('1')} if (event.slow) ${never}`);
    const { send, lines } = await start(
      { code, properties: { Timeout: 1 } },
      { Config: configFor({ MaximumRetryAttempts: 1 }) },
    );
    await send({ slow: true });
    await becomes(() => lines.length === 1);
    expect(lines[0]).toContain('Sandbox.Timedout at attempt 2');
    expect(book.entries()).toHaveLength(2);
  });

  test('is no longer tried again once it has succeeded', async () => {
    const book = aBook();
    const { send, lines } = await start(
      handler(`${book.enter('1')} if (require('fs').readFileSync('${book.file}').length < 4) throw new Error();`),
    );
    await send({});
    await becomes(() => book.entries().length === 2);
    await sleep(150);
    expect([book.entries().length, lines]).toEqual([2, []]);
  });

  test('that is throttled waits for its turn, however often', async () => {
    const book = aBook();
    const { send, lines } = await start({
      code: handler(`await new Promise((r) => setTimeout(r, 20)); ${book.enter('event.n')}`),
      properties: { ReservedConcurrentExecutions: 1 },
    });
    const numbers = Array.from({ length: 8 }, (_, n) => n);
    await Promise.all(numbers.map((n) => send({ n })));
    await becomes(() => book.entries().length === numbers.length);
    expect(book.entries().map(Number).sort()).toEqual(numbers);
    expect(lines).toEqual([]);
  });

  test('that is throttled until it is too old is dropped', async () => {
    const { send, lines } = await start(
      { code: handler('return 1'), properties: { ReservedConcurrentExecutions: 0 } },
      { Config: configFor({ MaximumEventAgeInSeconds: 1 }) },
    );
    await send({});
    await becomes(() => lines.length === 1);
    expect(lines[0]).toContain('older than 1 seconds');
  });

  test('is tried as often as the template says', async () => {
    const book = aBook();
    const { send, lines } = await start(handler(`${book.enter('1')} throw new Error()`), {
      Config: configFor({ MaximumRetryAttempts: 0 }),
    });
    await send({});
    await becomes(() => lines.length === 1);
    expect(book.entries()).toEqual(['1']);
  });

  test('arrives twice while the switch is on', async () => {
    const book = aBook();
    const { send, lambda } = await start(handler(book.enter('event.n + context.awsRequestId')));
    lambda.deliverTwice(true);
    await send({ n: 1 });
    lambda.deliverTwice(false);
    await send({ n: 2 });
    await becomes(() => book.entries().length === 3);
    const [one, again] = book.entries().filter((entry) => entry.startsWith('1'));
    expect(one).toBe(again);
  });

  test('whose environment is killed is tried again in another', async () => {
    const book = aBook();
    const { send, functions } = await start(
      handler(`${book.enter('event.n')} if (require('fs').readFileSync('${book.file}').length < 5) ${never}`),
    );
    await Promise.all([send({ n: 1 }), send({ n: 2 })]);
    await becomes(() => book.entries().length === 2);
    expect(await functions.kill('F', 1)).toBe(1);
    await becomes(() => book.entries().length === 3);
    expect(await functions.kill('F', 9)).toBe(1);
    await becomes(() => book.entries().length === 4);
    expect(book.entries().sort()).toEqual(['1', '1', '2', '2']);
  });

  test('that is tried again meets the code of its time', async () => {
    const book = aBook();
    const { send, functions, lambda, assembly } = await start(handler(`${book.enter('"old"')} throw new Error()`));
    await send({});
    await becomes(() => book.entries().length === 1);
    const { template } = builtTemplate({ F: handler(book.enter('"new"')) }, assembly);
    functions.replace(template);
    lambda.deploy(template, functions);
    await becomes(() => book.entries().includes('new'));
  });

  test('is dropped when its function is gone', async () => {
    const book = aBook();
    const { send, functions, lambda, assembly, lines } = await start(handler(`${book.enter('1')} throw new Error()`));
    await send({});
    await becomes(() => book.entries().length === 1);
    const { template } = builtTemplate({ G: handler('') }, assembly);
    functions.replace(template);
    lambda.deploy(template, functions);
    await becomes(() => lines.length === 1);
    expect(lines[0]).toContain('its function is no longer there');
  });

  test('ends with the cloud, whether it waits or runs', async () => {
    const book = aBook();
    const { send, lambda, functions, lines } = await start(
      handler(`${book.enter('event.n')} if (event.n === 1) throw new Error(); ${never}`),
      {},
      60,
    );
    await Promise.all([send({ n: 1 }), send({ n: 2 })]);
    await becomes(() => book.entries().length === 2);
    lambda.undeploy();
    await functions.close();
    await sleep(20);
    expect([book.entries().length, lines]).toEqual([2, []]);
  });
});

/** Of the function F. */
function configFor(settings: Record<string, unknown>) {
  const Properties = { FunctionName: { Ref: 'F' }, Qualifier: '$LATEST', ...settings };
  return { Type: 'AWS::Lambda::EventInvokeConfig', Properties };
}

describe('a template is refused', () => {
  const destination = { OnFailure: { Destination: 'arn:aws:sqs:us-east-1:000000000000:Q' } };
  test.each<[string, Source, TemplateJson['Resources'], RegExp]>([
    ['that sends failed events on', handler(''), { C: configFor({ DestinationConfig: destination }) }, /^C: dest/],
    [
      'with a dead-letter queue',
      { code: handler(''), properties: { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:000000000000:Q' } } },
      {},
      /^F: a dead-letter queue/,
    ],
    ['that concerns a version', handler(''), { C: configFor({ Qualifier: '7' }) }, /^C: .*F:7/],
  ])('%s', async (_, F, others, message) => {
    await expect(start(F, others)).rejects.toThrow(message);
  });
});
