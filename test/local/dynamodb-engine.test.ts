import fc from 'fast-check';
import { AwsError } from '../../local/aws-api/aws-error.ts';
import type { AttributeValue, Item } from '../../local/dynamodb/attribute-value.ts';
import { type DataOperation, parse, perform } from '../../local/dynamodb/dynamodb-engine.ts';
import { Store } from '../../local/dynamodb/dynamodb-store.ts';
import { parseCondition } from '../../local/dynamodb/expressions/condition-expression.ts';
import { ExpressionError } from '../../local/dynamodb/expressions/expression-error.ts';
import { ExpressionPlaceholders } from '../../local/dynamodb/expressions/expression-placeholders.ts';
import { parseProjection } from '../../local/dynamodb/expressions/projection-expression.ts';
import { parseUpdate } from '../../local/dynamodb/expressions/update-expression.ts';
import { tableDefinition } from '../../local/dynamodb/table-definition.ts';

/**
 * DynamoDB's limits, its error messages, and its documented behaviour where `dynamodb-differential.test.ts` excludes a
 * case.
 */

const TableName = 'Items';
const keySchema = (...names: string[]) =>
  names.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' }));
const definition = {
  TableName,
  AttributeDefinitions: ['pk', 'sk', 'user'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
  KeySchema: keySchema('pk', 'sk'),
  GlobalSecondaryIndexes: [
    { IndexName: 'byUser', KeySchema: keySchema('user'), Projection: { ProjectionType: 'KEYS_ONLY' } },
  ],
  LocalSecondaryIndexes: [
    {
      IndexName: 'local',
      KeySchema: keySchema('pk', 'user'),
      Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['a'] },
    },
  ],
};

const S = (value: string): AttributeValue => ({ S: value });
const N = (value: number | string): AttributeValue => ({ N: String(value) });
const L = (...elements: AttributeValue[]): AttributeValue => ({ L: elements });
const M = (members: Item): AttributeValue => ({ M: members });
const Key = { pk: S('p'), sk: S('s') };

let store: Store;
beforeEach(async () => {
  store = await Store.open(undefined);
  store.define(tableDefinition(definition));
});

type Answer = { [name: string]: unknown; Attributes?: Item; Item?: Item; Items?: Item[]; LastEvaluatedKey?: Item };

function send(operation: DataOperation, input: object): Answer {
  return store.atomically(() => perform(store, parse(operation, { TableName, ...input }))) as Answer;
}

/** The message of the ValidationException; undefined without one. */
function rejection(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(AwsError);
    expect((error as AwsError).code).toBe('ValidationException');
    return (error as AwsError).message;
  }
}

const put = (item: Item, more: object = {}) => send('PutItem', { Item: { ...Key, ...item }, ...more });
const get = (ProjectionExpression?: string) => plain(send('GetItem', { Key, ProjectionExpression }).Item);
const values = (...all: AttributeValue[]) =>
  all.length === 0 ? undefined : Object.fromEntries(all.map((value, index) => [`:${'abc'[index]}`, value]));

/** Updates an item made of `before`, and returns it without its key. */
function updated(before: Item, UpdateExpression: string, ...used: AttributeValue[]): Item {
  put(before);
  const { Attributes } = send('UpdateItem', {
    Key,
    UpdateExpression,
    ExpressionAttributeValues: values(...used),
    ReturnValues: 'ALL_NEW',
  });
  const { pk: _pk, sk: _sk, ...rest } = plain(Attributes)!;
  return rest;
}

/** Without the missing prototypes, which `toEqual` does not mind but its output does. */
const plain = (item: Item | undefined): Item | undefined => item && JSON.parse(JSON.stringify(item));

function holds(ConditionExpression: string, item: Item, ...used: AttributeValue[]): boolean {
  put(item);
  try {
    send('ConditionCheckItem', { Key, ConditionExpression, ExpressionAttributeValues: values(...used) });
    return true;
  } catch (error) {
    if ((error as AwsError).code === 'ConditionalCheckFailedException') return false;
    throw error;
  }
}

describe('a condition expression', () => {
  test('gives NOT precedence over AND, and AND over OR', () => {
    const item = { t: N(1) };
    const [yes, no] = ['attribute_exists(t)', 'attribute_exists(f)'];
    expect(holds(`${yes} OR ${yes} AND ${no}`, item)).toBe(true);
    expect(holds(`(${yes} OR ${yes}) AND ${no}`, item)).toBe(false);
    expect(holds(`NOT ${yes} OR ${yes}`, item)).toBe(true);
    expect(holds(`NOT (${yes} OR ${yes})`, item)).toBe(false);
    expect(holds(`NOT ${no} AND ${no}`, item)).toBe(false);
    expect(holds(`not ${no} And ${yes} oR ${no}`, item)).toBe(true);
  });

  test('accepts parentheses around operands, and rejects redundant parentheses', () => {
    expect(holds('(a) = (:a)', { a: N(1) }, N(1))).toBe(true);
    expect(holds('((a = :a) AND (a = :a))', { a: N(1) }, N(1))).toBe(true);
    const redundant = 'Invalid ConditionExpression: The expression has redundant parentheses;';
    expect(rejection(() => holds('((a = :a))', {}, N(1)))).toBe(redundant);
    expect(rejection(() => holds('((a)) = :a', {}, N(1)))).toBe(redundant);
  });

  test('compares strings by their UTF-8 bytes, and numbers beyond the precision of a double', () => {
    expect(holds('a < :a', { a: S('\uffff') }, S('𝄞'))).toBe(true);
    expect(
      holds('a < :a', { a: N('12345678901234567890123456789012345677') }, N('12345678901234567890123456789012345678')),
    ).toBe(true);
    expect(holds('a < :a', { a: N('-1e-130') }, N('0'))).toBe(true);
    expect(holds('a = :a', { a: N('100') }, N('1e2'))).toBe(true);
  });

  test('finds attributes named constructor or __proto__ only in items that have them', () => {
    const names = { '#a': 'constructor', '#b': '__proto__' };
    const check = () =>
      send('ConditionCheckItem', {
        Key,
        ConditionExpression: 'attribute_exists(#a) OR attribute_exists(#b) OR attribute_exists(m.#a)',
        ExpressionAttributeNames: names,
      });
    put({ m: M({}) });
    expect(check).toThrow('The conditional request failed');
    put(JSON.parse('{"__proto__":{"N":"1"}}'));
    check();
    expect(JSON.stringify(send('GetItem', { Key }).Item)).toContain('"__proto__":{"N":"1"}');
  });

  test.each([
    [
      'a = a',
      'The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]',
    ],
    [
      'begins_with(a.b[0], a.b[0])',
      'The first operand must be distinct from the remaining operands for this operator or function; operator: begins_with, first operand: [a, b, [0]]',
    ],
    ['a < :bool', 'Incorrect operand type for operator or function; operator: <, operand type: BOOL'],
    [
      'a BETWEEN :list AND :list',
      'Incorrect operand type for operator or function; operator: BETWEEN, operand type: L',
    ],
    [
      'attribute_type(a, :string)',
      'Invalid attribute type name found; type: x, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}',
    ],
    [
      'attribute_type(a, b)',
      'Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}',
    ],
    [
      'attribute_exists(:string)',
      'Operator or function requires a document path; operator or function: attribute_exists',
    ],
    [
      'attribute_exists(a, b)',
      'Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2',
    ],
    [
      'contains(a)',
      'Incorrect number of operands for operator or function; operator or function: contains, number of operands: 1',
    ],
    [
      'begins_with(a, :number)',
      'Incorrect operand type for operator or function; operator or function: begins_with, operand type: N',
    ],
    [
      'size(:number) = :number',
      'Incorrect operand type for operator or function; operator or function: size, operand type: N',
    ],
    ['size(a)', 'The function is not allowed to be used this way in an expression; function: size'],
    [
      'attribute_exists(a) = :bool',
      'The function is not allowed to be used this way in an expression; function: attribute_exists',
    ],
    ['Attribute_Exists(a)', 'Invalid function name; function: Attribute_Exists'],
    ['a = :missing', 'An expression attribute value used in expression is not defined; attribute value: :missing'],
    [
      '#missing = :number',
      'An expression attribute name used in the document path is not defined; attribute name: #missing',
    ],
    ['name = :number', 'Attribute name is a reserved keyword; reserved keyword: name'],
    ['a.Status = :number', 'Attribute name is a reserved keyword; reserved keyword: Status'],
    [
      'a BETWEEN :number AND :string',
      'The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:x}',
    ],
    ['', 'The expression can not be empty;'],
    ['a = = b', 'Syntax error; token: "=", near: "= = b"'],
    ['a = ?', 'Syntax error; token: "?", near: "a = ?"'],
    ['a', 'Syntax error; token: "<EOF>", near: "a"'],
    ['(a = b', 'Syntax error; token: "<EOF>", near: "b"'],
    ['a = b c', 'Syntax error; token: "c", near: "b c"'],
    ['a[-1] = b', 'Syntax error; token: "-", near: "[ - 1"'],
    ['a IN ()', 'Syntax error; token: ")", near: "( )"'],
  ])('rejects %p', (ConditionExpression, message) => {
    const ExpressionAttributeValues = { ':bool': { BOOL: true }, ':list': L(), ':string': S('x'), ':number': N(1) };
    const attempt = () => send('DeleteItem', { Key, ConditionExpression, ExpressionAttributeValues });
    expect(rejection(attempt)).toBe(`Invalid ConditionExpression: ${message}`);
  });
});

describe('an update expression', () => {
  test('reads every operand from the item before the update', () => {
    expect(updated({ a: N(1), b: N(2) }, 'SET a = b, b = a + b')).toEqual({ a: N(2), b: N(3) });
    expect(updated({ a: N(1) }, 'SET b = if_not_exists(b, a) REMOVE a')).toEqual({ b: N(1) });
  });

  test('applies list indexes to the list before the update, and appends elements beyond its end in order', () => {
    const a = L(N(0), N(1), N(2));
    expect(updated({ a }, 'REMOVE a[0], a[1]')).toEqual({ a: L(N(2)) });
    expect(updated({ a }, 'REMOVE a[0] SET a[1] = :a', S('x'))).toEqual({ a: L(S('x'), N(2)) });
    expect(updated({ a }, 'SET a[9] = :a, a[7] = :b', S('last'), S('x'))).toEqual({
      a: L(N(0), N(1), N(2), S('x'), S('last')),
    });
    expect(updated({ a }, 'REMOVE a[7]')).toEqual({ a });
  });

  test('leaves the previous version of the item unchanged', () => {
    const m = M({ l: L(N(1)), s: { SS: ['a'] } });
    put({ m });
    const before = store.find(TableName, Key)!;
    send('UpdateItem', {
      Key,
      UpdateExpression: 'SET m.l[0] = :a, m.x = m.l ADD m.s :b',
      ExpressionAttributeValues: values(N(2), { SS: ['b'] }),
    });
    expect(before.m).toEqual(m);
    expect(get('m')).toEqual({ m: M({ l: L(N(2)), s: { SS: ['a', 'b'] }, x: L(N(1)) }) });
  });

  test('removes a set with its last member, and ignores a missing set', () => {
    expect(updated({ a: { NS: ['1', '2'] } }, 'DELETE a :a', { NS: ['2', '1.0'] })).toEqual({});
    expect(updated({}, 'DELETE a :a', { SS: ['x'] })).toEqual({});
  });

  test('returns only the updated parts, and no attributes when there are none', () => {
    const change = (ReturnValues: string, UpdateExpression: string) =>
      plain(
        send('UpdateItem', { Key, UpdateExpression, ExpressionAttributeValues: values(N(9)), ReturnValues }).Attributes,
      );
    put({ a: L(N(0), N(1)), m: M({ x: N(1), y: N(2) }) });
    expect(change('UPDATED_OLD', 'SET a[1] = :a, m.x = :a')).toEqual({ a: L(N(1)), m: M({ x: N(1) }) });
    expect(change('UPDATED_NEW', 'SET a[1] = :a, m.x = :a')).toEqual({ a: L(N(9)), m: M({ x: N(9) }) });
    expect(change('UPDATED_OLD', 'SET further = :a')).toBeUndefined();
    send('DeleteItem', { Key });
    expect(change('ALL_OLD', 'SET further = :a')).toBeUndefined();
  });

  test('accepts an attribute named remove', () => {
    expect(updated({ b: N(1) }, 'SET remove = :a REMOVE b', N(2))).toEqual({ remove: N(2) });
  });

  test('calculates with 38 digits, and rejects a result with more digits', () => {
    const digits = '9'.repeat(37);
    expect(updated({ a: N(`${digits}8`) }, 'SET a = a + :a', N(1))).toEqual({ a: N(`${digits}9`) });
    expect(updated({ a: N('0.3') }, 'SET a = a - :a', N('0.1'))).toEqual({ a: N('0.2') });
    expect(rejection(() => updated({ a: N(`${digits}9`) }, 'ADD a :a', N('0.1')))).toBe(
      'Attempting to store more than 38 significant digits in a Number',
    );
    expect(rejection(() => updated({ a: N('9e125') }, 'ADD a :a', N('9e125')))).toMatch('Number overflow');
  });

  test.each([
    [
      'SET a = :a SET b = :a',
      'Invalid UpdateExpression: The "SET" section can only be used once in an update expression;',
    ],
    [
      'SET a = :a, a.b = :a',
      'Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]',
    ],
    [
      'SET a.b = :a REMOVE a.b',
      'Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, b]',
    ],
    [
      'SET a.b = :a REMOVE a[0]',
      'Invalid UpdateExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]',
    ],
    [
      'ADD a :a, b :text',
      'Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING',
    ],
    [
      'DELETE a :a',
      'Invalid UpdateExpression: Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER',
    ],
    [
      'SET a = :a + :text',
      'Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand type: S',
    ],
    [
      'SET a = list_append(:a, b)',
      'Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: list_append, operand type: N',
    ],
    [
      'SET a = if_not_exists(:a, :a)',
      'Invalid UpdateExpression: Operator or function requires a document path; operator or function: if_not_exists',
    ],
    ['SET a = size(b)', 'Invalid UpdateExpression: Invalid function name; function: size'],
    ['SET a = :a + :a + :a', 'Invalid UpdateExpression: Syntax error; token: "+", near: ":a + :a"'],
    ['SET a :a', 'Invalid UpdateExpression: Syntax error; token: ":a", near: "a :a"'],
    ['SET a = :a,', 'Invalid UpdateExpression: Syntax error; token: "<EOF>", near: ","'],
    ['a = :a', 'Invalid UpdateExpression: Syntax error; token: "a", near: "a ="'],
    [
      'SET pk = :text',
      'One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key',
    ],
    [
      'REMOVE sk',
      'One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key',
    ],
    [
      'SET user_ = :a, #user = :a',
      'One or more parameter values were invalid: Type mismatch for Index Key user Expected: S Actual: N IndexName: byUser',
    ],
    [
      'SET #user.x = :a',
      "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: user",
    ],
    ['SET a = absent', 'The provided expression refers to an attribute that does not exist in the item'],
    ['SET a = n.b', 'The provided expression refers to an attribute that does not exist in the item'],
    ['SET a = n + t', 'An operand in the update expression has an incorrect data type'],
    ['SET a = list_append(l, n)', 'An operand in the update expression has an incorrect data type'],
    ['ADD t :a', 'An operand in the update expression has an incorrect data type'],
    ['SET n.a = :a', 'The document path provided in the update expression is invalid for update'],
    ['SET absent.a = :a', 'The document path provided in the update expression is invalid for update'],
    ['REMOVE absent.a', 'The document path provided in the update expression is invalid for update'],
    ['SET l.a = :a', 'The document path provided in the update expression is invalid for update'],
  ])('rejects %p, and changes nothing', (UpdateExpression, message) => {
    put({ n: N(1), t: S('x'), l: L() });
    const before = get();
    const used = Object.entries({ ':a': N(1), ':text': S('x') }).filter(([name]) => UpdateExpression.includes(name));
    const attempt = () =>
      send('UpdateItem', {
        Key,
        UpdateExpression,
        ExpressionAttributeValues: used.length > 0 ? Object.fromEntries(used) : undefined,
        ExpressionAttributeNames: UpdateExpression.includes('#user') ? { '#user': 'user' } : undefined,
      });
    expect(rejection(attempt)).toBe(message);
    expect(get()).toEqual(before);
  });
});

describe('the expression parameters', () => {
  test('reject names and values that are unused, empty, invalid or without an expression', () => {
    const remove = (more: object) => rejection(() => send('DeleteItem', { Key, ...more }));
    const ConditionExpression = 'attribute_exists(pk)';
    expect(remove({ ConditionExpression, ExpressionAttributeNames: { '#a': 'a', '#b': 'b' } })).toBe(
      'Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}',
    );
    expect(remove({ ConditionExpression, ExpressionAttributeValues: { ':a': N(1) } })).toBe(
      'Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}',
    );
    expect(remove({ ExpressionAttributeNames: { '#a': 'a' } })).toBe(
      'ExpressionAttributeNames can only be specified when using expressions',
    );
    expect(remove({ ExpressionAttributeValues: { ':a': N(1) } })).toBe(
      'ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null',
    );
    expect(remove({ ConditionExpression, ExpressionAttributeNames: {} })).toBe(
      'ExpressionAttributeNames must not be empty',
    );
    expect(remove({ ConditionExpression, ExpressionAttributeValues: { a: N(1) } })).toBe(
      'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"',
    );
    expect(remove({ ConditionExpression, ExpressionAttributeValues: { ':a': N('x') } })).toBe(
      'ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :a',
    );
  });

  test('share names and values between all expressions of a request', () => {
    put({ a: N(1) });
    const { Items } = send('Query', {
      KeyConditionExpression: '#pk = :pk',
      FilterExpression: '#a = :a',
      ProjectionExpression: '#a, #sk',
      ExpressionAttributeNames: { '#pk': 'pk', '#a': 'a', '#sk': 'sk' },
      ExpressionAttributeValues: { ':pk': S('p'), ':a': N(1) },
    });
    expect(Items!.map(plain)).toEqual([{ a: N(1), sk: S('s') }]);
  });

  test.each([
    ['GetItem', { Key, AttributesToGet: ['pk'] }],
    ['PutItem', { Item: Key, Expected: { pk: { Exists: false } } }],
    ['UpdateItem', { Key, AttributeUpdates: { a: { Value: N(1) } } }],
    ['Query', { KeyConditions: { pk: { ComparisonOperator: 'EQ', AttributeValueList: [S('p')] } } }],
    ['Query', { KeyConditionExpression: 'pk = :a', ExpressionAttributeValues: values(S('p')), QueryFilter: {} }],
    ['Scan', { ScanFilter: {} }],
    ['DeleteItem', { Key, ConditionalOperator: 'AND' }],
    ['BatchGetItem', { RequestItems: { [TableName]: { Keys: [Key], AttributesToGet: ['pk'] } } }],
  ] as [DataOperation, object][])('reject the legacy parameters of %s', (operation, input) => {
    expect(rejection(() => send(operation, input))).toMatch(
      /^[A-Z]\w+ is a legacy parameter, which is not supported locally\. Use an expression\.$/,
    );
  });
});

describe('the engine', () => {
  const condition = (expression: string, ...used: AttributeValue[]) => rejection(() => holds(expression, {}, ...used));

  test('rejects an expression of more than 4 KB', () => {
    expect(condition(`attribute_exists(a)${' '.repeat(4096 - 19)}`)).toBeUndefined();
    expect(condition(`attribute_exists(a)${' '.repeat(4097 - 19)}`)).toBe(
      'Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097',
    );
    expect(condition(`a = :a${'é'.repeat(2046)}`, N(1))).toMatch('expression size: 4098');
  });

  test('rejects an expression of more than 300 operators, nested or in sequence', () => {
    expect(condition(Array(150).fill('a=:a').join(' AND '), N(1))).toBeUndefined();
    const tooMany = 'Invalid ConditionExpression: The expression contains too many operators; operator count: 301';
    expect(condition(Array(151).fill('a=:a').join(' AND '), N(1))).toBe(tooMany);
    expect(condition('('.repeat(4000))).toBe(tooMany);
    expect(condition('NOT '.repeat(1000))).toBe(tooMany);
    expect(condition('size('.repeat(800))).toBe(tooMany);
    expect(rejection(() => updated({}, `SET a = ${'('.repeat(4000)}`))).toMatch('too many operators');
    expect(rejection(() => updated({}, `SET a = ${'if_not_exists(a,'.repeat(250)}`))).toBeDefined();
  });

  test('rejects paths and values of more than 32 levels, and more than 100 operands of IN', () => {
    expect(condition(`attribute_exists(a${'[0]'.repeat(31)})`)).toBeUndefined();
    expect(condition(`attribute_exists(a${'[0]'.repeat(32)})`)).toMatch('too many nesting elements');
    const candidates = (count: number) => `a IN (${Array(count).fill(':a').join(',')})`;
    expect(condition(candidates(100), N(1))).toBeUndefined();
    expect(condition(candidates(101), N(1))).toMatch('number of operands: 101');
    const nested = (depth: number): AttributeValue => (depth === 0 ? N(1) : L(nested(depth - 1)));
    put({ a: nested(31) });
    expect(rejection(() => put({ a: nested(32) }))).toMatch('Nesting Levels have exceeded supported limits');
    expect(rejection(() => put({ a: nested(3000) }))).toMatch('Nesting Levels have exceeded supported limits');
  });

  test('rejects an item of more than 400 KB in UTF-8, attribute names included', () => {
    const room = 400 * 1024 - 'pk'.length - 'p'.length - 'sk'.length - 's'.length - 'a'.length;
    put({ a: S('x'.repeat(room)) });
    expect(rejection(() => put({ a: S('x'.repeat(room + 1)) }))).toBe(
      'Item size has exceeded the maximum allowed size',
    );
    expect(rejection(() => put({ a: S('é'.repeat(room / 2 + 1)) }))).toBeDefined();
    const grow = { Key, UpdateExpression: 'SET b = :a', ExpressionAttributeValues: values(S('')) };
    expect(rejection(() => send('UpdateItem', grow))).toBe('Item size to update has exceeded the maximum allowed size');
  });

  test('rejects a partition key of more than 2 KB, a sort key of more than 1 KB, and empty keys', () => {
    const key = (pk: string, sk: string) => rejection(() => send('GetItem', { Key: { pk: S(pk), sk: S(sk) } }));
    expect(key('x'.repeat(2048), 'x'.repeat(1024))).toBeUndefined();
    expect(key('x'.repeat(2049), 's')).toBe(
      'One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes',
    );
    expect(key('p', 'é'.repeat(513))).toBe(
      'One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes',
    );
    expect(key('', 's')).toMatch('cannot contain an empty string value. Key: pk');
    expect(rejection(() => put({ user: S('') }))).toMatch('cannot contain an empty string value. IndexName: byUser');
  });

  test('parses or rejects every string that is given as an expression', () => {
    const token = fc.constantFrom(
      ...['a', 'b', '#n', ':v', '0', '7', '(', ')', '[', ']', ',', '.', '+', '-', '=', '<', '>', '<>', '<='],
      ...[
        'AND',
        'OR',
        'NOT',
        'BETWEEN',
        'IN',
        'SET',
        'REMOVE',
        'ADD',
        'DELETE',
        'size',
        'contains',
        '?',
        '\u0000',
        '𝄞',
      ],
      ...['attribute_exists', 'attribute_type', 'begins_with', 'if_not_exists', 'list_append', 'constructor'],
    );
    const expression = fc.array(token, { maxLength: 40 }).map((tokens) => tokens.join(' '));
    const value = fc.constantFrom<AttributeValue>(S('S'), N(1), L(), M({}), { SS: ['a'] }, { BOOL: true });
    fc.assert(
      fc.property(fc.oneof(expression, fc.string()), value, (text, of) => {
        for (const parser of [parseCondition, parseUpdate, parseProjection]) {
          const placeholders = new ExpressionPlaceholders(new Map([['#n', 'n']]), { ':v': of });
          try {
            parser(text, placeholders);
          } catch (error) {
            expect(error).toBeInstanceOf(ExpressionError);
          }
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a query or scan', () => {
  const item = (sk: string, more: Item = {}) => ({ pk: S('p'), sk: S(sk), ...more });
  const query = (more: object) =>
    send('Query', { KeyConditionExpression: 'pk = :a', ExpressionAttributeValues: values(S('p')), ...more });

  test('of a local index fetches attributes from the table that the index does not project', () => {
    send('PutItem', { Item: item('1', { user: S('u'), a: N(1), b: N(2) }) });
    const Keys = { pk: S('p'), sk: S('1'), user: S('u') };
    const read = (more: object) => query({ IndexName: 'local', ...more }).Items!.map(plain);
    expect(read({})).toEqual([{ ...Keys, a: N(1) }]);
    expect(read({ Select: 'ALL_ATTRIBUTES' })).toEqual([{ ...Keys, a: N(1), b: N(2) }]);
    expect(read({ ProjectionExpression: 'b' })).toEqual([{ b: N(2) }]);
    expect(
      query({ IndexName: 'local', Select: 'ALL_ATTRIBUTES', ReturnConsumedCapacity: 'INDEXES' }).ConsumedCapacity,
    ).toEqual({
      TableName,
      CapacityUnits: 1,
      Table: { CapacityUnits: 0.5 },
      LocalSecondaryIndexes: { local: { CapacityUnits: 0.5 } },
    });
  });

  test('ends a page with the item that fills 1 MB, and continues after it', () => {
    for (let index = 0; index < 5; index++) {
      send('PutItem', { Item: item(String(index), { a: S('x'.repeat(300_000)) }) });
    }
    const first = query({});
    expect(first.Items).toHaveLength(4);
    expect(first.LastEvaluatedKey).toEqual({ pk: S('p'), sk: S('3') });
    const second = query({ ExclusiveStartKey: first.LastEvaluatedKey });
    expect(second.Items).toHaveLength(1);
    expect(second.LastEvaluatedKey).toBeUndefined();
  });

  test('in segments returns each item once', () => {
    for (let index = 0; index < 50; index++) send('PutItem', { Item: { pk: S(`p${index}`), sk: S('s') } });
    const segments = [0, 1, 2].map((Segment) => send('Scan', { Segment, TotalSegments: 3 }).Items!);
    expect(segments.every(({ length }) => length > 5)).toBe(true);
    expect(new Set(segments.flat().map(({ pk }) => pk!.S)).size).toBe(50);
    expect(segments.flat()).toHaveLength(50);
    const start = { pk: segments[2]![0]!.pk!, sk: S('s') };
    expect(rejection(() => send('Scan', { Segment: 0, TotalSegments: 3, ExclusiveStartKey: start }))).toMatch(
      'correct Segment',
    );
  });

  test.each([
    ['pk = :a OR sk = :a', 'Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: OR'],
    [
      'pk = :a AND pk = :a',
      'Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key',
    ],
    [
      'pk = :a AND size(sk) = :a',
      'Invalid KeyConditionExpression: KeyConditionExpressions cannot contain nested operations',
    ],
    [
      'pk = :a AND sk.b = :a',
      'Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on nested attributes',
    ],
    [
      'pk = :a AND sk = pk',
      'Invalid KeyConditionExpression: Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition',
    ],
    ['pk > :a', 'Query key condition not supported'],
    ['sk = :a', 'Query condition missed key schema element: pk'],
    ['pk = :a AND further = :a', 'Query condition missed key schema element: sk'],
    ['pk = :number', 'One or more parameter values were invalid: Condition parameter type does not match schema type'],
  ])('rejects the key condition %p', (KeyConditionExpression, message) => {
    const all = Object.entries({ ':a': S('p'), ':number': N(1) });
    const used = Object.fromEntries(all.filter(([name]) => KeyConditionExpression.includes(name)));
    const attempt = () => send('Query', { KeyConditionExpression, ExpressionAttributeValues: used });
    expect(rejection(attempt)).toBe(message);
  });

  test('rejects a start key that no page of it can end with', () => {
    const start = (key: Item, more: object = {}) => rejection(() => query({ ExclusiveStartKey: key, ...more }));
    expect(start({ pk: S('p'), sk: S('not there') })).toBeUndefined();
    expect(start({ pk: S('p') })).toBe('The provided starting key is invalid');
    expect(start({ pk: S('p'), sk: N(1) })).toBe(
      'The provided starting key is invalid: The provided key element does not match the schema',
    );
    expect(start({ pk: S('other'), sk: S('s') })).toBe(
      'The provided starting key is outside query boundaries based on provided conditions',
    );
    expect(
      start(
        { pk: S('p'), sk: S('a') },
        { KeyConditionExpression: 'pk = :a AND sk > :b', ExpressionAttributeValues: values(S('p'), S('b')) },
      ),
    ).toBe('The provided starting key does not match the range key predicate');
  });
});

describe('a request', () => {
  test('reports all constraint violations', () => {
    expect(
      rejection(() => parse('GetItem', { TableName: '?', ConsistentRead: true, ReturnConsumedCapacity: 'ALL' })),
    ).toBe(
      "3 validation errors detected: Value '?' at 'tableName' failed to satisfy constraint: " +
        'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; ' +
        "Value null at 'key' failed to satisfy constraint: Member must not be null; " +
        "Value 'ALL' at 'returnConsumedCapacity' failed to satisfy constraint: " +
        'Member must satisfy enum value set: [INDEXES, TOTAL, NONE]',
    );
  });

  test('in a batch returns the keys beyond 1 MB as unprocessed, with their parameters', () => {
    const Keys = Array.from({ length: 5 }, (_, index) => ({ pk: S('p'), sk: S(String(index)) }));
    for (const key of Keys) send('PutItem', { Item: { ...key, a: S('x'.repeat(300_000)), b: N(1) } });
    const asked = { ProjectionExpression: '#b', ExpressionAttributeNames: { '#b': 'b' }, ConsistentRead: true };
    const first = send('BatchGetItem', { RequestItems: { [TableName]: { Keys, ...asked } } });
    expect((first.Responses as Record<string, Item[]>)[TableName]!.map(plain)).toEqual(Array(4).fill({ b: N(1) }));
    const left = (first.UnprocessedKeys as Record<string, { Keys: Item[] }>)[TableName]!;
    expect(left).toMatchObject(asked);
    expect(left.Keys).toHaveLength(1);
    const second = send('BatchGetItem', { RequestItems: first.UnprocessedKeys });
    expect(second).toMatchObject({ Responses: { [TableName]: [{ b: N(1) }] }, UnprocessedKeys: {} });
  });

  test('with too many items, or with one item twice, is rejected', () => {
    const Keys = Array.from({ length: 101 }, (_, index) => ({ pk: S('p'), sk: S(String(index)) }));
    const puts = Keys.map((Item) => ({ PutRequest: { Item } }));
    const batchGet = (keys: object[]) =>
      rejection(() => send('BatchGetItem', { RequestItems: { [TableName]: { Keys: keys } } }));
    const batchWrite = (writes: object[]) =>
      rejection(() => send('BatchWriteItem', { RequestItems: { [TableName]: writes } }));
    expect(batchGet(Keys.slice(0, 100))).toBeUndefined();
    expect(batchGet(Keys)).toMatch('Member must have length less than or equal to 100');
    expect(batchGet([Key, Key])).toBe('Provided list of item keys contains duplicates');
    expect(batchWrite(puts.slice(0, 25))).toBeUndefined();
    expect(batchWrite(puts.slice(0, 26))).toMatch('Member must have length less than or equal to 25');
    expect(batchWrite([puts[0]!, { DeleteRequest: { Key: Keys[0] } }])).toBe(
      'Provided list of item keys contains duplicates',
    );
    expect(batchWrite([{}])).toMatch('must contain exactly one');
    for (const operation of ['BatchGetItem', 'BatchWriteItem'] as const) {
      expect(rejection(() => send(operation, { RequestItems: {} }))).toMatch('length greater than or equal to 1');
      expect(rejection(() => send(operation, { RequestItems: { [TableName]: null } }))).toMatch('must not be null');
    }
  });

  test('with null as an attribute value is rejected', () => {
    expect(rejection(() => put({ a: null as never }))).toMatch('Supplied AttributeValue is empty');
    expect(rejection(() => put({ a: L(null as never) }))).toMatch('Supplied AttributeValue is empty');
  });

  test('returns its consumed capacity', () => {
    const capacity = (operation: DataOperation, input: object) =>
      send(operation, { ...input, ReturnConsumedCapacity: 'TOTAL' }).ConsumedCapacity;
    const Item = { ...Key, a: S('x'.repeat(5000)) };
    expect(capacity('PutItem', { Item })).toEqual({ TableName, CapacityUnits: 5 });
    expect(capacity('GetItem', { Key })).toEqual({ TableName, CapacityUnits: 1 });
    expect(capacity('GetItem', { Key, ConsistentRead: true })).toEqual({ TableName, CapacityUnits: 2 });
    expect(capacity('BatchGetItem', { RequestItems: { [TableName]: { Keys: [Key] } } })).toEqual([
      { TableName, CapacityUnits: 1 },
    ]);
    expect(capacity('DeleteItem', { Key })).toEqual({ TableName, CapacityUnits: 5 });
    expect(capacity('GetItem', { Key })).toEqual({ TableName, CapacityUnits: 0.5 });
  });
});

describe('a table definition', () => {
  test.each([
    [
      { KeySchema: keySchema('pk', 'pk') },
      'Both the Hash Key and the Range Key element in the KeySchema have the same name',
    ],
    [
      { KeySchema: keySchema('pk', 'other') },
      /^One or more parameter values were invalid: Some index key attributes are not defined/,
    ],
    [
      { KeySchema: keySchema('pk', 'sk').toReversed() },
      'Invalid KeySchema: The first KeySchemaElement is not a HASH key type',
    ],
    [{ KeySchema: keySchema('pk') }, /Table KeySchema does not have a range key/],
    [{ TableName: 'ab' }, /Member must have length greater than or equal to 3/],
    [{ KeySchema: [] }, /Member must have length greater than or equal to 1/],
    [{ GlobalSecondaryIndexes: [] }, /List of GlobalSecondaryIndexes is empty/],
    [{ GlobalSecondaryIndexes: Array(2).fill(definition.GlobalSecondaryIndexes[0]) }, /Duplicate index name: byUser/],
    [
      { LocalSecondaryIndexes: [{ ...definition.LocalSecondaryIndexes[0], KeySchema: keySchema('user', 'sk') }] },
      /same leading hash key/,
    ],
    [
      { LocalSecondaryIndexes: [{ ...definition.LocalSecondaryIndexes[0], KeySchema: keySchema('pk') }] },
      /does not have a range key for index: local/,
    ],
    [
      { GlobalSecondaryIndexes: [{ ...definition.GlobalSecondaryIndexes[0], Projection: {} }] },
      /Unknown ProjectionType: null/,
    ],
    [{ GlobalSecondaryIndexes: undefined, LocalSecondaryIndexes: undefined }, /Number of attributes in KeySchema/],
  ])('with %j is rejected', (change, message) => {
    const attempt = () => tableDefinition({ ...definition, ...change });
    if (typeof message === 'string') expect(rejection(attempt)).toBe(message);
    else expect(rejection(attempt)).toMatch(message);
  });
});
