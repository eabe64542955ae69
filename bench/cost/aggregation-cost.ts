import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit-log-writer.ts';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/sdk-table-client.ts';
import { steps } from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import type { ToolCall } from '../../lambda/core/audit/tool-call.ts';
import { startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import type { Item } from '../../local/dynamodb/dynamodb-store.ts';
import { FunctionPrincipals, operatorPrincipal } from '../../local/iam/principals.ts';
import { accounted, nameOf, type Snapshot } from './accounted-requests.ts';
import { indexesOf } from './dynamodb-units.ts';
import type { Work } from './measured-work.ts';
import type { RequestTap } from './request-tap.ts';

/** A million calls in thirty days are 116 in five minutes: of twelve sessions and five tools. */
export const CALLS = 116;
const SESSIONS = 12;
const TOOLS = 5;

/** The start of an hour. */
const HOUR = Date.UTC(2026, 10, 21, 10);
const TableName = 'Holdfast';

/**
 * Measures the aggregation job on a separate table. The clock is a parameter, because the work differs by the hour.
 */
export async function measureAggregation(
  tap: RequestTap,
  table: Parameters<typeof indexesOf>[0] & Record<string, unknown>,
) {
  const principals = new FunctionPrincipals();
  principals.add('OWNER', operatorPrincipal);
  // The clock stands still: nothing expires.
  const database = await startDynamoDb({ folder: undefined, principals, now: () => HOUR });
  await database.createTable(table, TableName);
  const credentials = { accessKeyId: 'OWNER', secretAccessKey: 'unused' };
  const dynamodb = new DynamoDBClient({ endpoint: database.endpoint, region: 'us-east-1', credentials });
  const store = { client: sdkTableClient(dynamodb), name: TableName };
  const aggregates = dynamoAggregateStore(store);
  const indexes = indexesOf(table);

  const snapshot = async (): Promise<Snapshot> => {
    const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName, ConsistentRead: true }));
    return new Map((Items as unknown as Item[]).map((item) => [nameOf(item), item]));
  };
  /** Aggregates the five minutes that end at this time. */
  const aggregate = async (until: number): Promise<Work> => {
    await aggregates.moveOn(await aggregates.countedUntil(), until - steps.minutes);
    const before = await snapshot();
    const dependencies = { calls: dynamoAuditLogReader(store), aggregates, retentionDays: 30, log: () => undefined };
    const exchanges = await tap.during(() => aggregateCalls({ ...dependencies, now: () => until + 60_000 }, () => 1));
    return { ...accounted(exchanges, { before, after: await snapshot(), indexes }), logBytes: 0 };
  };

  try {
    const writer = dynamoAuditLogWriter(store);
    for (const start of [HOUR + steps.minutes, HOUR + 11 * steps.minutes]) {
      for (let index = 0; index < CALLS; index++) {
        await writer.recordCall(callOf(index, start), Math.floor((HOUR + 30 * steps.day) / 1000));
      }
    }
    return {
      idleMinutes: await aggregate(HOUR + steps.minutes),
      busyMinutes: await aggregate(HOUR + 2 * steps.minutes),
      hour: await aggregate(HOUR + 12 * steps.minutes),
    };
  } finally {
    dynamodb.destroy();
    await database.close();
  }
}

/** A call with members of realistic length: ids are UUIDs, and the keys of users are digests. */
function callOf(index: number, start: number): ToolCall {
  const session = index % SESSIONS;
  const name = (kind: string, number: number) => `${String(number).padStart(8, '0')}-${kind}-4b7a-ac58-fc914c95aaaa`;
  return {
    // The first characters are distributed evenly, as those of random ids: they spread calls over the index.
    id: `${((index * 2654435761) % 2 ** 32).toString(16).padStart(8, '0')}-4697-4b7a-ac58-fc914c95aaaa`,
    at: start + index * 1000,
    user: `user-${session}`.padEnd(43, 'x'),
    client: `https://client.example/${session % 2}.json`,
    clientName: 'Counted',
    clientVersion: '1.0.0',
    grant: name('9afe', session),
    session: name('5e55', session),
    era: 'legacy',
    protocolVersion: '2025-11-25',
    method: 'tools/call',
    tool: `tool-${index % TOOLS}`,
    outcome: index % 20 === 0 ? 'tool-error' : 'success',
    milliseconds: 20,
    bytesIn: 300,
    bytesOut: 1500,
  };
}
