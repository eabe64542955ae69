import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import * as sdk from '../../lambda/adapters/dynamodb/client/sdk-table-client.ts';
import * as signed from '../../lambda/adapters/dynamodb/client/signed-table-client.ts';
import type { TableClient } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { callTable } from '../../lambda/adapters/dynamodb/table-connection.ts';

/**
 * Both clients, opened as the functions open them, react to a failing server alike: the same number of attempts and the
 * same outcome for the caller.
 */

jest.setTimeout(60_000);

type Failure = (request: IncomingMessage, response: ServerResponse, attempt: number) => void;

const answer =
  (status: number, body: string | object): Failure =>
  (_request, response) => {
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const error = (status: number, name: string, message = '') =>
  answer(status, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message });
const fine = answer(200, {});

const variables = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'ID',
  AWS_SECRET_ACCESS_KEY: 'a-well-kept-secret',
  AWS_SESSION_TOKEN: 'a-session-token',
};
const before = { ...process.env };
beforeAll(() => Object.assign(process.env, variables));
afterAll(() => {
  for (const name of [...Object.keys(variables), 'AWS_ENDPOINT_URL_DYNAMODB']) delete process.env[name];
  Object.assign(process.env, before);
});

const openers = { sdk: sdk.openTableClient, signed: signed.openTableClient };
type Who = keyof typeof openers;
const key = { TableName: 'Holdfast', Key: { pk: 'A', sk: '1' } };

type Watched = { client: TableClient; bodies: string[]; close(): void };

/** A client of a server that fails like this after one regular response. */
async function open(who: Who, fail: Failure): Promise<Watched> {
  const bodies: string[] = [];
  let isFailing = false;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (!isFailing) return fine(request, response, 0);
    fail(request, response, bodies.push(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env.AWS_ENDPOINT_URL_DYNAMODB = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = openers[who]();
  // The SDK reads the environment at the first request.
  await client.get(key);
  isFailing = true;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { client, bodies, close };
}

type Get = (client: TableClient) => Promise<unknown>;
const get: Get = (client) => client.get(key);

/** The outcome of a request for its caller, and the number of attempts. */
async function outcome(
  { client, bodies }: Watched,
  ask = get,
): Promise<{ name: string; error: unknown; attempts: number }> {
  const error = await callTable(ask(client)).then(
    () => undefined,
    (reason: Error) => reason,
  );
  return { name: error?.name ?? 'answered', error, attempts: bodies.length };
}

/** Of both clients, each with a separate server. */
async function both<T>(fail: Failure, work: (watched: Watched) => Promise<T>): Promise<Record<Who, T>> {
  const opened = { sdk: await open('sdk', fail), signed: await open('signed', fail) };
  try {
    const [bySdk, bySigned] = await Promise.all([work(opened.sdk), work(opened.signed)]);
    return { sdk: bySdk, signed: bySigned };
  } finally {
    for (const each of Object.values(opened)) each.close();
  }
}

/** Attempts for transient and permanent failures. */
const [EIGHT_TIMES, THREE_TIMES, ONCE] = [8, 3, 1];

const failures: [string, Failure, { attempts: number; name: string }][] = [
  ['never answers', () => undefined, { attempts: THREE_TIMES, name: 'ServiceUnavailableError' }],
  [
    'begins an answer and says no more',
    (_request, response) => response.writeHead(200).write('{"Item":'),
    { attempts: THREE_TIMES, name: 'ServiceUnavailableError' },
  ],
  [
    'resets the connection',
    (request) => request.socket.resetAndDestroy(),
    { attempts: THREE_TIMES, name: 'ServiceUnavailableError' },
  ],
  [
    'closes the connection',
    (request) => request.socket.destroy(),
    { attempts: THREE_TIMES, name: 'ServiceUnavailableError' },
  ],
  [
    'closes the connection in the middle of an answer',
    (request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{}', () => request.socket.destroy());
    },
    { attempts: THREE_TIMES, name: 'ServiceUnavailableError' },
  ],
  [
    'closes the connection in the middle of an answer of unknown length',
    (request, response) => {
      response.writeHead(200).write('{}', () => request.socket.destroy());
    },
    { attempts: THREE_TIMES, name: 'ServiceUnavailableError' },
  ],
  ['answers 500', error(500, 'InternalServerError'), { attempts: THREE_TIMES, name: 'ServiceUnavailableError' }],
  ['answers 503', error(503, 'ServiceUnavailable'), { attempts: THREE_TIMES, name: 'ServiceUnavailableError' }],
  ['answers 502 with a page', answer(502, '<html>'), { attempts: THREE_TIMES, name: 'ServiceUnavailableError' }],
  ['answers 500 with nothing', answer(500, ''), { attempts: THREE_TIMES, name: 'ServiceUnavailableError' }],
  ['answers 501', error(501, 'NotImplemented'), { attempts: ONCE, name: 'ServiceUnavailableError' }],
  [
    'throttles',
    error(400, 'ProvisionedThroughputExceededException'),
    { attempts: THREE_TIMES, name: 'ServiceUnavailableError' },
  ],
  [
    'throttles the account',
    error(400, 'ThrottlingException'),
    { attempts: THREE_TIMES, name: 'ServiceUnavailableError' },
  ],
  ['answers 429', error(429, 'SlowDown'), { attempts: THREE_TIMES, name: 'SlowDown' }],
  [
    'has a transaction under way',
    error(400, 'TransactionInProgressException'),
    { attempts: THREE_TIMES, name: 'ServiceUnavailableError' },
  ],
  [
    'has another transaction under way',
    error(400, 'TransactionConflictException'),
    { attempts: EIGHT_TIMES, name: 'ServiceUnavailableError' },
  ],
  ['cancels', error(400, 'TransactionCanceledException'), { attempts: ONCE, name: 'ServiceUnavailableError' }],
  [
    'meets a write of another region',
    error(400, 'ReplicatedWriteConflictException'),
    { attempts: THREE_TIMES, name: 'ReplicatedWriteConflictException' },
  ],
  [
    'finds the signature late',
    error(400, 'InvalidSignatureException', 'Signature expired: 1 is now earlier than 2'),
    { attempts: THREE_TIMES, name: 'InvalidSignatureException' },
  ],
  [
    'finds the signature wrong',
    error(400, 'InvalidSignatureException', 'The request signature we calculated …'),
    { attempts: ONCE, name: 'InvalidSignatureException' },
  ],
  ['refuses', error(400, 'AccessDeniedException'), { attempts: ONCE, name: 'AccessDeniedException' }],
  [
    'finds the condition unmet',
    error(400, 'ConditionalCheckFailedException'),
    { attempts: ONCE, name: 'ConditionalCheckFailedException' },
  ],
  ['has no such table', error(400, 'ResourceNotFoundException'), { attempts: ONCE, name: 'ResourceNotFoundException' }],
  ['answers 200 with garbage', answer(200, 'garbage'), { attempts: ONCE, name: 'ServiceUnavailableError' }],
  ['answers 400 with a page', answer(400, '<html>'), { attempts: ONCE, name: 'ServiceUnavailableError' }],
  [
    'answers with bytes that are not HTTP',
    (request) => request.socket.end('SSH-2.0-OpenSSH\r\n'),
    { attempts: ONCE, name: 'ServiceUnavailableError' },
  ],
];

describe('a server that', () => {
  const outcomes = new Map<string, Record<Who, Awaited<ReturnType<typeof outcome>>>>();
  beforeAll(async () => {
    const opened: { what: string; who: Who; watched: Watched }[] = [];
    for (const [what, fail] of failures) {
      for (const who of ['sdk', 'signed'] as const) opened.push({ what, who, watched: await open(who, fail) });
    }
    // All in parallel: most of the time passes in waits.
    await Promise.all(
      opened.map(async ({ what, who, watched }) => {
        const result = await outcome(watched);
        outcomes.set(what, { ...outcomes.get(what)!, [who]: result });
        watched.close();
      }),
    );
  }, 60_000);

  test.each(failures)('%s gets as many attempts from both clients, with the same outcome', (what, _fail, expected) => {
    const { sdk, signed } = outcomes.get(what)!;
    expect(sdk).toMatchObject(expected);
    expect(signed).toMatchObject(expected);
  });

  test.each(failures)('%s causes an error without a secret', (what) => {
    const { error } = outcomes.get(what)!.signed;
    const said = inspect(error, { depth: 10, showHidden: true });
    for (const secret of [variables.AWS_SECRET_ACCESS_KEY, variables.AWS_SESSION_TOKEN])
      expect(said).not.toContain(secret);
  });
});

test('a response that is too large is reported as unavailable before memory is full', async () => {
  const piece = Buffer.alloc(1024 * 1024, 'x');
  const watched = await open('signed', (_request, response) => {
    const go = () => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', go).writeHead(200);
    go();
  });
  const { name, error, attempts } = await outcome(watched);
  expect({ name, attempts }).toEqual({ name: 'ServiceUnavailableError', attempts: 1 });
  expect(String((error as Error).cause)).toContain('33554432 bytes');
  watched.close();
});

test('a refused connection is reported as unavailable', async () => {
  const outcomes = await both(fine, async (watched) => {
    watched.close();
    return (await outcome(watched)).name;
  });
  expect(outcomes).toEqual({ sdk: 'ServiceUnavailableError', signed: 'ServiceUnavailableError' });
});

test('a transient failure is hidden from the caller', async () => {
  const fail: Failure = (request, response, attempt) => {
    if (attempt === 1) return request.socket.destroy();
    return (attempt === 2 ? error(500, 'InternalServerError') : answer(200, { Item: { pk: { S: 'A' } } }))(
      request,
      response,
      attempt,
    );
  };
  const found = { Item: { pk: 'A' } };
  const answered = await both(fail, async ({ client, bodies }) => ({
    answer: await client.get(key),
    attempts: bodies.length,
  }));
  expect(answered).toMatchObject({ sdk: { answer: found, attempts: 3 }, signed: { answer: found, attempts: 3 } });
});

test('a connection that was closed while idle is opened again', async () => {
  const fail: Failure = (request, response, attempt) => {
    // As if it had been closed while idle: the next request on it is reset.
    if (attempt > 1 && firstSockets.has(request.socket)) return request.socket.resetAndDestroy();
    firstSockets.add(request.socket);
    fine(request, response, attempt);
  };
  const firstSockets = new WeakSet<object>();
  const attempts = await both(fail, async ({ client, bodies }) => {
    await client.get(key);
    await client.get(key);
    return bodies.length;
  });
  expect(attempts).toEqual({ sdk: 3, signed: 3 });
});

test('all attempts of a transaction have one token, and the next transaction another', async () => {
  const Put = { TableName: 'Holdfast', Item: { pk: 'A', sk: '1' } };
  const transact: Get = (client) => client.transactWrite({ TransactItems: [{ Put }] });
  const tokens = await both(error(500, 'InternalServerError'), async (watched) => {
    await outcome(watched, transact);
    await outcome(watched, transact);
    return watched.bodies.map((body) => JSON.parse(body).ClientRequestToken as string);
  });
  for (const [first, , third, fourth, , last] of Object.values(tokens)) {
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(third).toBe(first);
    expect(last).toBe(fourth);
    expect(fourth).not.toBe(first);
  }
  expect(tokens.signed.length).toBe(6);
});

test('the budget of retries is exhausted and refilled', async () => {
  let isUp = false;
  const fail: Failure = (request, response, attempt) =>
    (isUp ? fine : error(500, 'InternalServerError'))(request, response, attempt);
  const random = jest.spyOn(Math, 'random').mockReturnValue(0.01);
  const attempts: Record<Who, number[]> = { sdk: [], signed: [] };
  for (const who of ['sdk', 'signed'] as const) {
    isUp = false;
    const watched = await open(who, fail);
    const count = async (requests: number) => {
      for (let index = 0; index < requests; index++) {
        const before = watched.bodies.length;
        await outcome(watched);
        attempts[who].push(watched.bodies.length - before);
      }
    };
    await count(22);
    isUp = true;
    await count(15);
    isUp = false;
    await count(3);
    watched.close();
  }
  random.mockRestore();
  expect(attempts.signed).toEqual(attempts.sdk);
  expect([attempts.signed[0], attempts.signed[20], attempts.signed[37], attempts.signed[39]]).toEqual([3, 1, 2, 1]);
});

test.each(['InternalServerError', 'ProvisionedThroughputExceededException'])(
  'the pauses are as long as the SDK’s: %s',
  async (name) => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.08);
    const pauses = jest.spyOn(globalThis, 'setTimeout');
    const watched = await open('signed', error(name === 'InternalServerError' ? 500 : 400, name));
    pauses.mockClear();
    await outcome(watched);
    // Of the others, each is the end of an attempt.
    const paused = pauses.mock.calls
      .map(([, milliseconds]) => milliseconds!)
      .filter((milliseconds) => milliseconds < 1000);
    pauses.mockRestore();
    watched.close();
    const bySdk = await open('sdk', error(name === 'InternalServerError' ? 500 : 400, name));
    const failed = await bySdk.client.get(key).catch((error) => error.cause);
    bySdk.close();
    random.mockRestore();
    expect(paused.length).toBe(2);
    expect(paused[0]! + paused[1]!).toBe(failed.$metadata.totalRetryDelay);
  },
);
