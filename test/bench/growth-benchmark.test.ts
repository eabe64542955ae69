import { isDeepStrictEqual } from 'node:util';
import { aggregatedSince, LAST_RUN } from '../../bench/growth/generated-aggregates.ts';
import { type GeneratedData, RETENTION_DAYS } from '../../bench/growth/generated-data.ts';
import { callExpiry, sessionStore, signInOf } from '../../bench/growth/generated-items.ts';
import { adminOf, type Group, type View, views } from '../../bench/growth/growth-views.ts';
import { generatedTable } from '../../bench/growth/measured-view.ts';
import { definition } from '../../bench/growth/session-table-definition.ts';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/audit/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
import { signedTableClient } from '../../lambda/adapters/dynamodb/client/signed-table-client.ts';
import { dynamoGrantStore } from '../../lambda/adapters/dynamodb/grant-store.ts';
import { partition, SINGLE, type TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { dynamoDashboardSessionStarter } from '../../lambda/adapters/dynamodb/user-writes.ts';
import { steps } from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import { startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';

const SIZE = { sessions: 80, users: 30, days: 0.65, longest: 260 };
const NEVER_EXPIRED = Number.MAX_SAFE_INTEGER;

/** An empty table in the local DynamoDB. */
async function emulatedTable() {
  const principals = new FunctionPrincipals();
  principals.add('TEST', emulatorPrincipal);
  // The clock stands at zero: nothing expires.
  const database = await startDynamoDb({ folder: undefined, principals, now: () => 0 });
  await database.createTable(definition, 'Holdfast');
  const client = signedTableClient(new URL(database.endpoint), 'us-east-1', {
    accessKeyId: 'TEST',
    secretAccessKey: 'test',
    sessionToken: undefined,
  });
  return { table: { client, name: 'Holdfast' }, close: () => database.close() };
}

/** Writes the generated data by the adapters in chronological order. */
async function fill(table: TableConnection, data: GeneratedData): Promise<void> {
  const { sessions, users } = data.size;
  const admin = adminOf(data);
  await dynamoDashboardSessionStarter(table).startDashboardSession(admin.cookieHash, admin.session, data.grantedAt(1));
  for (let grant = 0; grant < data.grants; grant++) {
    const signIn = signInOf(data, grant);
    await dynamoGrantStore(table).createGrant(signIn);
    const Key = { pk: partition.code(signIn.codeHash), sk: SINGLE };
    await table.client.delete({ TableName: table.name, Key });
    const [first, ...others] = data.sessionsUnder(grant).map((each) => data.session(each));
    if (!first) continue;
    const store = sessionStore(table);
    await store.start(first, 0);
    let former = first;
    for (const session of others) {
      await store.start(session, NEVER_EXPIRED, grant < users ? undefined : former);
      former = session;
    }
  }
  const writer = dynamoAuditLogWriter(table);
  for (let session = 0; session < sessions; session++) {
    const calls = Array.from({ length: data.callCount(session) }, (_, index) => data.call(session, index));
    for (let first = 0; first < calls.length; first += 100) {
      await Promise.all(calls.slice(first, first + 100).map((call) => writer.recordCall(call, callExpiry(call))));
    }
  }
  const aggregates = dynamoAggregateStore(table);
  await aggregates.moveOn(undefined, aggregatedSince(data));
  const dependencies = { aggregates, calls: dynamoAuditLogReader(table), retentionDays: RETENTION_DAYS + 1 };
  await aggregateCalls({ ...dependencies, now: () => LAST_RUN, log: () => undefined }, () => 1);
}

/** Records the operations of a table from now on. */
function recordOperations({ client }: TableConnection): string[] {
  const operations: string[] = [];
  for (const [operation, send] of Object.entries(client)) {
    const recorded = (input: never) => {
      operations.push(operation);
      return (send as (input: never) => unknown)(input);
    };
    Object.assign(client, { [operation]: recorded });
  }
  return operations;
}

test('the generated table returns the same results as the local DynamoDB, for the same requests', async () => {
  const { data, counting } = await generatedTable(SIZE);
  const emulated = await emulatedTable();
  try {
    await fill(emulated.table, data);
    const [ofGenerated, ofEmulated] = [recordOperations(counting.table), recordOperations(emulated.table)];
    const viewsOf = (group: Group) => views.filter((view) => view.group === group);
    const readingViews = views.filter(({ group }) => group !== 'requests' && group !== 'endings');
    // Both tables keep changes. The charts are compared again after the aggregation.
    const inOrder = [
      longPartition,
      ...readingViews,
      ...viewsOf('requests'),
      ...viewsOf('charts'),
      ...viewsOf('endings'),
    ];
    await counting.costOf(async () => {
      for (const view of inOrder) {
        for (const { table } of [counting, emulated]) await view.prepare?.(table, data);
        for (const operations of [ofGenerated, ofEmulated]) operations.length = 0;
        const [generated, expected] = [await view.work(counting.table, data), await view.work(emulated.table, data)];
        if (!isDeepStrictEqual(generated, expected))
          expect({ [view.name]: generated }).toEqual({ [view.name]: expected });
        const requests = [ofGenerated.splice(0), ofEmulated.splice(0)].map((operations) =>
          operations.toSorted().join(' '),
        );
        expect(`${view.name}: ${requests[0]}`).toBe(`${view.name}: ${requests[1]}`);
      }
    });
  } finally {
    await emulated.close();
  }
}, 120_000);

/** A partition with more items than a page of a query. */
const longPartition: View = {
  name: 'a day of large aggregates',
  group: 'charts',
  async prepare(table) {
    const row = { client: 'x'.repeat(200_000), tool: '', outcome: 'success' as const, calls: 1, durations: {} };
    const aggregates = { rows: [row], users: {}, sessions: {} };
    for (let at = 0; at < 6 * steps.minutes; at += steps.minutes) {
      await dynamoAggregateStore(table).save('calls', 'minutes', { at, aggregates }, NEVER_EXPIRED);
    }
  },
  work: (table) => dynamoAggregateStore(table).load('calls', 'minutes', 0, steps.day),
};
