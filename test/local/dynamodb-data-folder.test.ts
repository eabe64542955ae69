import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ClassicLevel } from 'classic-level';
import { type DynamoDb, startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';

/**
 * `data-folder-of-dynalite` was written by the emulator when it ran on dynalite 4.0.0: three tables with keys of every
 * type, an item with attributes of every type, and one item that had been deleted again.
 */
const written = join(__dirname, 'data-folder-of-dynalite');

const attributes = (types: Record<string, 'S' | 'N' | 'B'>) =>
  Object.entries(types).map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType }));
const keys = (...names: string[]) =>
  names.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' }));

const tables = {
  Sessions: {
    AttributeDefinitions: attributes({ pk: 'S', sk: 'S', gsi1pk: 'S', gsi1sk: 'S' }),
    KeySchema: keys('pk', 'sk'),
    GlobalSecondaryIndexes: [
      { IndexName: 'byUser', KeySchema: keys('gsi1pk', 'gsi1sk'), Projection: { ProjectionType: 'ALL' } },
    ],
    TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
  },
  Readings: { AttributeDefinitions: attributes({ sensor: 'N', at: 'N' }), KeySchema: keys('sensor', 'at') },
  Digests: { AttributeDefinitions: attributes({ digest: 'B' }), KeySchema: keys('digest') },
};

let folder: string;
let database: DynamoDb;
let client: DynamoDBClient;

async function start(): Promise<void> {
  const principals = new FunctionPrincipals();
  principals.add('LOCAL', emulatorPrincipal);
  database = await startDynamoDb({ folder, principals, now: () => 1_800_000_000_000 });
  for (const [name, table] of Object.entries(tables)) await database.createTable(table, name);
  client = new DynamoDBClient({
    endpoint: database.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'LOCAL', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
}

async function stop(): Promise<void> {
  client.destroy();
  await database.close();
}

async function keysOnDisk(): Promise<string[]> {
  const level = new ClassicLevel(folder);
  const all = await level.keys().all();
  await level.close();
  return all;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-data-folder-'));
  cpSync(written, folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const scan = async (TableName: string) => (await client.send(new ScanCommand({ TableName }))).Items!;

const session = {
  pk: { S: 'G#1' },
  sk: { S: 'S#1' },
  gsi1pk: { S: 'U#1' },
  gsi1sk: { S: '2026' },
  ttl: { N: '1800000100' },
  n: { N: '12345678901234567890.5' },
  small: { N: `0.${'0'.repeat(129)}1` },
  negative: { N: '-0.25' },
  map: { M: { 'a.b': { L: [{ NULL: true }, { BOOL: false }, { S: '' }] } } },
  bytes: { B: Uint8Array.of(0, 1, 255) },
  tags: { SS: ['b', 'a', 'é'] },
  numbers: { NS: ['1', '-2.5'] },
  blobs: { BS: [Uint8Array.of(1), Uint8Array.of(2)] },
};

test('reads attributes of every type, and builds the indexes, from a data folder written by dynalite', async () => {
  await start();
  const { pk, sk } = session;
  expect((await client.send(new GetItemCommand({ TableName: 'Sessions', Key: { pk, sk } }))).Item).toEqual(session);
  const ofUser = new QueryCommand({
    TableName: 'Sessions',
    IndexName: 'byUser',
    KeyConditionExpression: 'gsi1pk = :user AND gsi1sk BETWEEN :from AND :to',
    ExpressionAttributeValues: { ':user': { S: 'U#1' }, ':from': { S: '2' }, ':to': { S: '3' } },
  });
  expect((await client.send(ofUser)).Items).toEqual([session]);
  const found = await scan('Sessions');
  expect(found.map((item) => [item.pk!.S, item.sk!.S]).sort()).toEqual([
    ['G#1', 'S#1'],
    ['G#1', 'S#2'],
    ['Größe ~ 𝄞', 'a/b~c'],
  ]);
  await stop();
});

test('reads number and binary keys from a data folder written by dynalite in their order', async () => {
  await start();
  const readings = new QueryCommand({
    TableName: 'Readings',
    KeyConditionExpression: 'sensor = :sensor',
    ExpressionAttributeValues: { ':sensor': { N: '1' } },
  });
  expect((await client.send(readings)).Items!.map(({ at }) => Number(at!.N))).toEqual([
    -1e20, -99.1, -9, -0.5, 0, 1e-130, 0.5, 7, 10, 99.12, 1.2345678901234568e37, 1e125,
  ]);
  const Key = { sensor: { N: '-1.50' }, at: { N: '3.0' } };
  expect((await client.send(new GetItemCommand({ TableName: 'Readings', Key }))).Item).toEqual({
    sensor: { N: '-1.5' },
    at: { N: '3' },
  });
  const digests = [[0], [0, 0], [1, 2, 3], [255]].map((bytes) => ({ digest: { B: Uint8Array.from(bytes) } }));
  expect(await scan('Digests')).toEqual(expect.arrayContaining(digests));
  await stop();
});

test('replaces items in a data folder written by dynalite, and reads the new ones after a restart', async () => {
  const before = await keysOnDisk();
  await start();
  const { pk, sk } = session;
  await client.send(new PutItemCommand({ TableName: 'Sessions', Item: { pk, sk } }));
  const reading = { sensor: { N: '1' }, at: { N: '7' }, value: { N: '1' } };
  await client.send(new PutItemCommand({ TableName: 'Readings', Item: reading }));
  await stop();
  const after = await keysOnDisk();
  const ofSessions = (all: string[]) => all.filter((key) => key.startsWith('Sessions~'));
  expect(after).toHaveLength(before.length);
  expect(ofSessions(after)).toEqual(ofSessions(before));

  await start();
  expect(await scan('Sessions')).toHaveLength(3);
  expect((await client.send(new GetItemCommand({ TableName: 'Sessions', Key: { pk, sk } }))).Item).toEqual({ pk, sk });
  const { sensor, at } = reading;
  expect((await client.send(new GetItemCommand({ TableName: 'Readings', Key: { sensor, at } }))).Item).toEqual(reading);
  await stop();
});
