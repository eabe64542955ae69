import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { freePort } from '../../local/free-port.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';

/**
 * Compares the local DynamoDB with an independent implementation: generated requests have the same results and the
 * same errors in both. The generators exclude cases in which dynoxide deviates from DynamoDB's documentation, with the
 * reason; `dynamodb-engine.test.ts` tests these cases.
 */
const dynoxide = join(__dirname, '..', '..', 'node_modules', '@dynoxide', 'linux-x64', 'dynoxide');
const describeWhereInstalled = existsSync(dynoxide) ? describe : describe.skip;

type Value = Record<string, unknown>;
type Item = Record<string, Value>;
type Json = Record<string, unknown>;
type Answer = { error?: string; message?: string; result?: Json };

const TableName = 'Items';
const keys = (...names: string[]) =>
  names.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' }));
const definition = {
  AttributeDefinitions: Object.entries({ pk: 'S', sk: 'S', number: 'N', binary: 'B', user: 'S' }).map(
    ([AttributeName, AttributeType]) => ({ AttributeName, AttributeType }),
  ),
  KeySchema: keys('pk', 'sk'),
  GlobalSecondaryIndexes: [
    { IndexName: 'byNumber', KeySchema: keys('user', 'number'), Projection: { ProjectionType: 'ALL' } },
    {
      IndexName: 'byBinary',
      KeySchema: keys('user', 'binary'),
      Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['a'] },
    },
  ],
  LocalSecondaryIndexes: [
    { IndexName: 'local', KeySchema: keys('pk', 'number'), Projection: { ProjectionType: 'KEYS_ONLY' } },
  ],
};

jest.setTimeout(120_000);

describeWhereInstalled('the local DynamoDB and dynoxide', () => {
  let endpoints: [string, string];
  let server: ChildProcess;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const principals = new FunctionPrincipals();
    principals.add('TEST', emulatorPrincipal);
    const local = await startDynamoDb({ folder: undefined, principals, now: () => 0 });
    await local.createTable(definition, TableName);
    close = () => local.close();
    const port = await freePort();
    server = spawn(dynoxide, ['--port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
    await once(server.stderr!, 'data');
    endpoints = [local.endpoint, `http://127.0.0.1:${port}`];
    await send(endpoints[1], 'CreateTable', { TableName, ...definition, BillingMode: 'PAY_PER_REQUEST' });
  });
  afterAll(async () => {
    server.kill();
    await close();
  });

  const both = (operation: string, input: Json): Promise<[Answer, Answer]> =>
    Promise.all([send(endpoints[0], operation, input), send(endpoints[1], operation, input)]);

  /** Sends a request to both, and expects one answer. */
  async function agree(operation: string, input: Json): Promise<Answer> {
    const [ours, theirs] = await both(operation, input);
    const shown = ({ error, message, result }: Answer) => ({ ...(error ? { error, message } : { result }) });
    try {
      expect(comparable(operation, ours)).toEqual(comparable(operation, theirs));
    } catch (error) {
      const answers = JSON.stringify([shown(ours), shown(theirs)], null, 1);
      throw new Error(`${operation} ${JSON.stringify(input, null, 1)}\n${answers}`, { cause: error });
    }
    return ours;
  }

  const Key = { pk: { S: 'p' }, sk: { S: 's' } };

  /** Makes this the only version of the item, or removes it. */
  async function given(item: Item | undefined): Promise<void> {
    await both('DeleteItem', { TableName, Key });
    if (item) await both('PutItem', { TableName, Item: { ...Key, ...item } });
  }

  const stored = () => agree('GetItem', { TableName, Key });

  /** Runs a property with a new seed each time; fast-check prints it when the property fails. */
  const check = <T extends [unknown, ...unknown[]]>(
    numRuns: number,
    arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
    property: (...values: T) => Promise<void>,
  ) =>
    fc.assert(
      fc.asyncProperty(fc.tuple(...arbitraries) as unknown as fc.Arbitrary<T>, (values) => property(...values)),
      { numRuns, interruptAfterTimeLimit: 60_000 },
    );

  test('accept and reject the same values, and return them alike', () =>
    check<[Value]>(250, [anyValue], async (value) => {
      await given(undefined);
      await agree('PutItem', { TableName, Item: { ...Key, value } });
      await stored();
    }));

  test('read the same numbers, and agree on sums and differences', () =>
    check<[string, string, string]>(
      300,
      [numberText, numberText, fc.constantFrom('+', '-')],
      async (a, b, operator) => {
        await given(undefined);
        await agree('PutItem', { TableName, Item: { ...Key, a: { N: a } } });
        await agree('UpdateItem', {
          TableName,
          Key,
          UpdateExpression: `SET b = if_not_exists(a, :b) ${operator} :b`,
          ExpressionAttributeValues: { ':b': { N: b } },
          ReturnValues: 'ALL_NEW',
        });
        await stored();
      },
    ));

  test('agree on conditions', () =>
    check<[Item, Condition]>(500, [item, condition], async (given_, tree) => {
      await given(given_);
      const { text, ...placeholders } = rendered(tree);
      await agree('DeleteItem', {
        TableName,
        Key,
        ConditionExpression: text,
        ...placeholders,
        ReturnValues: 'ALL_OLD',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      });
      await stored();
    }));

  test('agree on updates', () =>
    check<[Item | undefined, Update, string]>(
      500,
      [
        fc.option(item, { nil: undefined }),
        update,
        fc.constantFrom('NONE', 'ALL_OLD', 'UPDATED_OLD', 'ALL_NEW', 'UPDATED_NEW'),
      ],
      async (existing, actions, ReturnValues) => {
        fc.pre(!isUpdatedOtherwise(existing ?? {}, actions));
        // dynoxide returns a whole list where one element of it was updated; DynamoDB the element.
        fc.pre(!ReturnValues.startsWith('UPDATED') || !actions.some(({ path }) => path.some(Number.isInteger)));
        // dynoxide returns the key as the old item where there was none.
        fc.pre(existing !== undefined || ReturnValues !== 'ALL_OLD');
        await given(existing);
        const { text, ...placeholders } = renderedUpdate(actions);
        await agree('UpdateItem', { TableName, Key, UpdateExpression: text, ...placeholders, ReturnValues });
        await stored();
      },
    ));

  test('agree on projections', () =>
    check<[Item, Path[]]>(250, [item, fc.array(path, { minLength: 1, maxLength: 4 })], async (existing, paths) => {
      // dynoxide ignores that two paths take one value for a list and for a map.
      fc.pre(!areInConflict(paths));
      await given(existing);
      const writer = new ExpressionWriter();
      const ProjectionExpression = paths.map((each) => writer.path(each)).join(', ');
      await agree('GetItem', { TableName, Key, ProjectionExpression, ...writer.placeholders() });
    }));

  test('agree on transactions', () =>
    check<[Item | undefined, Update, Condition, Condition]>(
      100,
      [fc.option(item, { nil: undefined }), update, condition, condition],
      async (existing, actions, first, second) => {
        fc.pre(!isUpdatedOtherwise(existing ?? {}, actions));
        await given(existing);
        const other = { pk: { S: 'p' }, sk: { S: 'other' } };
        await both('DeleteItem', { TableName, Key: other });
        const { text: UpdateExpression, ...ofUpdate } = renderedUpdate(actions);
        const { text: ofPut, ...placeholders } = rendered(first);
        const { text: ofCheck, ...further } = rendered(second);
        const input = {
          TransactItems: [
            { Put: { TableName, Item: { ...other, a: { N: '1' } }, ConditionExpression: ofPut, ...placeholders } },
            { Update: { TableName, Key, UpdateExpression, ...ofUpdate } },
            {
              ConditionCheck: {
                TableName,
                Key: { pk: { S: 'p' }, sk: { S: 'third' } },
                ConditionExpression: ofCheck,
                ...further,
              },
            },
          ],
        };
        const [ours] = await both('TransactWriteItems', input);
        // dynoxide takes an invalid expression for the reason of a cancellation.
        fc.pre(ours.error !== 'ValidationException');
        await given(existing);
        await both('DeleteItem', { TableName, Key: other });
        await agree('TransactWriteItems', input);
        await stored();
        await agree('GetItem', { TableName, Key: other });
      },
    ));

  test('agree on invalid keys, parameters and placeholders', () =>
    check<[string, Json, Json]>(
      300,
      [fc.constantFrom(...keyedOperations), keyParameter, parameters],
      async (operation, key, more) => {
        // dynoxide looks for the table before it looks at expressions and at return values.
        const isMissing = ['Other', 'x'].includes(String(more.TableName));
        fc.pre(!isMissing || (more.ConditionExpression === undefined && more.ReturnValues !== 'ALL_NEW'));
        // dynoxide ignores the condition of an update without an update expression.
        fc.pre(operation !== 'UpdateItem' || more.UpdateExpression !== undefined || !more.ConditionExpression);
        await given({ a: { N: '1' } });
        const input = { TableName, ...more, [operation === 'PutItem' ? 'Item' : 'Key']: key };
        await agree(operation, isRead(operation) ? onlyForReads(input) : input);
        await stored();
      },
    ));

  describe('with items in the table and its indexes', () => {
    beforeAll(async () => {
      const partitions = ['q1', 'q2'];
      const sorts = ['', 'a', 'ab', 'abc', 'b', 'é', '\uffff', '𝄞'].map((text) => `k${text}`);
      for (const [partition, pk] of partitions.entries()) {
        for (const [index, sk] of sorts.entries()) {
          const position = partition * sorts.length + index;
          const Item = {
            pk: { S: pk },
            sk: { S: sk },
            // Not every item is in the indexes.
            ...(index === 3 ? {} : { user: { S: `u${index % 2}` } }),
            number: { N: numbers[position]! },
            binary: { B: Buffer.from([position * 16, index]).toString('base64') },
            a: { N: String(index) },
            m: { M: { x: { L: [{ S: sk }, { N: String(index) }] } } },
          };
          await both('PutItem', { TableName, Item });
        }
      }
    });

    test('agree on queries, page by page', () =>
      check<[Query]>(300, [query], async ({ place, comparison, select, limit, isForward, filter, projection }) => {
        // dynoxide finds nothing by begins_with on a number, which DynamoDB rejects.
        fc.pre(comparison?.operator !== 'begins_with' || place.sort !== 'number');
        fc.pre(!areInConflict(projection ?? []));
        // DynamoDB fetches attributes that a local index does not project from the table; dynoxide does not.
        fc.pre(place.IndexName !== 'local' || !projection);
        const writer = new ExpressionWriter();
        const KeyConditionExpression = keyConditionOf(place, comparison, writer);
        const input: Json = {
          TableName,
          IndexName: place.IndexName,
          KeyConditionExpression,
          ScanIndexForward: isForward,
          Limit: limit,
          Select: select,
          ...(filter && { FilterExpression: writer.condition(filter) }),
          ...(projection && { ProjectionExpression: projection.map((each) => writer.path(each)).join(', ') }),
        };
        Object.assign(input, writer.placeholders());
        await agreeOnPages('Query', input);
      }));

    test('agree on scans', () =>
      check<[Condition | undefined, string | undefined]>(
        60,
        [fc.option(filter, { nil: undefined }), fc.constantFrom(undefined, 'byNumber', 'byBinary', 'local')],
        async (tree, IndexName) => {
          await given(undefined);
          const { text, ...placeholders } = tree ? rendered(tree) : { text: undefined };
          await agree('Scan', { TableName, IndexName, FilterExpression: text, ...placeholders });
        },
      ));

    async function agreeOnPages(operation: string, input: Json): Promise<void> {
      let ExclusiveStartKey: unknown;
      let pages = 0;
      do {
        const { result } = await agree(operation, { ...input, ExclusiveStartKey });
        ExclusiveStartKey = result?.LastEvaluatedKey;
        pages++;
      } while (ExclusiveStartKey && pages < 30);
    }
  });
});

const numbers = [
  '-1e20',
  '-99.5',
  '-99.49',
  '-1',
  '-0.5',
  '-1e-20',
  '0',
  '1e-20',
  '0.5',
  '1',
  '1.5',
  '9',
  '10',
  '99.5',
  '1e20',
  '12345678901234567890123456789012345678',
];

async function send(endpoint: string, operation: string, input: Json): Promise<Answer> {
  const response = await fetch(endpoint, {
    method: 'POST',
    body: JSON.stringify(input),
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20261121T000000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=TEST/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x',
    },
  });
  const body = (await response.json()) as Json & { __type?: string; message?: string };
  if (response.ok) return { result: body };
  return { error: String(body.__type).split('#').at(-1), message: body.message, result: body };
}

/** An answer without the order of sets and scans, and without error messages. */
function comparable(operation: string, { error, result }: Answer): unknown {
  if (error === undefined && operation === 'Scan') {
    return inOrder({ ...result, Items: sorted(inOrder(result!.Items) as unknown[]) });
  }
  if (error === undefined) return inOrder(result);
  const { Item, CancellationReasons } = result as {
    Item?: Item;
    CancellationReasons?: { Code: string; Item?: Item }[];
  };
  return inOrder({
    error,
    Item,
    reasons: CancellationReasons?.map((reason) => ({ Code: reason.Code, Item: reason.Item })),
  });
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([one], [two]) => (one < two ? -1 : 1))
      .map(([name, member]) => [
        name,
        isUnordered(name, member) ? sorted(inOrder(member) as unknown[]) : inOrder(member),
      ]),
  );
}

/** Whether a member of an attribute value is a set. */
const isUnordered = (name: string, member: unknown) => Array.isArray(member) && ['SS', 'NS', 'BS'].includes(name);
const sorted = (values: unknown[]) => values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

// Values

const someNumber = fc.constantFrom('0', '1', '2', '-1', '1.5', '10', '-0.25', '12345678901234567890123456789012345678');
const someString = fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'é', '𝄞', '\uffff', '1');
const someBinary = fc.constantFrom('', 'AA==', 'AAE=', 'AAEC', '/w==');

const { value } = fc.letrec<{ value: Value; leaf: Value }>((tie) => ({
  leaf: fc.oneof(
    fc.record({ S: someString }),
    fc.record({ N: someNumber }),
    fc.record({ B: someBinary }),
    fc.record({ BOOL: fc.boolean() }),
    fc.constant({ NULL: true }),
    fc.record({ SS: fc.uniqueArray(someString, { minLength: 1, maxLength: 3 }) }),
    fc.record({ NS: fc.uniqueArray(someNumber, { minLength: 1, maxLength: 3 }) }),
    fc.record({ BS: fc.uniqueArray(someBinary, { minLength: 1, maxLength: 3 }) }),
  ),
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('leaf'),
    fc.record({ L: fc.array(tie('value'), { maxLength: 3 }) }),
    fc.record({ M: fc.dictionary(fc.constantFrom('a', 'b', 'x y'), tie('value'), { maxKeys: 3 }) }),
  ),
}));

const nested = (depth: number): Value => (depth === 0 ? { S: 'inside' } : { L: [nested(depth - 1)] });

const numberText = fc.oneof(
  someNumber,
  fc.constantFrom(
    '1e125',
    '9.9e125',
    '-1e125',
    '1e126',
    '1e-130',
    '1e-131',
    '-0',
    '+5',
    '.5',
    '5.',
    '00012',
    '1E5',
    '0e999',
  ),
  fc.constantFrom('', ' 5', '1e', '-', '.', '0x1', 'NaN', 'Infinity', '1_0', '9'.repeat(38), '9'.repeat(39)),
  fc
    .record({
      sign: fc.constantFrom('', '-'),
      integer: fc.bigInt({ min: 0n, max: 10n ** 20n }),
      fraction: fc.bigInt({ min: 0n, max: 10n ** 18n }),
      exponent: fc.integer({ min: -20, max: 20 }),
    })
    .map(({ sign, integer, fraction, exponent }) => `${sign}${integer}.${fraction}e${exponent}`),
);

/** Valid and invalid ones. */
const anyValue = fc.oneof(
  { weight: 4, arbitrary: value },
  { weight: 2, arbitrary: fc.record({ N: numberText }) },
  fc.constantFrom<Value>(
    {},
    { S: 'a', N: '1' },
    { S: 1 },
    { N: 1 },
    { BOOL: 'true' },
    { NULL: false },
    { B: '!!' },
    { B: 'AQ' },
    { SS: [] },
    { NS: [] },
    { BS: [] },
    { SS: ['a', 'a'] },
    { NS: ['1', '1.0'] },
    { BS: ['AA==', 'AA=='] },
    { SS: ['a', 1] },
    { L: {} },
    { M: [] },
    { L: [{}] },
    { M: { a: { N: 'x' } } },
    nested(31),
    nested(32),
  ),
);

const attributeNames = ['a', 'b', 'c', 'name'];
const item: fc.Arbitrary<Item> = fc.dictionary(fc.constantFrom(...attributeNames), value, { maxKeys: 4 });

// Paths and expressions

type Path = (string | number)[];

const path: fc.Arbitrary<Path> = fc
  .tuple(
    fc.constantFrom(...attributeNames),
    fc.array(fc.constantFrom<string | number>('a', 'b', 'x y', 0, 1, 2), { maxLength: 2 }),
  )
  .map(([head, rest]) => [head, ...rest]);

type Operand = { path: Path } | { value: Value } | { size: Path };
type Condition =
  | { and: [Condition, Condition] }
  | { or: [Condition, Condition] }
  | { not: Condition }
  | { comparator: string; operands: [Operand, Operand] }
  | { between: [Operand, Operand, Operand] }
  | { in: [Operand, ...Operand[]] }
  | { function: string; operands: Operand[] };

const aPath = path.map((each): Operand => ({ path: each }));
const aValue = value.map((each): Operand => ({ value: each }));
const ordered = fc.oneof(
  fc.record({ S: someString }),
  fc.record({ N: someNumber }),
  fc.record({ B: someBinary }),
) as fc.Arbitrary<Value>;
const anOrdered = ordered.map((each): Operand => ({ value: each }));
const operand = fc.oneof(
  aPath,
  aValue,
  path.map((each): Operand => ({ size: each })),
);

/** Two paths in one comparison are different ones: DynamoDB rejects `a = a`, which dynoxide compares. */
const distinct = <T extends Operand[]>(operands: fc.Arbitrary<T>) =>
  operands.filter(
    ([first, second]) => JSON.stringify(first) !== JSON.stringify(second) || !first || !('path' in first),
  );

const conditions = (bounds: fc.Arbitrary<[Operand, Operand]>) =>
  fc.letrec<{ condition: Condition; simple: Condition }>((tie) => ({
    simple: fc.oneof(
      fc.record({
        comparator: fc.constantFrom('=', '<>'),
        operands: distinct(fc.tuple(operand, operand)),
      }),
      fc.record({
        comparator: fc.constantFrom('<', '<=', '>', '>='),
        // DynamoDB rejects literals without an order, which dynoxide compares to nothing.
        operands: distinct(fc.tuple(aPath, fc.oneof(aPath, anOrdered))),
      }),
      fc.record({
        between: fc.tuple(aPath, bounds).map(([first, rest]): [Operand, Operand, Operand] => [first, ...rest]),
      }),
      fc.record({
        in: fc.tuple(aPath, fc.array(aValue, { minLength: 1, maxLength: 3 })).map(([first, rest]) => [first, ...rest]),
      }) as fc.Arbitrary<Condition>,
      fc.record({
        function: fc.constantFrom('attribute_exists', 'attribute_not_exists'),
        operands: aPath.map((each) => [each]),
      }),
      fc.record({
        function: fc.constant('attribute_type'),
        operands: fc.tuple(
          aPath,
          // DynamoDB rejects other names of types, which dynoxide takes for types that no value has.
          fc
            .constantFrom('S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M')
            .map((type): Operand => ({ value: { S: type } })),
        ),
      }),
      fc.record({
        function: fc.constantFrom('begins_with', 'contains'),
        operands: distinct(fc.tuple(aPath, fc.oneof(aPath, aValue))),
      }),
    ),
    condition: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      tie('simple'),
      fc.record({ and: fc.tuple(tie('condition'), tie('condition')) }),
      fc.record({ or: fc.tuple(tie('condition'), tie('condition')) }),
      fc.record({ not: tie('condition') }),
    ),
  })).condition;

const condition = conditions(fc.tuple(anOrdered, anOrdered));

/** dynoxide looks at the bounds in a filter only when an item gets there; DynamoDB rejects wrong ones at once. */
const filter = conditions(
  fc
    .constantFrom<[Value, Value]>(
      [{ N: '-1' }, { N: '2' }],
      [{ N: '1' }, { N: '1' }],
      [{ S: '' }, { S: 'ab' }],
      [{ S: 'b' }, { S: '𝄞' }],
      [{ B: 'AA==' }, { B: '/w==' }],
    )
    .map(([lower, upper]) => [{ value: lower }, { value: upper }]),
);

type Expression = Operand | { sum: [Expression, string, Expression] } | { function: string; operands: Expression[] };
type Action = { clause: string; path: Path; expression?: Expression };
type Update = Action[];

const settable = fc.oneof(aPath, aValue) as fc.Arbitrary<Expression>;
const someNumberOperand = fc.oneof(
  aPath,
  fc.record({ value: fc.record({ N: someNumber }) }),
) as fc.Arbitrary<Expression>;
const ifNotExists = fc
  .tuple(aPath, settable)
  .map(([first, second]): Expression => ({ function: 'if_not_exists', operands: [first, second] }));
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    clause: fc.constant('SET'),
    path,
    expression: fc.oneof(
      settable,
      ifNotExists,
      fc
        .tuple(fc.oneof(someNumberOperand, ifNotExists), fc.constantFrom('+', '-'), someNumberOperand)
        .map((sum): Expression => ({ sum })),
      fc.tuple(settable, settable).map((operands): Expression => ({ function: 'list_append', operands })),
    ),
  }),
  fc.record({ clause: fc.constant('REMOVE'), path }),
  fc.record({
    clause: fc.constantFrom('ADD', 'DELETE'),
    path,
    expression: aValue,
  }),
);
const update = fc.array(action, { minLength: 1, maxLength: 4 });

function valueAt(existing: Item, [head, ...rest]: Path): Value | undefined {
  let found: Value | undefined = existing[head as string];
  for (const each of rest) {
    const inner: unknown = typeof each === 'number' ? (found?.L as Value[])?.[each] : (found?.M as Item)?.[each];
    found = inner as Value | undefined;
  }
  return found;
}

/**
 * Deviations of dynoxide from DynamoDB in updates: it pads a list with NULL up to an index beyond the end, where
 * DynamoDB appends (API reference, `UpdateExpression`); it goes on where a path leads through a missing value or one
 * of another type, and where two paths take one value for a list and for a map, all of which DynamoDB rejects.
 */
function isUpdatedOtherwise(existing: Item, actions: Update): boolean {
  return areInConflict(actions.map((each) => each.path)) || actions.some((each) => isPlacedOtherwise(existing, each));
}

function isPlacedOtherwise(existing: Item, { path }: Action): boolean {
  if (path.length === 1) return false;
  const last = path.at(-1)!;
  const parent = valueAt(existing, path.slice(0, -1));
  if (typeof last === 'string') return parent?.M === undefined;
  return parent?.L === undefined || last > (parent.L as Value[]).length;
}

function areInConflict(paths: Path[]): boolean {
  return paths.some((one) =>
    paths.some((two) => {
      const difference = one.findIndex((each, index) => each !== two[index]);
      return difference >= 0 && difference < two.length && typeof one[difference] !== typeof two[difference];
    }),
  );
}

/** Writes expressions with placeholders for all names and values. */
class ExpressionWriter {
  readonly #names: Record<string, string> = {};
  readonly #values: Record<string, Value> = {};

  path([head, ...rest]: Path): string {
    const steps = rest.map((each) => (typeof each === 'number' ? `[${each}]` : `.${this.#name(each)}`));
    return `${this.#name(String(head))}${steps.join('')}`;
  }

  value(value: Value): string {
    const placeholder = `:v${Object.keys(this.#values).length}`;
    this.#values[placeholder] = value;
    return placeholder;
  }

  operand(operand: Operand): string {
    if ('value' in operand) return this.value(operand.value);
    return 'path' in operand ? this.path(operand.path) : `size(${this.path(operand.size)})`;
  }

  condition(condition: Condition): string {
    const inParentheses = (inner: Condition) => `(${this.condition(inner)})`;
    if ('and' in condition) return condition.and.map(inParentheses).join(' AND ');
    if ('or' in condition) return condition.or.map(inParentheses).join(' OR ');
    if ('not' in condition) return `NOT ${inParentheses(condition.not)}`;
    if ('comparator' in condition) {
      return condition.operands.map((each) => this.operand(each)).join(` ${condition.comparator} `);
    }
    if ('between' in condition) {
      const [first, lower, upper] = condition.between.map((each) => this.operand(each));
      return `${first} BETWEEN ${lower} AND ${upper}`;
    }
    if ('in' in condition) {
      const [first, ...rest] = condition.in.map((each) => this.operand(each));
      return `${first} IN (${rest.join(', ')})`;
    }
    return `${condition.function}(${condition.operands.map((each) => this.operand(each)).join(', ')})`;
  }

  expression(expression: Expression): string {
    if ('sum' in expression) {
      const [left, operator, right] = expression.sum;
      return `${this.expression(left)} ${operator} ${this.expression(right)}`;
    }
    if (!('function' in expression)) return this.operand(expression);
    return `${expression.function}(${expression.operands.map((each) => this.expression(each)).join(', ')})`;
  }

  update(actions: Update): string {
    const clauses = Map.groupBy(actions, ({ clause }) => clause);
    const written = (clause: string, { path, expression }: Action) => {
      const place = this.path(path);
      if (!expression) return place;
      return `${place}${clause === 'SET' ? ' =' : ''} ${this.expression(expression)}`;
    };
    return [...clauses]
      .map(([clause, own]) => `${clause} ${own.map((each) => written(clause, each)).join(', ')}`)
      .join(' ');
  }

  placeholders(): Json {
    return {
      ...(Object.keys(this.#names).length > 0 && { ExpressionAttributeNames: this.#names }),
      ...(Object.keys(this.#values).length > 0 && { ExpressionAttributeValues: this.#values }),
    };
  }

  #name(name: string): string {
    if (/^[ab]$/.test(name)) return name;
    const placeholder = `#${name.replace(/\W/g, '_')}`;
    this.#names[placeholder] = name;
    return placeholder;
  }
}

function rendered(condition: Condition): Json & { text: string } {
  const writer = new ExpressionWriter();
  return { text: writer.condition(condition), ...writer.placeholders() };
}

function renderedUpdate(actions: Update): Json & { text: string } {
  const writer = new ExpressionWriter();
  return { text: writer.update(actions), ...writer.placeholders() };
}

// Errors

const keyedOperations = ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'];
const isRead = (operation: string) => operation === 'GetItem';

const keyParameter = fc.constantFrom<Json[]>(
  { pk: { S: 'p' }, sk: { S: 's' } },
  { pk: { S: 'p' }, sk: { S: 's' }, further: { S: 'x' } },
  { pk: { S: 'p' } },
  {},
  { pk: { N: '1' }, sk: { S: 's' } },
  { pk: { S: 'p' }, sk: { B: 'AA==' } },
  { pk: { S: '' }, sk: { S: 's' } },
  { pk: { S: 'p' }, sk: { S: '' } },
  { pk: { S: 'p'.repeat(2049) }, sk: { S: 's' } },
  { pk: { S: 'p' }, sk: { S: 's'.repeat(1025) } },
  { pk: { S: 'p' }, sk: { L: [] } },
  { pk: { S: 'p' }, sk: {} },
  { pk: { S: 'p' }, sk: { S: 's' }, user: { S: '' } },
  { pk: { S: 'p' }, sk: { S: 's' }, user: { S: 'u' }, number: { S: '1' } },
);

const parameters: fc.Arbitrary<Json> = fc.record(
  {
    TableName: fc.constantFrom<unknown>('Items', 'Items', 'Items', 'Other', 'x', '??????', 1),
    ReturnConsumedCapacity: fc.constantFrom('NONE', 'WRONG'),
    ReturnValues: fc.constantFrom('NONE', 'ALL_OLD', 'ALL_NEW', 'WRONG'),
    ConditionExpression: fc.constantFrom(
      'a = :a',
      '#a = :a',
      'a = :undefined',
      '#undefined = :a',
      'name = :a',
      'a =',
      '',
    ),
    ExpressionAttributeNames: fc.constantFrom({ '#a': 'a' }, {}, { a: 'a' }, { '#': 'a' }),
    ExpressionAttributeValues: fc.constantFrom<Json[]>(
      { ':a': { N: '1' } },
      {},
      { a: { N: '1' } },
      { ':a': { N: 'x' } },
    ),
  },
  { requiredKeys: [] },
);

/** A read has a projection in place of a condition. */
function onlyForReads({ ConditionExpression, ReturnValues: _, ExpressionAttributeValues: __, ...input }: Json): Json {
  if (typeof ConditionExpression !== 'string') return input;
  return { ...input, ProjectionExpression: ConditionExpression.split(' ')[0] };
}

// Queries

type Place = { IndexName: string | undefined; partition: [string, Value]; sort: string; values: Value[] };
type Comparison = { operator: string; first: number; second: number; isMirrored: boolean };
type Query = {
  place: Place;
  comparison: Comparison | undefined;
  select: string | undefined;
  limit: number | undefined;
  isForward: boolean;
  filter: Condition | undefined;
  projection: Path[] | undefined;
};

const texts = ['k', 'ka', 'kab', 'kb', 'k\uffff', 'k𝄞', 'ké', 'a', 'z'].map((S) => ({ S }));
const places: Place[] = [
  { IndexName: undefined, partition: ['pk', { S: 'q1' }], sort: 'sk', values: texts },
  { IndexName: undefined, partition: ['pk', { S: 'none' }], sort: 'sk', values: texts },
  { IndexName: 'byNumber', partition: ['user', { S: 'u1' }], sort: 'number', values: numbers.map((N) => ({ N })) },
  {
    IndexName: 'byBinary',
    partition: ['user', { S: 'u0' }],
    sort: 'binary',
    values: ['AA==', 'EAE=', 'QA==', 'gAA=', '/w=='].map((B) => ({ B })),
  },
  { IndexName: 'local', partition: ['pk', { S: 'q2' }], sort: 'number', values: numbers.map((N) => ({ N })) },
];

const query: fc.Arbitrary<Query> = fc.record({
  place: fc.constantFrom(...places),
  comparison: fc.option(
    fc.record({
      operator: fc.constantFrom('=', '<', '<=', '>', '>=', 'BETWEEN', 'begins_with', '<>', 'IN', 'contains'),
      first: fc.nat(20),
      second: fc.nat(20),
      isMirrored: fc.boolean(),
    }),
    { nil: undefined },
  ),
  select: fc.constantFrom(
    undefined,
    undefined,
    'COUNT',
    'ALL_ATTRIBUTES',
    'ALL_PROJECTED_ATTRIBUTES',
    'SPECIFIC_ATTRIBUTES',
  ),
  limit: fc.constantFrom(undefined, 0, 1, 2, 3, 100),
  isForward: fc.boolean(),
  filter: fc.option(filter, { nil: undefined }),
  projection: fc.option(fc.array(path, { minLength: 1, maxLength: 3 }), { nil: undefined }),
});

function keyConditionOf(place: Place, comparison: Comparison | undefined, writer: ExpressionWriter): string {
  const [name, partition] = place.partition;
  const ofPartition = `${writer.path([name])} = ${writer.value(partition)}`;
  if (!comparison) return ofPartition;
  const at = (index: number) => writer.value(place.values[index % place.values.length]!);
  const sort = writer.path([place.sort]);
  const { operator, first, second, isMirrored } = comparison;
  const written = () => {
    switch (operator) {
      case 'BETWEEN':
        return `${sort} BETWEEN ${at(first)} AND ${at(second)}`;
      case 'begins_with':
      case 'contains':
        return `${operator}(${sort}, ${at(first)})`;
      case 'IN':
        return `${sort} IN (${at(first)})`;
      default:
        return isMirrored ? `${at(first)} ${operator} ${sort}` : `${sort} ${operator} ${at(first)}`;
    }
  };
  return `${ofPartition} AND ${written()}`;
}
