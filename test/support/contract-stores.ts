import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoAssertionStore } from '../../lambda/adapters/dynamodb/assertion-store.ts';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/audit/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
import { dynamoChangeStore } from '../../lambda/adapters/dynamodb/change-store.ts';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/client/sdk-table-client.ts';
import { signedTableClient } from '../../lambda/adapters/dynamodb/client/signed-table-client.ts';
import type { TableClient } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { dynamoDashboardSessionStore } from '../../lambda/adapters/dynamodb/dashboard-session-store.ts';
import { dynamoDirectory } from '../../lambda/adapters/dynamodb/directory-queries.ts';
import { dynamoExchangedTokenStore } from '../../lambda/adapters/dynamodb/exchanged-token-store.ts';
import { dynamoExecutionStore } from '../../lambda/adapters/dynamodb/execution-store.ts';
import { dynamoFlowStore } from '../../lambda/adapters/dynamodb/flow-store.ts';
import { dynamoGrantStore } from '../../lambda/adapters/dynamodb/grant-store.ts';
import { dynamoDocumentStore } from '../../lambda/adapters/dynamodb/oauth-clients/client-document-store.ts';
import { dynamoClientStore } from '../../lambda/adapters/dynamodb/oauth-clients/client-store.ts';
import { dynamoRateLimitStore } from '../../lambda/adapters/dynamodb/rate-limit-store.ts';
import { dynamoRequestStateStore } from '../../lambda/adapters/dynamodb/request-state-store.ts';
import { dynamoRevocationStore } from '../../lambda/adapters/dynamodb/revocation-store.ts';
import { dynamoSealedKeyStore } from '../../lambda/adapters/dynamodb/sealed-key-store.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { dynamoStateStore } from '../../lambda/adapters/dynamodb/state-store.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import {
  dynamoEndedTokenStore,
  dynamoUpstreamTokenStore,
} from '../../lambda/adapters/dynamodb/upstream-token-store.ts';
import { dynamoDashboardSessionStarter } from '../../lambda/adapters/dynamodb/user-writes.ts';
import { type MemoryStores, memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { freePort } from '../../local/free-port.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';
import { LosingProxy } from './losing-proxy.ts';

type Opened = { stores: MemoryStores; close(): Promise<void> };

/** An independent implementation of DynamoDB, where its package is installed, to detect errors of the local one. */
const dynoxide = join(__dirname, '..', '..', 'node_modules', '@dynoxide', 'linux-x64', 'dynoxide');

type Adapter = [string, () => Promise<Opened>];

/**
 * `all` adds adapters that lose responses besides the deployed one: they take ten seconds of CPU (`npm run test:contracts`).
 * `deployed` selects the deployed one alone (`npm run test:faults`).
 */
const selection = process.env.STORE_CONTRACTS;

const deployed: Adapter = ['the local DynamoDB', () => overLocalDynamoDb(({ table }) => table)];

const others: Adapter[] = [
  ['memory', async () => ({ stores: memoryStores(), close: async () => {} })],
  ['the local DynamoDB, by the client of the AWS SDK', () => overLocalDynamoDb(({ sdkTable }) => sdkTable)],
  ...(existsSync(dynoxide) ? [['dynoxide', () => overDynoxide()] as Adapter] : []),
  ['the local DynamoDB, losing responses', () => overLocalDynamoDb(({ table }) => table, losingResponses)],
  ...(selection === 'all' ? otherLosses() : []),
];

/** The adapters of the stores, opened anew for each suite. Those that lose responses show how each write repeats itself. */
export const adapters: Adapter[] = selection === 'deployed' ? [deployed] : [deployed, ...others];

function otherLosses(): Adapter[] {
  return [
    [
      'the local DynamoDB, losing responses, by the client of the AWS SDK',
      () => overLocalDynamoDb(({ sdkTable }) => sdkTable, losingResponses),
    ],
    ...(existsSync(dynoxide) ? [['dynoxide, losing responses', () => overDynoxide(losingResponses)] as Adapter] : []),
  ];
}

/** The server by which clients reach a DynamoDB. */
type Front = { endpoint: string; isLosing: boolean; close(): void };

const direct = async (endpoint: string): Promise<Front> => ({ endpoint, isLosing: false, close: () => undefined });
const losingResponses = (endpoint: string): Promise<Front> => LosingProxy.start(endpoint);

export const storesIn = (table: TableConnection): MemoryStores => ({
  sessions: dynamoSessionStore(table),
  executions: dynamoExecutionStore(table),
  requestStates: dynamoRequestStateStore(table),
  changes: dynamoChangeStore(table),
  calls: { ...dynamoAuditLogWriter(table), ...dynamoAuditLogReader(table) },
  clients: dynamoClientStore(table),
  documents: dynamoDocumentStore(table),
  rateLimits: dynamoRateLimitStore(table),
  assertions: dynamoAssertionStore(table),
  flows: dynamoFlowStore(table),
  grants: dynamoGrantStore(table),
  upstreamTokens: dynamoUpstreamTokenStore(table),
  endedTokens: dynamoEndedTokenStore(table),
  exchangedTokens: dynamoExchangedTokenStore(table),
  sealedKeys: dynamoSealedKeyStore(table),
  state: dynamoStateStore(table),
  aggregates: dynamoAggregateStore(table),
  dashboardSessions: { ...dynamoDashboardSessionStore(table), ...dynamoDashboardSessionStarter(table) },
  directory: dynamoDirectory(table),
  revocation: dynamoRevocationStore(table),
});

async function overLocalDynamoDb(
  by: (opened: Connected) => TableConnection,
  front: typeof direct = direct,
): Promise<Opened> {
  const opened = await localTable(front);
  return { stores: storesIn(by(opened)), close: opened.close };
}

/** An empty table as in the template, in the local DynamoDB. */
export async function localTable(front: typeof direct = direct): Promise<Connected & { close(): Promise<void> }> {
  const principals = new FunctionPrincipals();
  principals.add('TEST', emulatorPrincipal);
  // The clock is at zero, so that no item expires by TTL.
  const database = await startDynamoDb({ folder: undefined, principals, now: () => 0 });
  await database.createTable(definition, 'Holdfast');
  const reached = await front(database.endpoint);
  const connected = connect(reached);
  const close = async () => {
    connected.dynamodb.destroy();
    reached.close();
    await database.close();
  };
  return { ...connected, close };
}

async function overDynoxide(front: typeof direct = direct): Promise<Opened> {
  const port = await freePort();
  const server = spawn(dynoxide, ['--port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
  await once(server.stderr, 'data');
  const reached = await front(`http://127.0.0.1:${port}`);
  const { table, dynamodb } = connect(reached);
  await dynamodb.send(new CreateTableCommand({ TableName: table.name, ...definition }));
  const close = async () => {
    dynamodb.destroy();
    reached.close();
    server.kill();
  };
  return { stores: storesIn(table), close };
}

/** A table by the signed client, and by the AWS SDK's client, which has all operations. */
type Connected = { table: TableConnection; sdkTable: TableConnection; dynamodb: DynamoDBClient };

function connect({ endpoint, isLosing }: Front): Connected {
  const region = 'us-east-1';
  const credentials = { accessKeyId: 'TEST', secretAccessKey: 'test' };
  const dynamodb = new DynamoDBClient({ endpoint, region, credentials, maxAttempts: isLosing ? 3 : 1 });
  const name = 'Holdfast';
  const open = () => signedTableClient(new URL(endpoint), region, credentials);
  const table = { client: isLosing ? eachTime(open) : open(), name };
  return { table, sdkTable: { client: sdkTableClient(dynamodb), name }, dynamodb };
}

/** A client for each request: after many failures a client repeats no more requests. */
const eachTime = (open: () => TableClient): TableClient =>
  new Proxy({} as TableClient, {
    get: (_, operation) => (input: unknown) =>
      (open() as Record<string | symbol, (input: unknown) => unknown>)[operation]!(input),
  });

const keys = (hash: string, range: string) => [
  { AttributeName: hash, KeyType: 'HASH' as const },
  { AttributeName: range, KeyType: 'RANGE' as const },
];

const index = (IndexName: string, hash: string, range: string) => ({
  IndexName,
  KeySchema: keys(hash, range),
  Projection: { ProjectionType: 'ALL' as const },
});

/** The table as in the template. */
export const definition = {
  AttributeDefinitions: ['pk', 'sk', 'gsi1pk', 'gsi1sk', 'gsi2pk', 'gsi2sk'].map((AttributeName) => ({
    AttributeName,
    AttributeType: 'S' as const,
  })),
  KeySchema: keys('pk', 'sk'),
  BillingMode: 'PAY_PER_REQUEST' as const,
  GlobalSecondaryIndexes: [index('byUser', 'gsi1pk', 'gsi1sk'), index('recent', 'gsi2pk', 'gsi2sk')],
};
