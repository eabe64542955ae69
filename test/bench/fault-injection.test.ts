import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { FaultInjector, type FaultKind } from '../../bench/harness/fault-injection.ts';
import { type DynamoDb, startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { emulatorPrincipal, FunctionPrincipals, operatorPrincipal } from '../../local/iam/principals.ts';
import { definition } from '../support/contract-stores.ts';

let database: DynamoDb;
let faults: FaultInjector;
let killed: string[];

beforeEach(async () => {
  const principals = new FunctionPrincipals();
  killed = [];
  faults = new FaultInjector({
    kill: async (logicalId) => killed.push(logicalId),
  });
  const oauth = { ...emulatorPrincipal, functionName: 'Holdfast-OAuthFunction0A' };
  const mcp = { ...emulatorPrincipal, functionName: 'Holdfast-McpFunction0B' };
  for (const [key, principal] of Object.entries({ OAUTH: oauth, MCP: mcp, OPERATOR: operatorPrincipal })) {
    principals.add(key, principal);
    faults.add(key, principal);
  }
  database = await startDynamoDb({ folder: undefined, principals });
  await database.createTable(definition, 'Holdfast');
  database.intercept(faults.interceptor('dynamodb'));
});
afterEach(() => database.close());

/** @returns status and body of the response, or the code of the error */
async function send(operation: string, input: object, accessKeyId = 'OAUTH'): Promise<[number, string] | string> {
  const sent = request(database.endpoint, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/x`,
      'x-amz-target': `DynamoDB_20120810.${operation}`,
    },
  });
  sent.end(JSON.stringify({ TableName: 'Holdfast', ...input }));
  try {
    const [response] = await once(sent, 'response');
    return [response.statusCode, await text(response)];
  } catch (error) {
    return (error as NodeJS.ErrnoException).code!;
  }
}

const key = (pk: string) => ({ pk: { S: pk }, sk: { S: '-' } });
const put = (pk: string, accessKeyId?: string) => send('PutItem', { Item: key(pk) }, accessKeyId);

/** Whether the table holds the item. */
const holds = async (pk: string) => {
  const [, body] = (await send('GetItem', { Key: key(pk) }, 'OPERATOR')) as [number, string];
  return body.includes('Item');
};

test.each<[FaultKind, [number, string] | string, { isExecuted: boolean; kills: boolean }]>([
  ['reset', 'ECONNRESET', { isExecuted: false, kills: false }],
  ['lost', 'ECONNRESET', { isExecuted: true, kills: false }],
  ['cut', 'ECONNRESET', { isExecuted: true, kills: false }],
  ['500', [500, ''], { isExecuted: true, kills: false }],
  ['throttled', [400, expect.stringContaining('ThroughputExceeded')], { isExecuted: false, kills: false }],
  ['kill-before', 'ECONNRESET', { isExecuted: false, kills: true }],
  ['kill-after', 'ECONNRESET', { isExecuted: true, kills: true }],
])('the fault %s hits one request', async (kind, response, { isExecuted, kills }) => {
  faults.arm({ kind, request: { operation: 'PutItem' }, occurrence: 1 });
  expect(await put('G#1')).toEqual(response);
  expect(await holds('G#1')).toBe(isExecuted);
  expect(killed).toEqual(kills ? ['OAuthFunction0A'] : []);
  expect(await put('G#2')).toEqual([200, '{}']);
  expect(faults.disarm()).toEqual({ service: 'dynamodb', operation: 'PutItem', target: 'G#', caller: 'OAuth' });
});

test('a hanging request is executed, and is open until its client ends it', async () => {
  faults.arm({ kind: 'hang', request: {}, occurrence: 1 });
  const sent = request(database.endpoint, {
    method: 'POST',
    headers: { authorization: 'AWS4-HMAC-SHA256 Credential=OAUTH/x', 'x-amz-target': 'DynamoDB_20120810.PutItem' },
  });
  const failed = once(sent, 'error');
  sent.end(JSON.stringify({ TableName: 'Holdfast', Item: key('G#1') }));
  while (!(await holds('G#1')));
  const isSettled = faults.settled().then(() => true);
  await put('G#2');
  expect(await Promise.race([isSettled, 'open'])).toBe('open');
  sent.destroy(new Error('timeout'));
  await failed;
  expect(await isSettled).toBe(true);
});

test('a fault hits the request with its members and its number', async () => {
  faults.arm({ kind: 'reset', request: { target: 'G#', caller: 'Mcp' }, occurrence: 2 });
  const answers = [];
  for (const [pk, caller] of [
    ['G#1', 'MCP'],
    ['T#1', 'MCP'],
    ['G#2', 'OAUTH'],
    ['G#3', 'MCP'],
    ['G#4', 'MCP'],
  ] as const) {
    answers.push(await put(pk, caller));
  }
  expect(answers.map((answer) => answer === 'ECONNRESET')).toEqual([false, false, false, true, false]);
});

test('the recorded requests are those of functions, with all key prefixes', async () => {
  await put('G#0');
  faults.record();
  await put('G#1', 'OPERATOR');
  const Put = { TableName: 'Holdfast', Item: key('G#2') };
  await send('TransactWriteItems', {
    TransactItems: [{ Put }, { Delete: { TableName: 'Holdfast', Key: key('T#1') } }],
  });
  const values = { ':user': { S: 'U#ada' }, ':kind': { S: 'S#' } };
  await send('Query', {
    KeyConditionExpression: 'gsi1pk = :user AND begins_with(gsi1sk, :kind)',
    ExpressionAttributeValues: values,
    IndexName: 'byUser',
  });
  expect(faults.recorded().map(({ operation, target, caller }) => [operation, target, caller])).toEqual([
    ['TransactWriteItems', 'G# T#', 'OAuth'],
    ['Query', 'U#', 'OAuth'],
  ]);
});
