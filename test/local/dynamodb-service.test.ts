import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  ExecuteStatementCommand,
  ListTablesCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  TransactGetCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { ClassicLevel } from 'classic-level';
import { type DynamoDb, type DynamoDbOptions, startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import type { Statement } from '../../local/iam/iam-policy.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';
import { startKms } from '../../local/kms/kms-service.ts';

const TableName = 'Sessions';
const tableArn = 'arn:aws:dynamodb:us-east-1:000000000000:table/Sessions';

const properties = {
  AttributeDefinitions: ['pk', 'sk', 'gsi1pk', 'gsi1sk'].map((AttributeName) => ({
    AttributeName,
    AttributeType: 'S',
  })),
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: 'byUser',
      KeySchema: [
        { AttributeName: 'gsi1pk', KeyType: 'HASH' },
        { AttributeName: 'gsi1sk', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'ALL' },
    },
  ],
  BillingMode: 'PAY_PER_REQUEST',
  TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
  Replicas: [
    {
      Region: 'us-east-1',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
    },
  ],
};

const running: DynamoDb[] = [];
const folders: string[] = [];
const clients: DynamoDBClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(running.splice(0).map((each) => each.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-dynamodb-'));
  folders.push(folder);
  return folder;
}

/** DynamoDB with the table; `statements` are the role of the client `limited`. */
async function start(options: Partial<DynamoDbOptions> & { statements?: Statement[]; table?: object } = {}) {
  const principals = new FunctionPrincipals();
  principals.add('LOCAL', emulatorPrincipal);
  principals.add('LIMITED', { functionName: 'Mcp', statements: options.statements ?? [] });
  const store = await startDynamoDb({ folder: undefined, principals, ...options });
  running.push(store);
  await store.createTable({ ...properties, ...options.table }, TableName);
  const clientOf = (accessKeyId: string) => {
    const client = new DynamoDBClient({
      endpoint: store.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    clients.push(client);
    return DynamoDBDocumentClient.from(client);
  };
  return { store, db: clientOf('LOCAL'), limited: clientOf('LIMITED'), stranger: clientOf('STRANGER') };
}

async function stop(store: DynamoDb) {
  running.splice(running.indexOf(store), 1);
  await store.close();
}

const key = (pk: string, sk = 'a') => ({ pk, sk });

describe('single items', () => {
  it('puts once under a condition, and shows the item that was in the way', async () => {
    const { db } = await start();
    const put = (n: number) =>
      db.send(
        new PutCommand({
          TableName,
          Item: { ...key('G#1'), n },
          ConditionExpression: 'attribute_not_exists(pk)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
    await put(1);
    await expect(put(2)).rejects.toMatchObject({
      name: 'ConditionalCheckFailedException',
      message: 'The conditional request failed',
      Item: { pk: { S: 'G#1' }, sk: { S: 'a' }, n: { N: '1' } },
    });
  });

  it('returns the item that fails the condition of an update or a delete, if there is one', async () => {
    const { db } = await start();
    await db.send(new PutCommand({ TableName, Item: { ...key('G#1'), n: 1 } }));
    const failing = {
      TableName,
      ConditionExpression: 'n = :n',
      ExpressionAttributeValues: { ':n': 2 },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    };
    await expect(db.send(new DeleteCommand({ ...failing, Key: key('G#1') }))).rejects.toMatchObject({
      Item: { n: { N: '1' } },
    });
    const update = (pk: string) =>
      db.send(new UpdateCommand({ ...failing, Key: key(pk), UpdateExpression: 'SET m = :n' })).catch((error) => error);
    expect(await update('G#1')).toMatchObject({ name: 'ConditionalCheckFailedException', Item: { n: { N: '1' } } });
    expect((await update('G#2')).Item).toBeUndefined();
    expect((await update('G#2')).name).toBe('ConditionalCheckFailedException');
  });

  it('updates with ADD and SET, and returns all of the new item', async () => {
    const { db } = await start();
    const update = () =>
      db.send(
        new UpdateCommand({
          TableName,
          Key: key('S#1'),
          UpdateExpression: 'SET seen = if_not_exists(seen, :list) ADD calls :one',
          ExpressionAttributeValues: { ':one': 1, ':list': ['first'] },
          ReturnValues: 'ALL_NEW',
        }),
      );
    await update();
    expect((await update()).Attributes).toEqual({ ...key('S#1'), calls: 2, seen: ['first'] });
  });

  it('slides an expiry only while it is in the future', async () => {
    const { db } = await start({ now: () => 1000_000 });
    await db.send(new PutCommand({ TableName, Item: { ...key('S#1'), ttl: 1100 } }));
    const slide = (now: number) =>
      db.send(
        new UpdateCommand({
          TableName,
          Key: key('S#1'),
          UpdateExpression: 'SET #ttl = :ttl',
          ConditionExpression: '#ttl > :now',
          ExpressionAttributeNames: { '#ttl': 'ttl' },
          ExpressionAttributeValues: { ':ttl': now + 100, ':now': now },
          ReturnValues: 'UPDATED_NEW',
        }),
      );
    expect((await slide(1050)).Attributes).toEqual({ ttl: 1150 });
    await expect(slide(1150)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  });

  it('returns what it deleted, and counts concurrent additions without losing one', async () => {
    const { db } = await start();
    const add = new UpdateCommand({
      TableName,
      Key: key('S#1'),
      UpdateExpression: 'ADD n :one',
      ExpressionAttributeValues: { ':one': 1 },
    });
    await Promise.all(Array.from({ length: 30 }, () => db.send(add)));
    const { Attributes } = await db.send(new DeleteCommand({ TableName, Key: key('S#1'), ReturnValues: 'ALL_OLD' }));
    expect(Attributes).toEqual({ ...key('S#1'), n: 30 });
    expect((await db.send(new GetCommand({ TableName, Key: key('S#1') }))).Item).toBeUndefined();
  });

  it('refuses invalid expressions, keys and tables by name', async () => {
    const { db } = await start();
    await expect(
      db.send(new UpdateCommand({ TableName, Key: key('S#1'), UpdateExpression: 'SET a = :missing' })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(db.send(new GetCommand({ TableName, Key: { pk: 'S#1' } }))).rejects.toMatchObject({
      name: 'ValidationException',
      message: 'The provided key element does not match the schema',
    });
    await expect(db.send(new GetCommand({ TableName: 'Other', Key: key('S#1') }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});

describe('many items', () => {
  it('writes and gets in batches', async () => {
    const { db } = await start();
    const puts = ['a', 'b', 'c'].map((sk) => ({ PutRequest: { Item: { ...key('S#1', sk), of: sk } } }));
    await db.send(new BatchWriteCommand({ RequestItems: { [TableName]: puts } }));
    await db.send(
      new BatchWriteCommand({ RequestItems: { [TableName]: [{ DeleteRequest: { Key: key('S#1', 'b') } }] } }),
    );
    const { Responses } = await db.send(
      new BatchGetCommand({ RequestItems: { [TableName]: { Keys: ['a', 'b', 'c'].map((sk) => key('S#1', sk)) } } }),
    );
    expect(Responses?.[TableName]?.map(({ of }) => of).sort()).toEqual(['a', 'c']);
  });

  it('pages through a sparse index, in both directions', async () => {
    const { db } = await start();
    const sessions = ['1', '2', '3', '4', '5'];
    await Promise.all(
      sessions.map((id) =>
        db.send(new PutCommand({ TableName, Item: { ...key(`S#${id}`), gsi1pk: 'U#1', gsi1sk: `at ${id}`, id } })),
      ),
    );
    await db.send(new PutCommand({ TableName, Item: key('S#6') }));
    await db.send(new DeleteCommand({ TableName, Key: key('S#3') }));

    const pages = async (ScanIndexForward: boolean) => {
      const found: string[][] = [];
      let ExclusiveStartKey: Record<string, unknown> | undefined;
      do {
        const page = await db.send(
          new QueryCommand({
            TableName,
            IndexName: 'byUser',
            KeyConditionExpression: 'gsi1pk = :user',
            ExpressionAttributeValues: { ':user': 'U#1' },
            Limit: 3,
            ScanIndexForward,
            ExclusiveStartKey,
          }),
        );
        found.push(page.Items!.map(({ id }) => id));
        ExclusiveStartKey = page.LastEvaluatedKey;
      } while (ExclusiveStartKey);
      return found;
    };
    expect(await pages(true)).toEqual([['1', '2', '4'], ['5']]);
    expect(await pages(false)).toEqual([['5', '4', '2'], ['1']]);
  });

  it('queries a range of sort keys, filters, projects and counts', async () => {
    const { db } = await start();
    for (const sk of ['call#1', 'call#2', 'call#3', 'other']) {
      await db.send(new PutCommand({ TableName, Item: { ...key('S#1', sk), n: Number(sk.at(-1)) || 0 } }));
    }
    const query = (changes: object) =>
      db.send(
        new QueryCommand({
          TableName,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
          ExpressionAttributeValues: { ':pk': 'S#1', ':prefix': 'call#' },
          ...changes,
        }),
      );
    expect((await query({ ProjectionExpression: 'n' })).Items).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const filtered = await query({
      FilterExpression: 'n > :one',
      ExpressionAttributeValues: { ':pk': 'S#1', ':prefix': 'call#', ':one': 1 },
      Select: 'COUNT',
    });
    expect(filtered).toMatchObject({ Count: 2, ScannedCount: 3 });
    const between = await query({
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: { ':pk': 'S#1', ':from': 'call#2', ':to': 'call#3' },
    });
    expect(between.Count).toBe(2);
  });

  it('scans a table larger than a page of 1 MB, completely and once', async () => {
    const { db } = await start();
    const text = 'x'.repeat(300_000);
    for (let i = 0; i < 8; i++) await db.send(new PutCommand({ TableName, Item: { ...key(`S#${i}`), text } }));
    const seen: string[] = [];
    let pages = 0;
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await db.send(new ScanCommand({ TableName, ExclusiveStartKey }));
      seen.push(...page.Items!.map(({ pk }) => pk));
      ExclusiveStartKey = page.LastEvaluatedKey;
      pages++;
    } while (ExclusiveStartKey);
    expect(pages).toBeGreaterThan(1);
    expect(seen.sort()).toEqual(Array.from({ length: 8 }, (_, i) => `S#${i}`));
  });
});

describe('transactions', () => {
  const put = (pk: string, more: object = {}) => ({ Put: { TableName, Item: { ...key(pk), ...more } } });
  const putNew = (pk: string) => ({
    Put: {
      TableName,
      Item: { ...key(pk), new: true },
      ConditionExpression: 'attribute_not_exists(pk)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    },
  });

  it('puts, updates, deletes and checks in one step', async () => {
    const { db } = await start();
    await db.send(new TransactWriteCommand({ TransactItems: [put('A', { n: 1 }), put('B'), put('C')] }));
    await db.send(
      new TransactWriteCommand({
        TransactItems: [
          {
            Update: {
              TableName,
              Key: key('A'),
              UpdateExpression: 'ADD n :one',
              ExpressionAttributeValues: { ':one': 1 },
            },
          },
          { Delete: { TableName, Key: key('B') } },
          { ConditionCheck: { TableName, Key: key('C'), ConditionExpression: 'attribute_exists(pk)' } },
        ],
      }),
    );
    const { Responses } = await db.send(
      new TransactGetCommand({
        TransactItems: [
          { Get: { TableName, Key: key('A') } },
          { Get: { TableName, Key: key('B') } },
          { Get: { TableName, Key: key('C'), ProjectionExpression: 'pk' } },
        ],
      }),
    );
    expect(Responses).toEqual([{ Item: { ...key('A'), n: 2 } }, {}, { Item: { pk: 'C' } }]);
  });

  it('leaves nothing behind when one part fails, and gives every reason in order', async () => {
    const { db } = await start();
    await db.send(new PutCommand({ TableName, Item: { ...key('B'), n: 1, gsi1pk: 'U#1', gsi1sk: '1' } }));
    const attempt = db.send(
      new TransactWriteCommand({
        TransactItems: [
          { Put: { TableName, Item: { ...key('A'), gsi1pk: 'U#1', gsi1sk: '0' } } },
          putNew('B'),
          { ConditionCheck: { TableName, Key: key('C'), ConditionExpression: 'attribute_exists(pk)' } },
          {
            Update: {
              TableName,
              Key: key('D'),
              UpdateExpression: 'SET a = absent',
            },
          },
        ],
      }),
    );
    await expect(attempt).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      message:
        'Transaction cancelled, please refer cancellation reasons for specific reasons ' +
        '[None, ConditionalCheckFailed, ConditionalCheckFailed, ValidationError]',
      CancellationReasons: [
        { Code: 'None' },
        {
          Code: 'ConditionalCheckFailed',
          Message: 'The conditional request failed',
          // The document client leaves the items of errors as they are on the wire.
          Item: { pk: { S: 'B' }, sk: { S: 'a' }, n: { N: '1' }, gsi1pk: { S: 'U#1' }, gsi1sk: { S: '1' } },
        },
        { Code: 'ConditionalCheckFailed' },
        { Code: 'ValidationError' },
      ],
    });
    expect((await db.send(new ScanCommand({ TableName }))).Items).toEqual([
      { ...key('B'), n: 1, gsi1pk: 'U#1', gsi1sk: '1' },
    ]);
    const ofUser = new QueryCommand({
      TableName,
      IndexName: 'byUser',
      KeyConditionExpression: 'gsi1pk = :u',
      ExpressionAttributeValues: { ':u': 'U#1' },
    });
    expect((await db.send(ofUser)).Items).toEqual([{ ...key('B'), n: 1, gsi1pk: 'U#1', gsi1sk: '1' }]);
  });

  it('gives parallel transactions on the same items exactly one winner', async () => {
    const { db } = await start({ folder: newFolder() });
    const attempts = Array.from({ length: 20 }, () =>
      db.send(new TransactWriteCommand({ TransactItems: [putNew('A'), putNew('B')] })),
    );
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('never shows half of a transaction', async () => {
    const { db } = await start({ folder: newFolder() });
    const both = (n: number) => [put('A', { n }), put('B', { n })];
    await db.send(new TransactWriteCommand({ TransactItems: both(0) }));
    const reading = async () => {
      const RequestItems = { [TableName]: { Keys: [key('A'), key('B')] } };
      const { Responses } = await db.send(new BatchGetCommand({ RequestItems }));
      return new Set(Responses![TableName]!.map(({ n }) => n)).size;
    };
    const writes = Array.from({ length: 20 }, (_, n) => db.send(new TransactWriteCommand({ TransactItems: both(n) })));
    expect(new Set(await Promise.all(Array.from({ length: 20 }, reading)))).toEqual(new Set([1]));
    await Promise.all(writes);
  });

  it('does a repeated request once, within ten minutes', async () => {
    let now = 0;
    const { db } = await start({ now: () => now });
    const add = (n: number) =>
      db.send(
        new TransactWriteCommand({
          ClientRequestToken: 'token',
          TransactItems: [
            {
              Update: {
                TableName,
                Key: key('A'),
                UpdateExpression: 'ADD n :n',
                ExpressionAttributeValues: { ':n': n },
              },
            },
          ],
        }),
      );
    const value = async () => (await db.send(new GetCommand({ TableName, Key: key('A') }))).Item?.n;
    await add(1);
    await add(1);
    expect(await value()).toBe(1);
    await expect(add(2)).rejects.toMatchObject({ name: 'IdempotentParameterMismatchException' });
    now = 10 * 60_000;
    await add(2);
    expect(await value()).toBe(3);
  });

  it('repeats a request that failed', async () => {
    const { db } = await start();
    await db.send(new PutCommand({ TableName, Item: key('A') }));
    const attempt = () =>
      db.send(new TransactWriteCommand({ ClientRequestToken: 'token', TransactItems: [putNew('A')] }));
    await expect(attempt()).rejects.toMatchObject({ name: 'TransactionCanceledException' });
    await db.send(new DeleteCommand({ TableName, Key: key('A') }));
    await attempt();
  });

  it('refuses two parts on one item, more than 100 parts, and an unknown table', async () => {
    const { db } = await start();
    const send = (parts: object[]) => db.send(new TransactWriteCommand({ TransactItems: parts }));
    await expect(send([put('A'), { Delete: { TableName, Key: key('A') } }])).rejects.toMatchObject({
      name: 'ValidationException',
      message: 'Transaction request cannot include multiple operations on one item',
    });
    await expect(send(Array.from({ length: 101 }, (_, i) => put(`${i}`)))).rejects.toMatchObject({
      name: 'ValidationException',
    });
    await expect(send([put('A'), { Delete: { TableName: 'Other', Key: key('A') } }])).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    await send(Array.from({ length: 100 }, (_, i) => put(`${i}`)));
    expect((await db.send(new ScanCommand({ TableName }))).Count).toBe(100);
  });

  it('answers a key of the wrong shape as a reason', async () => {
    const { db } = await start();
    const wrong = { Get: { TableName, Key: { pk: 1, sk: 'a' } } };
    await expect(db.send(new TransactGetCommand({ TransactItems: [wrong] }))).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      CancellationReasons: [{ Code: 'ValidationError' }],
    });
  });
});

describe('expiry', () => {
  const scan = async (db: DynamoDBDocumentClient) =>
    (await db.send(new ScanCommand({ TableName }))).Items!.map(({ pk }) => pk).sort();

  it('deletes what has expired, from indexes too, and nothing else', async () => {
    let now = 1_800_000_000_000;
    const { db, store } = await start({ now: () => now, sweepMs: 3_600_000 });
    const seconds = now / 1000;
    const user = { gsi1pk: 'U#1', gsi1sk: '1' };
    for (const Item of [
      { ...key('soon'), ...user, ttl: seconds + 10 },
      { ...key('later'), ttl: seconds + 1000 },
      { ...key('text'), ttl: String(seconds + 10) },
      { ...key('none') },
      { ...key('ancient'), ttl: seconds - 6 * 365 * 24 * 60 * 60 },
      { ...key('milliseconds'), ttl: now },
    ]) {
      await db.send(new PutCommand({ TableName, Item }));
    }
    await store.sweep();
    expect(await scan(db)).toHaveLength(6);
    now += 11_000;
    await store.sweep();
    expect(await scan(db)).toEqual(['ancient', 'later', 'milliseconds', 'none', 'text']);
    const ofUser = new QueryCommand({
      TableName,
      IndexName: 'byUser',
      KeyConditionExpression: 'gsi1pk = :u',
      ExpressionAttributeValues: { ':u': 'U#1' },
    });
    expect((await db.send(ofUser)).Count).toBe(0);
  });

  it('happens by itself', async () => {
    const { db } = await start({ sweepMs: 1 });
    await db.send(new PutCommand({ TableName, Item: { ...key('S#1'), ttl: 1 + Math.floor(Date.now() / 1000) - 60 } }));
    while ((await scan(db)).length > 0);
  });

  it('can be asked about and switched', async () => {
    const { db, store } = await start({ now: () => 2_000_000 });
    const described = async () => (await db.send(new DescribeTimeToLiveCommand({ TableName }))).TimeToLiveDescription;
    expect(await described()).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'ttl' });
    const switched = (Enabled: boolean) =>
      db.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { AttributeName: 'ttl', Enabled } }));
    await expect(switched(true)).rejects.toMatchObject({ name: 'ValidationException' });
    await switched(false);
    expect(await described()).toEqual({ TimeToLiveStatus: 'DISABLED' });
    await db.send(new PutCommand({ TableName, Item: { ...key('S#1'), ttl: 1000 } }));
    await store.sweep();
    expect(await scan(db)).toEqual(['S#1']);
  });
});

describe('the table itself', () => {
  it('is described as the template configures it', async () => {
    const { db } = await start();
    const { Table } = await db.send(new DescribeTableCommand({ TableName }));
    expect(Table).toMatchObject({
      TableArn: tableArn,
      TableStatus: 'ACTIVE',
      KeySchema: properties.KeySchema,
      DeletionProtectionEnabled: true,
      GlobalSecondaryIndexes: [{ IndexName: 'byUser', IndexStatus: 'ACTIVE', IndexArn: `${tableArn}/index/byUser` }],
    });
    const { ContinuousBackupsDescription } = await db.send(new DescribeContinuousBackupsCommand({ TableName }));
    expect(ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe('ENABLED');
    expect((await db.send(new ListTablesCommand({}))).TableNames).toEqual([TableName]);
  });

  it('may be of the older resource type', async () => {
    const table = {
      Replicas: undefined,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
      BillingMode: undefined,
    };
    const { db } = await start({ table });
    await db.send(new PutCommand({ TableName, Item: key('A') }));
    const { ContinuousBackupsDescription } = await db.send(new DescribeContinuousBackupsCommand({ TableName }));
    expect(ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe('ENABLED');
  });

  it('is refused with an invalid definition', async () => {
    await expect(start({ table: { AttributeDefinitions: [] } })).rejects.toMatchObject({ code: 'ValidationException' });
  });

  it('has no operation that the template should do, and none of what is missing here', async () => {
    const { db } = await start();
    await expect(db.send(new ExecuteStatementCommand({ Statement: 'SELECT * FROM "Sessions"' }))).rejects.toMatchObject(
      {
        name: 'UnknownOperationException',
      },
    );
  });
});

describe('a restart', () => {
  it('keeps items, indexes and expiry', async () => {
    const folder = newFolder();
    const first = await start({ folder });
    await first.db.send(new PutCommand({ TableName, Item: { ...key('A'), gsi1pk: 'U#1', gsi1sk: '1' } }));
    await first.db.send(new PutCommand({ TableName, Item: key('B') }));
    await first.db.send(new TransactWriteCommand({ TransactItems: [{ Delete: { TableName, Key: key('B') } }] }));
    await stop(first.store);

    const { db } = await start({ folder });
    expect((await db.send(new ScanCommand({ TableName }))).Items).toEqual([
      { ...key('A'), gsi1pk: 'U#1', gsi1sk: '1' },
    ]);
    const ofUser = new QueryCommand({
      TableName,
      IndexName: 'byUser',
      KeyConditionExpression: 'gsi1pk = :u',
      ExpressionAttributeValues: { ':u': 'U#1' },
    });
    expect((await db.send(ofUser)).Count).toBe(1);
    const { TimeToLiveDescription } = await db.send(new DescribeTimeToLiveCommand({ TableName }));
    expect(TimeToLiveDescription?.TimeToLiveStatus).toBe('ENABLED');
  });

  it('arranges kept items under new indexes and a new key', async () => {
    const folder = newFolder();
    const first = await start({ folder });
    await first.db.send(new PutCommand({ TableName, Item: { ...key('A', 's'), gsi1pk: 'U#1', gsi1sk: '1' } }));
    await stop(first.store);

    const table = {
      KeySchema: [{ AttributeName: 'sk', KeyType: 'HASH' }],
      AttributeDefinitions: ['sk', 'pk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      GlobalSecondaryIndexes: [
        {
          IndexName: 'byPk',
          KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
    };
    for (let restart = 0; restart < 2; restart++) {
      const next = await start({ folder, table });
      expect((await next.db.send(new GetCommand({ TableName, Key: { sk: 's' } }))).Item).toMatchObject({
        gsi1pk: 'U#1',
      });
      const byPk = new QueryCommand({
        TableName,
        IndexName: 'byPk',
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': 'A' },
      });
      expect((await next.db.send(byPk)).Items).toEqual([{ pk: 'A', sk: 's' }]);
      expect((await next.db.send(new ScanCommand({ TableName }))).Count).toBe(1);
      await stop(next.store);
    }
  });

  it('refuses a new key that kept items do not have, and forgets none of them', async () => {
    const folder = newFolder();
    const first = await start({ folder });
    await first.db.send(new PutCommand({ TableName, Item: key('A') }));
    await stop(first.store);

    const table = {
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      GlobalSecondaryIndexes: undefined,
    };
    await expect(start({ folder, table })).rejects.toThrow('--fresh');
    await stop(running[0]!);
    const { db } = await start({ folder });
    expect((await db.send(new ScanCommand({ TableName }))).Count).toBe(1);
  });

  it('is refused while another local cloud has the folder', async () => {
    const folder = newFolder();
    await start({ folder });
    await expect(start({ folder })).rejects.toThrow('is another local cloud running?');
  });
});

describe('permissions', () => {
  const onKeys = (Action: string | string[], keys: string[], Resource = tableArn): Statement => ({
    Effect: 'Allow',
    Action,
    Resource,
    Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys } },
  });
  const everyWrite = ['PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem', 'BatchWriteItem'];
  const everything = [...everyWrite, 'GetItem', 'BatchGetItem', 'Query'].map((name) => `dynamodb:${name}`);
  const update = { TableName, UpdateExpression: 'SET a = :a', ExpressionAttributeValues: { ':a': 1 } };

  // Each of them reads or writes an item of `pk`, next to one of G#1 where it names several.
  const requests: Record<string, (pk: string, client: DynamoDBDocumentClient) => Promise<unknown>> = {
    GetItem: (pk, client) => client.send(new GetCommand({ TableName, Key: key(pk) })),
    PutItem: (pk, client) => client.send(new PutCommand({ TableName, Item: key(pk) })),
    UpdateItem: (pk, client) => client.send(new UpdateCommand({ ...update, Key: key(pk) })),
    DeleteItem: (pk, client) => client.send(new DeleteCommand({ TableName, Key: key(pk) })),
    Query: (pk, client) =>
      client.send(
        new QueryCommand({
          TableName,
          KeyConditionExpression: '#pk = :pk AND begins_with(sk, :sk)',
          ExpressionAttributeNames: { '#pk': 'pk' },
          ExpressionAttributeValues: { ':pk': pk, ':sk': 'a' },
        }),
      ),
    BatchGetItem: (pk, client) =>
      client.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys: [key('G#1'), key(pk, 'b')] } } })),
    BatchWriteItem: (pk, client) =>
      client.send(
        new BatchWriteCommand({
          RequestItems: {
            [TableName]: [{ PutRequest: { Item: key('G#1') } }, { DeleteRequest: { Key: key(pk, 'b') } }],
          },
        }),
      ),
    'TransactGetItems: GetItem': (pk, client) =>
      client.send(
        new TransactGetCommand({
          TransactItems: [{ Get: { TableName, Key: key('G#1') } }, { Get: { TableName, Key: key(pk, 'b') } }],
        }),
      ),
    ...Object.fromEntries(
      Object.entries({
        PutItem: (pk: string) => ({ Put: { TableName, Item: key(pk, 'b') } }),
        UpdateItem: (pk: string) => ({ Update: { ...update, Key: key(pk, 'b') } }),
        DeleteItem: (pk: string) => ({ Delete: { TableName, Key: key(pk, 'b') } }),
        ConditionCheckItem: (pk: string) => ({
          ConditionCheck: { TableName, Key: key(pk, 'b'), ConditionExpression: 'attribute_not_exists(pk)' },
        }),
      }).map(([action, part]) => [
        `TransactWriteItems: ${action}`,
        (pk: string, client: DynamoDBDocumentClient) =>
          client.send(
            new TransactWriteCommand({ TransactItems: [{ Put: { TableName, Item: key('G#1') } }, part(pk)] }),
          ),
      ]),
    ),
  };

  it.each(Object.keys(requests))('limit %s to its leading keys', async (name) => {
    const action = name.split(': ').at(-1)!;
    const { limited, db } = await start({ statements: [onKeys(everything, ['G#*'])] });
    await requests[name]!('G#1', limited);
    await expect(requests[name]!('CO#1', limited)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringMatching(
        new RegExp(
          `^User: arn:aws:sts::000000000000:assumed-role/Mcp/local is not authorized to perform: dynamodb:${action} ` +
            `on resource: ${tableArn} .*\\(dynamodb:LeadingKeys: .*CO#1\\)$`,
        ),
      ),
    });
    const left = (await db.send(new ScanCommand({ TableName }))).Items!;
    expect(left.filter(({ pk }) => pk !== 'G#1')).toEqual([]);
  });

  it.each(Object.keys(requests))('refuse %s without its action', async (name) => {
    const action = name.split(': ').at(-1)!;
    // The first part of a transaction is a put, which stays allowed unless it is what is tested.
    const others = everything.filter((each) => each !== `dynamodb:${action}`);
    const { limited } = await start({ statements: [onKeys(others, ['G#*'])] });
    await expect(requests[name]!('G#1', limited)).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  describe.each([
    ['per-part', 'each key', 'allowed', 'denied'],
    ['aggregated', 'the keys of all parts', 'denied', 'denied'],
    ['absent', 'no key', 'denied', 'allowed'],
  ] as const)('of a transaction under the reading %s', (reading, keys, guarded, unguarded) => {
    const outcomeOf = async (statements: Statement[], pk: string) => {
      const { store, limited } = await start({ statements });
      store.readLeadingKeys(reading);
      const TransactItems = [key('G#1'), key(pk)].map((Item) => ({ Put: { TableName, Item } }));
      return limited.send(new TransactWriteCommand({ TransactItems })).then(
        () => 'allowed',
        (error: Error) => (error.name === 'AccessDeniedException' ? 'denied' : error),
      );
    };

    it(`compare ${keys} with the prefixes of one statement`, async () => {
      const guard = (statement: Statement) => {
        statement.Condition!.Null = { 'dynamodb:LeadingKeys': 'false' };
        return statement;
      };
      const separate = ['G#*', 'CO#*'].map((prefix) => guard(onKeys('dynamodb:PutItem', [prefix])));
      expect(await outcomeOf(separate, 'CO#1')).toBe(guarded);
    });

    it('need a guard where no key is present', async () => {
      expect(await outcomeOf([onKeys('dynamodb:PutItem', ['G#*'])], 'CO#1')).toBe(unguarded);
    });
  });

  it('of an index go by its own ARN and its own partition key', async () => {
    const { limited, db } = await start({
      statements: [onKeys('dynamodb:Query', ['U#1'], `${tableArn}/index/byUser`)],
    });
    await db.send(new PutCommand({ TableName, Item: { ...key('S#1'), gsi1pk: 'U#1', gsi1sk: '1' } }));
    const query = (user: string, IndexName?: string) =>
      limited.send(
        new QueryCommand({
          TableName,
          IndexName,
          KeyConditionExpression: `${IndexName ? 'gsi1pk' : 'pk'} = :user`,
          ExpressionAttributeValues: { ':user': user },
        }),
      );
    expect((await query('U#1', 'byUser')).Count).toBe(1);
    await expect(query('U#2', 'byUser')).rejects.toMatchObject({ name: 'AccessDeniedException' });
    await expect(query('U#1')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  it('do not let a scan through that is not allowed, and as on AWS cannot limit its keys', async () => {
    const scan = new ScanCommand({ TableName });
    const without = await start({ statements: [onKeys(everything, ['*'])] });
    await expect(without.limited.send(scan)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    const limited = await start({ statements: [onKeys('dynamodb:Scan', ['G#*'])] });
    await limited.limited.send(scan);
  });

  it('hold for the table as a whole too', async () => {
    const { limited } = await start({ statements: [onKeys(everything, ['*'])] });
    await expect(limited.send(new DescribeTableCommand({ TableName }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    await expect(limited.send(new ListTablesCommand({}))).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  it('are rejected for an unknown access key', async () => {
    const { stranger } = await start();
    await expect(stranger.send(new GetCommand({ TableName, Key: key('G#1') }))).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
  });
});

describe('trouble', () => {
  it('is answered with 500 while the failure switch is on, and changes nothing', async () => {
    const { db, store } = await start();
    store.fail(true);
    await expect(db.send(new PutCommand({ TableName, Item: key('A') }))).rejects.toMatchObject({
      name: 'InternalServerError',
      $metadata: { httpStatusCode: 500 },
    });
    store.fail(false);
    expect((await db.send(new ScanCommand({ TableName }))).Count).toBe(0);
  });

  it('with the disk is answered with 500, and mended by the next write', async () => {
    const batch = jest.spyOn(ClassicLevel.prototype, 'batch');
    const printed = jest.spyOn(console, 'error').mockImplementation(() => undefined);

    const folder = newFolder();
    const { db, store } = await start({ folder });
    batch.mockImplementationOnce((() => Promise.reject(new Error('disk full'))) as never);
    await expect(db.send(new PutCommand({ TableName, Item: key('A') }))).rejects.toMatchObject({
      name: 'InternalServerError',
    });
    expect(printed).toHaveBeenCalledWith(expect.objectContaining({ message: 'disk full' }));
    printed.mockRestore();
    batch.mockRestore();
    await db.send(new PutCommand({ TableName, Item: key('B') }));
    await stop(store);
    const next = await start({ folder });
    expect((await next.db.send(new ScanCommand({ TableName }))).Count).toBe(2);
  });

  it('with a request that is no request ends in an error, not in a crash', async () => {
    const { store, db } = await start();
    const send = (body: string, headers: Record<string, string>) =>
      fetch(store.endpoint, { method: 'POST', body, headers }).then(async (response) => [
        response.status,
        await response.json(),
      ]);
    const target = { 'x-amz-target': 'DynamoDB_20120810.GetItem' };
    const signed = {
      ...target,
      authorization: 'AWS4-HMAC-SHA256 Credential=LOCAL/20261121/us-east-1/dynamodb/aws4_request',
    };
    const type = (name: string) => ({ __type: expect.stringMatching(`#${name}$`) });
    expect(await send('{}', {})).toEqual([400, expect.objectContaining(type('UnknownOperationException'))]);
    expect(await send('{}', target)).toEqual([
      400,
      expect.objectContaining(type('MissingAuthenticationTokenException')),
    ]);
    expect(await send('{', signed)).toEqual([400, expect.objectContaining(type('SerializationException'))]);
    expect(await send('null', signed)).toEqual([400, expect.objectContaining(type('SerializationException'))]);
    expect(await send('{"TableName":1}', signed)).toEqual([
      400,
      expect.objectContaining(type('SerializationException')),
    ]);
    expect(await send(' '.repeat(17 * 1024 * 1024), signed)).toEqual([413, expect.anything()]);
    await db.send(new PutCommand({ TableName, Item: key('A') }));
  });
});

describe('a table with a customer managed key', () => {
  const items: Statement = { Effect: 'Allow', Action: 'dynamodb:*', Resource: '*' };
  const use = (service: string): Statement => ({
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: '*',
    Condition: { StringEquals: { 'kms:ViaService': `${service}.us-east-1.amazonaws.com` } },
  });

  async function written(statements: Statement[], keyPolicy?: object): Promise<string> {
    const kms = await startKms({ folder: undefined, principals: new FunctionPrincipals() });
    const { arn } = kms.createKey('Own', { ...(keyPolicy && { KeyPolicy: { Statement: [keyPolicy] } }) });
    const { limited } = await start({
      statements,
      table: { SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: arn } },
      authorizeKey: (caller, used) => kms.authorizeThrough('dynamodb', caller, used),
    });
    const put = limited.send(new PutCommand({ TableName, Item: key('G#1') }));
    const outcome = await put.then(
      () => 'written',
      ({ name, message }: Error) => `${name}: ${message}`,
    );
    await kms.close();
    return outcome;
  }

  it('is written by a role that may use the key through DynamoDB', async () => {
    expect(await written([items, use('dynamodb')])).toBe('written');
  });

  it.each([
    ['may not use the key', [items]],
    ['may use the key through another service', [items, use('secretsmanager')]],
  ])('denies a role that %s', async (_, statements) => {
    expect(await written(statements)).toMatch(/^AccessDeniedException: .*not authorized to perform: kms:Decrypt/);
  });

  it('denies a role whose account the key policy does not admit', async () => {
    const foreign = {
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::000000000001:root' },
      Action: 'kms:*',
      Resource: '*',
    };
    const denied = await written([items, use('dynamodb')], foreign);
    expect(denied).toMatch(/^AccessDeniedException: .*key's policy does not delegate the kms:Decrypt action/);
  });
});
