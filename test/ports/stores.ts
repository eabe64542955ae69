import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoClientStore } from '../../lambda/adapters/dynamodb/clients.ts';
import { dynamoFlowStore } from '../../lambda/adapters/dynamodb/flows.ts';
import { dynamoGrantStore } from '../../lambda/adapters/dynamodb/grants.ts';
import { dynamoIdentityTokenStore } from '../../lambda/adapters/dynamodb/identity-tokens.ts';
import { dynamoSealedKeyStore } from '../../lambda/adapters/dynamodb/sealed-keys.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/sessions.ts';
import { dynamoStateStore } from '../../lambda/adapters/dynamodb/state.ts';
import type { Table } from '../../lambda/adapters/dynamodb/table.ts';
import { type MemoryStores, memoryStores } from '../../lambda/adapters/memory.ts';
import { type DynamoDb, startDynamoDb } from '../../local/dynamodb.ts';
import { FunctionPrincipals, localCloud } from '../../local/principals.ts';

/** Every adapter of the stores, each fresh for one suite. */
export const adapters: [string, () => Promise<{ stores: MemoryStores; close(): Promise<void> }>][] = [
  ['memory', async () => ({ stores: memoryStores(), close: async () => {} })],
  ['DynamoDB', overDynamoDb],
];

async function overDynamoDb() {
  const { database, table, close } = await openLocalTable();
  const stores: MemoryStores = {
    sessions: dynamoSessionStore(table),
    clients: dynamoClientStore(table),
    flows: dynamoFlowStore(table),
    grants: dynamoGrantStore(table),
    identityTokens: dynamoIdentityTokenStore(table),
    sealedKeys: dynamoSealedKeyStore(table),
    state: dynamoStateStore(table),
  };
  return { stores, database, close };
}

/** A table as the stack describes it, in a local DynamoDB of its own. Nothing in it expires by itself. */
export async function openLocalTable(): Promise<{ database: DynamoDb; table: Table; close(): Promise<void> }> {
  const principals = new FunctionPrincipals();
  principals.add('TEST', localCloud);
  const database = await startDynamoDb({ folder: undefined, principals, now: () => 0 });
  const string = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' });
  const keys = (hash: string, range: string) => [
    { AttributeName: hash, KeyType: 'HASH' },
    { AttributeName: range, KeyType: 'RANGE' },
  ];
  const index = (IndexName: string, hash: string, range: string) => ({
    IndexName,
    KeySchema: keys(hash, range),
    Projection: { ProjectionType: 'ALL' },
  });
  await database.createTable(
    {
      AttributeDefinitions: ['pk', 'sk', 'gsi1pk', 'gsi1sk', 'gsi2pk', 'gsi2sk'].map(string),
      KeySchema: keys('pk', 'sk'),
      BillingMode: 'PAY_PER_REQUEST',
      GlobalSecondaryIndexes: [index('byUser', 'gsi1pk', 'gsi1sk'), index('recent', 'gsi2pk', 'gsi2sk')],
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
    },
    'Holdfast',
  );
  const dynamodb = new DynamoDBClient({
    endpoint: database.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'TEST', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  const client = DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } });
  const close = async () => {
    dynamodb.destroy();
    await database.close();
  };
  return { database, table: { client, name: 'Holdfast' }, close };
}
