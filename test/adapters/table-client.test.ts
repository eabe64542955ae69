import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { signedTableClient } from '../../lambda/adapters/dynamodb/client/signed-table-client.ts';
import {
  type BatchGetInput,
  type DeleteInput,
  type GetInput,
  type PutInput,
  type QueryInput,
  type TableClient,
  TableError,
  type TransactWriteInput,
  type UpdateInput,
} from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { callTable } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';
import { anyString } from '../support/any-string.ts';
import { definition } from '../support/contract-stores.ts';
import { askedBy, clientsOf, credentials, region, startWitness, type Witness } from '../support/recording-server.ts';

/**
 * The signed client and the SDK's client send the same requests and return the same results, errors included. The SDK is
 * the reference.
 */

jest.setTimeout(120_000);

type Asked = { [K in keyof TableClient]: { operation: K; input: Parameters<TableClient[K]>[0] } }[keyof TableClient];

/** The outcome of a request: a value, an error of DynamoDB, or an error of the client. */
async function outcomeOf(who: 'sdk' | 'signed', { operation, input }: Asked): Promise<Record<string, unknown>> {
  try {
    const answer = (await clients[who][operation](input as never)) as Record<string, unknown>;
    const { Item, Items, Attributes, LastEvaluatedKey, Responses, UnprocessedKeys } = answer;
    return { Item, Items, Attributes, LastEvaluatedKey, Responses: inOrder(Responses), UnprocessedKeys };
  } catch (error) {
    const { name, message } = error as Error;
    if (error instanceof TableError) return { name, message, status: error.status, reasons: error.reasons };
    // The messages about malformed responses differ.
    return witnesses[who].received.length > 0 ? { isUnreadable: true } : { name, message, isRefused: true };
  }
}

/** Items of a batch, sorted: DynamoDB returns them in any order, and the emulator in a new order each time. */
const inOrder = (responses: unknown) =>
  responses &&
  Object.entries(responses).map(([table, items]) => [
    table,
    items.toSorted((a: PutInput['Item'], b: PutInput['Item']) => (`${a!.pk}${a!.sk}` < `${b!.pk}${b!.sk}` ? -1 : 1)),
  ]);

/** Cases that the generators have produced: a property without them proves nothing. */
const met = new Map<string, number>();
const meet = (...what: string[]) => {
  for (const each of what) met.set(each, (met.get(each) ?? 0) + 1);
};
const expectMet = (least: Record<string, number>) => {
  const few = Object.entries(least).filter(([what, times]) => (met.get(what) ?? 0) < times);
  expect(few.map(([what]) => `${what}: ${met.get(what) ?? 0}`)).toEqual([]);
};

let witnesses: { sdk: Witness; signed: Witness };
let clients: ReturnType<typeof clientsOf>;
beforeAll(async () => {
  const nobody = () => ({ status: 500, body: '' });
  witnesses = { sdk: await startWitness(nobody), signed: await startWitness(nobody) };
  clients = clientsOf(witnesses.sdk.endpoint, witnesses.signed.endpoint);
});
afterAll(async () => {
  clients.close();
  await Promise.all(Object.values(witnesses).map((each) => each.close()));
});

/** Sends the same request by both clients, compares them, and returns the outcome. */
async function askBoth(asked: Asked): Promise<Record<string, unknown>> {
  const [bySdk, bySigned] = await Promise.all([outcomeOf('sdk', asked), outcomeOf('signed', asked)]);
  if (!isDeepStrictEqual(bySigned, bySdk)) expect(bySigned).toEqual(bySdk);
  // `toEqual` is less strict.
  expect(isDeepStrictEqual(bySigned, bySdk)).toBe(true);
  const [sentBySdk, sentBySigned] = [witnesses.sdk, witnesses.signed].map(({ received }) => received.splice(0));
  expect(sentBySigned!.map(askedBy)).toEqual(sentBySdk!.map(askedBy));
  return bySigned;
}

const text = fc.oneof(anyString(), fc.constantFrom('', 'é', '\u2028', '😀', '\u0000', '"\\', '\ud800'));
const binary = fc.oneof(
  fc.constant(new Uint8Array()),
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  // A part of a larger buffer, as a view of it.
  fc.uint8Array({ minLength: 3, maxLength: 40 }).map((bytes) => bytes.subarray(1, -1)),
);
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, min: -1e15, max: 1e15 }).filter((each) => each === 0 || Math.abs(each) > 1e-120),
  fc.constantFrom(0, -0, 1e-7, 1.5, Number.MAX_SAFE_INTEGER),
  fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }),
);
const setOf = <T>(each: fc.Arbitrary<T>) =>
  fc.uniqueArray(each, { minLength: 1, maxLength: 4, comparator: isDeepStrictEqual }).map((all) => new Set(all));
const set = fc.oneof(
  setOf(text.filter((each) => each !== '')),
  setOf(fc.integer()),
  setOf(fc.uint8Array({ minLength: 1, maxLength: 4 })),
);
/** Some of these are rejected by the clients, some by DynamoDB. */
const refused = fc.constantFrom(
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.MAX_SAFE_INTEGER + 1,
  1e21,
  5e-324,
  10n ** 40n,
  new Set(),
  new Set(['']),
  new Set([true]),
  new Date(0),
  Symbol.iterator,
);
const name = fc.oneof(
  fc.constantFrom('a', 'b', 'n', 'version', 'tags'),
  text.filter((each) => each !== '__proto__'),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 8, arbitrary: fc.oneof(text, fc.constant('')) },
    { weight: 8, arbitrary: number },
    { weight: 4, arbitrary: fc.constantFrom(true, false, null) },
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 8, arbitrary: binary },
    { weight: 8, arbitrary: set },
    { weight: 1, arbitrary: refused },
    { weight: 4, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    { weight: 4, arbitrary: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }) },
  ),
}));

function kindsIn(value: unknown): string[] {
  if (value === null) return ['NULL'];
  if (value instanceof Uint8Array) return [value.length === 0 ? 'an empty B' : 'B'];
  if (value instanceof Set)
    return [...value].slice(0, 1).flatMap((each) => kindsIn(each).map((kind) => `a set of ${kind}`));
  if (Array.isArray(value)) return ['L', ...value.flatMap(kindsIn)];
  if (typeof value === 'object') return ['M', ...Object.values(value).flatMap(kindsIn)];
  if (value === '') return ['an empty S'];
  return [
    { string: 'S', number: 'N', bigint: 'a large N', boolean: 'BOOL', undefined: 'undefined' }[typeof value as string]!,
  ];
}

const TableName = 'Holdfast';
const pk = fc.constantFrom('A', 'B');
const sk = fc.constantFrom('1', '2', '3');
const key = fc.record({ pk, sk });
const item = fc
  .tuple(
    key,
    fc.record({ version: fc.constantFrom(1, 2), gsi1pk: fc.constant('U#ada'), gsi1sk: sk }),
    fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }),
  )
  .map(([key, common, rest]) => ({ ...rest, ...common, ...key }));

const condition = fc.constantFrom(
  {},
  { ConditionExpression: 'attribute_not_exists(pk)' },
  { ConditionExpression: 'version = :one', ExpressionAttributeValues: { ':one': 1 } },
  {
    ConditionExpression: '#v > :one',
    ExpressionAttributeNames: { '#v': 'version' },
    ExpressionAttributeValues: { ':one': 1 },
  },
);

const putInput = fc.record({ Item: item, condition }).map(({ Item, condition }) => ({ TableName, Item, ...condition }));
const deleteInput = fc.record({ Key: key, condition }).map(({ Key, condition }) => ({ TableName, Key, ...condition }));
const updateInput = fc
  .record({
    Key: key,
    condition,
    change: fc.oneof(
      value.map((a) => ({ UpdateExpression: 'SET a = :new', values: { ':new': a } })),
      fc.constant({ UpdateExpression: 'SET version = if_not_exists(version, :new)', values: { ':new': 1 } }),
      fc.integer().map((n) => ({ UpdateExpression: 'ADD n :new', values: { ':new': n } })),
      set.map((tags) => ({ UpdateExpression: 'ADD tags :new', values: { ':new': tags } })),
      fc.constant({ UpdateExpression: 'REMOVE a', values: undefined }),
      fc.constant({ UpdateExpression: 'SET no sense', values: undefined }),
    ),
  })
  .map(({ Key, condition, change }) => {
    const { ExpressionAttributeValues, ...rest } = condition as Omit<UpdateInput, 'TableName' | 'Key'>;
    const values = { ...change.values, ...ExpressionAttributeValues };
    return {
      TableName,
      Key,
      UpdateExpression: change.UpdateExpression,
      ...rest,
      ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
    } satisfies UpdateInput;
  });

const asked: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 3, arbitrary: putInput.map((input: PutInput) => ({ operation: 'put' as const, input })) },
  {
    weight: 2,
    arbitrary: fc
      .record({
        Key: fc.oneof(key, fc.constant({ pk: 'A' }), fc.constant({ pk: '', sk: '1' })),
        ConsistentRead: fc.constantFrom(true, undefined),
        name: fc.constantFrom(TableName, TableName, TableName, 'Another'),
      })
      .map(
        ({ name, ...input }): Asked => ({ operation: 'get', input: { TableName: name, ...input } satisfies GetInput }),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(updateInput, fc.constantFrom('ALL_NEW' as const, undefined))
      .map(([input, ReturnValues]): Asked => ({ operation: 'update', input: { ...input, ReturnValues } })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(deleteInput, fc.constantFrom('ALL_OLD' as const, undefined)).map(
      ([input, ReturnValues]): Asked => ({
        operation: 'delete',
        input: { ...input, ReturnValues } satisfies DeleteInput,
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        question: fc.oneof(
          pk.map((pk) => ({ KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': pk } })),
          fc.tuple(pk, sk).map(([pk, sk]) => ({
            KeyConditionExpression: 'pk = :pk AND sk >= :sk',
            ExpressionAttributeValues: { ':pk': pk, ':sk': sk },
          })),
          fc.constant({
            IndexName: 'byUser',
            KeyConditionExpression: 'gsi1pk = :pk',
            ExpressionAttributeValues: { ':pk': 'U#ada' },
          }),
          fc.constant({ KeyConditionExpression: 'sk = :sk', ExpressionAttributeValues: { ':sk': '1' } }),
        ),
        Limit: fc.constantFrom(1, 2, undefined),
        ScanIndexForward: fc.constantFrom(false, undefined),
      })
      .map(
        ({ question, ...rest }): Asked => ({
          operation: 'query',
          input: { TableName, ...question, ...rest } satisfies QueryInput,
        }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ Keys: fc.array(key, { maxLength: 4 }), ConsistentRead: fc.constantFrom(true, undefined) })
      .map(
        (each): Asked => ({
          operation: 'batchGet',
          input: { RequestItems: { [TableName]: each } } satisfies BatchGetInput,
        }),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .array(
        fc.oneof(
          putInput.map((Put) => ({ Put })),
          deleteInput.map((Delete) => ({ Delete })),
          updateInput.map((Update) => ({ Update })),
        ),
        { minLength: 1, maxLength: 3 },
      )
      .map((TransactItems): Asked => ({ operation: 'transactWrite', input: { TransactItems } as TransactWriteInput })),
  },
);

/** A local DynamoDB for each client; both must end in the same state. */
async function startEngines() {
  const principals = new FunctionPrincipals();
  principals.add(credentials.accessKeyId, emulatorPrincipal);
  const engines = await Promise.all(
    [witnesses.sdk, witnesses.signed].map(async (witness) => {
      const engine = await startDynamoDb({ folder: undefined, principals, now: () => 0 });
      await engine.createTable(definition, TableName);
      witness.answer = async ({ headers, body }) => {
        const forwarded = { 'x-amz-target': String(headers['x-amz-target']), authorization: headers.authorization! };
        const answer = await fetch(engine.endpoint, { method: 'POST', headers: forwarded, body });
        return { status: answer.status, body: await answer.text() };
      };
      return engine;
    }),
  );
  return () => Promise.all(engines.map((engine) => engine.close()));
}

/** The cases that a request and its outcome cover. */
function coveredBy({ operation, input }: Asked, outcome: Awaited<ReturnType<typeof askBoth>>): string[] {
  const succeeded = outcome.name === undefined;
  const batch = (outcome.Responses as [string, unknown[]][] | undefined)?.[0]?.[1];
  const cases: [string, unknown][] = [
    ['an invalid value', outcome.isRefused],
    ['a reason None', (outcome.reasons as string[] | undefined)?.includes('None')],
    ['items found', Array.isArray(outcome.Items) && outcome.Items.length > 0],
    ['attributes returned', outcome.Attributes],
    ['an item found', outcome.Item],
    ['nothing found', operation === 'get' && succeeded && !outcome.Item],
    ['a batch found', operation === 'batchGet' && batch?.length],
  ];
  return [
    operation,
    String(outcome.name ?? `${operation} answered`),
    ...(operation === 'put' && succeeded ? kindsIn((input as PutInput).Item) : []),
    ...cases.flatMap(([name, isCovered]) => (isCovered ? [name] : [])),
  ];
}

test('both clients leave the same table and return the same results', async () => {
  const stop = await startEngines();
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { minLength: 1, maxLength: 12 }), async (all) => {
        for (const each of all) {
          const { input } = each;
          const outcome = await askBoth(each);
          meet(...coveredBy(each, outcome));
          for (let start = outcome.LastEvaluatedKey; start; ) {
            meet('another page');
            const page: Asked = { operation: 'query', input: { ...(input as QueryInput), ExclusiveStartKey: start } };
            start = (await askBoth(page)).LastEvaluatedKey;
          }
        }
      }),
      { numRuns: 200 },
    );
  } finally {
    await stop();
  }
  const kinds = ['S', 'an empty S', 'N', 'a large N', 'BOOL', 'NULL', 'B', 'an empty B', 'L', 'M', 'undefined'];
  const sets = ['a set of S', 'a set of N', 'a set of B'];
  const found = [
    'items found',
    'an item found',
    'nothing found',
    'a batch found',
    'attributes returned',
    'another page',
  ];
  const errors = [
    'ConditionalCheckFailedException',
    'ValidationException',
    'ResourceNotFoundException',
    'TransactionCanceledException',
    'a reason None',
    'an invalid value',
  ];
  const answered = ['put', 'get', 'update', 'delete', 'query', 'batchGet', 'transactWrite'].map(
    (each) => `${each} answered`,
  );
  expectMet(Object.fromEntries([...kinds, ...sets, ...found, ...errors, ...answered].map((each) => [each, 1])));
});

const base64 = fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const numeral = fc.oneof(
  fc.maxSafeInteger().map(String),
  fc.constantFrom('0', '-0', '1.50', '1E-7', '9007199254740993', '-99999999999999999999999999999999999999', '1E126'),
);
const { wire } = fc.letrec((tie) => ({
  wire: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text.map((S) => ({ S })),
    numeral.map((N) => ({ N })),
    base64.map((B) => ({ B })),
    fc.boolean().map((BOOL) => ({ BOOL })),
    fc.constant({ NULL: true }),
    fc.array(text, { maxLength: 3 }).map((SS) => ({ SS })),
    fc.array(numeral, { maxLength: 3 }).map((NS) => ({ NS })),
    fc.array(base64, { maxLength: 3 }).map((BS) => ({ BS })),
    fc.array(tie('wire'), { maxLength: 3 }).map((L) => ({ L })),
    fc.dictionary(name, tie('wire'), { maxKeys: 3, noNullPrototype: true }).map((M) => ({ M })),
  ),
}));
const wireItem = fc.dictionary(name, wire, { maxKeys: 3, noNullPrototype: true });
const wireItems = fc.array(wireItem, { maxLength: 3 });
/** Malformed items. */
const broken = fc.constantFrom(
  { a: {} },
  { a: { X: '1' } },
  { a: { B: '#' } },
  { a: { N: '1.5E300' } },
  { a: { M: null } },
);

const Key = { pk: 'A', sk: '1' };
const questions = {
  get: { operation: 'get', input: { TableName, Key } },
  put: { operation: 'put', input: { TableName, Item: Key } },
  update: { operation: 'update', input: { TableName, Key } },
  delete: { operation: 'delete', input: { TableName, Key } },
  query: { operation: 'query', input: { TableName } },
  batchGet: { operation: 'batchGet', input: { RequestItems: { [TableName]: { Keys: [Key] } } } },
  transactWrite: { operation: 'transactWrite', input: { TransactItems: [{ Put: { TableName, Item: Key } }] } },
} satisfies { [K in keyof TableClient]: Asked };

/** @param what a response of that operation */
const answering = (operation: keyof TableClient, content: fc.Arbitrary<object>) =>
  content.map((body) => ({ asked: questions[operation] as Asked, status: 200, body }));

const answers = fc.oneof(
  answering('get', fc.record({ Item: fc.oneof({ weight: 4, arbitrary: wireItem }, broken) }, { requiredKeys: [] })),
  answering(
    'update',
    fc.record({ Attributes: wireItem, ConsumedCapacity: fc.constant({ CapacityUnits: 1 }) }, { requiredKeys: [] }),
  ),
  answering('delete', fc.record({ Attributes: wireItem }, { requiredKeys: [] })),
  answering('put', fc.constant({})),
  answering(
    'query',
    fc.record(
      { Items: wireItems, Count: fc.nat(), ScannedCount: fc.nat(), LastEvaluatedKey: wireItem },
      { requiredKeys: ['Items'] },
    ),
  ),
  answering(
    'batchGet',
    fc.record({
      Responses: fc.dictionary(fc.constantFrom(TableName, 'Another'), wireItems, { noNullPrototype: true }),
      UnprocessedKeys: fc.oneof(
        fc.constant({}),
        wireItems.map((Keys) => ({ [TableName]: { Keys } })),
        wireItems.map((Keys) => ({ [TableName]: { Keys, ConsistentRead: true } })),
      ),
    }),
  ),
);

const names = [
  'ConditionalCheckFailedException',
  'ValidationException',
  'AccessDeniedException',
  'ItemCollectionSizeLimitExceededException',
  'ResourceNotFoundException',
  'UnrecognizedClientException',
  'NotKnownToAnybodyException',
];
const cancelled = fc.array(
  fc.record(
    {
      Code: fc.constantFrom('None', 'ConditionalCheckFailed', 'TransactionConflict', 'ThrottlingError'),
      Message: text,
      Item: wireItem,
    },
    { requiredKeys: ['Code'] },
  ),
  { minLength: 1, maxLength: 4 },
);
const refusals = fc
  .record({
    asked: fc.constantFrom<Asked>(...Object.values(questions)),
    status: fc.constantFrom(400, 403, 404, 413),
    prefix: fc.constantFrom('com.amazonaws.dynamodb.v20120810#', 'com.amazon.coral.service#', ''),
    suffix: fc.constantFrom('', ':http://internal.amazon.com/coral/com.amazon.coral.service/'),
    refusal: fc.oneof(
      fc.record({ name: fc.constantFrom(...names), rest: fc.constant({}) }),
      fc.record({
        name: fc.constant('TransactionCanceledException'),
        rest: cancelled.map((CancellationReasons) => ({ CancellationReasons })),
      }),
    ),
    message: fc.oneof(
      text.map((message) => ({ message })),
      text.map((Message) => ({ Message })),
    ),
  })
  .map(({ asked, status, prefix, suffix, refusal: { name, rest }, message }) => ({
    asked,
    status,
    body: { __type: `${prefix}${name}${suffix}`, ...message, ...rest },
  }));

test('both clients read any response alike', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 3, arbitrary: answers }, refusals), async ({ asked, status, body }) => {
      for (const witness of Object.values(witnesses)) witness.answer = () => ({ status, body: JSON.stringify(body) });
      const outcome = await askBoth(asked);
      meet(`${asked.operation}: ${outcome.isUnreadable ? 'unreadable' : status === 200 ? 'read' : 'refused'}`);
      if (Object.keys((outcome.UnprocessedKeys as object | undefined) ?? {}).length > 0) meet('keys left unprocessed');
      if (!(outcome.reasons as string[] | undefined)?.includes('TransactionConflict')) return;
      meet('a conflict');
      // Each client repeats a conflict within a budget, and those of the two differ by earlier requests.
      clients.close();
      clients = clientsOf(witnesses.sdk.endpoint, witnesses.signed.endpoint);
    }),
    { numRuns: 500 },
  );
  const read = ['get', 'put', 'update', 'delete', 'query', 'batchGet'].map((each) => `${each}: read`);
  const refused = Object.keys(questions).map((each) => `${each}: refused`);
  expectMet(
    Object.fromEntries(
      [...read, ...refused, 'get: unreadable', 'keys left unprocessed', 'a conflict'].map((each) => [each, 1]),
    ),
  );
});

test('a response that is not DynamoDB’s is not read as an empty result', async () => {
  const empty = [
    ['get', 200, ''],
    ['get', 200, '[]'],
    ['get', 200, 'null'],
    ['get', 204, ''],
    ['get', 200, '{"Item":[]}'],
    ['query', 200, '{}'],
    ['query', 200, '{"Items":{}}'],
    ['batchGet', 200, '{}'],
    ['update', 200, '<html>'],
    // Of a proxy or gateway in between.
    ['get', 403, '{"message":"Forbidden"}'],
    ['get', 302, ''],
  ] as const;
  for (const [operation, status, body] of empty) {
    witnesses.signed.answer = () => ({ status, body });
    const request = callTable(clients.signed[operation](questions[operation].input as never) as Promise<unknown>);
    await expect(request).rejects.toBeInstanceOf(ServiceUnavailableError);
  }
  witnesses.signed.received.length = 0;
});

test('an attribute that would be lost is rejected', async () => {
  witnesses.signed.answer = () => ({ status: 200, body: '{}' });
  for (const lost of [JSON.parse('{"__proto__":1}'), { inside: JSON.parse('[{"__proto__":{}}]') }]) {
    await expect(clients.signed.put({ TableName, Item: { ...Key, lost } })).rejects.toThrow('__proto__');
  }
  await expect(clients.signed.put({ TableName, Item: JSON.parse('{"__proto__":1}') })).rejects.toThrow('__proto__');
  expect(witnesses.signed.received).toEqual([]);
});

test('the recording server detects a signature with another key', async () => {
  witnesses.signed.answer = () => ({ status: 200, body: '{}' });
  const stranger = signedTableClient(new URL(witnesses.signed.endpoint), region, {
    ...credentials,
    secretAccessKey: 'x',
  });
  await expect(stranger.get({ TableName, Key })).rejects.toMatchObject({
    name: 'InvalidSignatureException',
    status: 403,
  });
  witnesses.signed.received.length = 0;
});
