import { isDeepStrictEqual } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { countedSince, LAST_RUN } from '../../bench/growth/generated-aggregates.ts';
import { callExpiry, recordedSessions, signInOf } from '../../bench/growth/generated-items.ts';
import { RETENTION_DAYS, type World } from '../../bench/growth/generated-world.ts';
import { type Group, ownerOf, type View, views } from '../../bench/growth/growth-views.ts';
import { generatedTable } from '../../bench/growth/measured-view.ts';
import { definition } from '../../bench/growth/table-definition.ts';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit-log-writer.ts';
import { dynamoGrantStore } from '../../lambda/adapters/dynamodb/grant-store.ts';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/sdk-table-client.ts';
import { partition, SINGLE, type TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { dynamoDashboardSessionStarter } from '../../lambda/adapters/dynamodb/user-writes.ts';
import { steps } from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import { startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';

const SIZE = { sessions: 160, users: 30, days: 0.9, longest: 260 };
const NEVER_EXPIRED = Number.MAX_SAFE_INTEGER;

/** The local DynamoDB, with nothing in it. */
async function realTable() {
  const principals = new FunctionPrincipals();
  principals.add('TEST', emulatorPrincipal);
  // The clock stands at zero, so that nothing in it expires by itself.
  const database = await startDynamoDb({ folder: undefined, principals, now: () => 0 });
  await database.createTable(definition, 'Holdfast');
  const dynamodb = new DynamoDBClient({
    endpoint: database.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'TEST', secretAccessKey: 'test' },
  });
  const close = async () => {
    dynamodb.destroy();
    await database.close();
  };
  return { table: { client: sdkTableClient(dynamodb), name: 'Holdfast' }, close };
}

/** Everything that a world has, through the adapters, in the order in which it happened. */
async function fill(table: TableConnection, world: World): Promise<void> {
  const { sessions, users } = world.size;
  const owner = ownerOf(world);
  await dynamoDashboardSessionStarter(table).startDashboardSession(owner.cookieHash, owner.visit, world.grantedAt(1));
  for (let grant = 0; grant < world.grants; grant++) {
    const signIn = signInOf(world, grant);
    await dynamoGrantStore(table).createGrant(signIn);
    const Key = { pk: partition.code(signIn.codeHash), sk: SINGLE };
    await table.client.delete({ TableName: table.name, Key });
    const [first, ...others] = world.sessionsUnder(grant).map((each) => world.session(each));
    if (!first) continue;
    const store = recordedSessions(table);
    await store.start(first, 0);
    let former = first;
    for (const session of others) {
      await store.start(session, NEVER_EXPIRED, grant < users ? undefined : former);
      former = session;
    }
  }
  const writer = dynamoAuditLogWriter(table);
  for (let session = 0; session < sessions; session++) {
    const calls = Array.from({ length: world.callCount(session) }, (_, index) => world.call(session, index));
    for (let first = 0; first < calls.length; first += 100) {
      await Promise.all(calls.slice(first, first + 100).map((call) => writer.recordCall(call, callExpiry(call))));
    }
  }
  const aggregates = dynamoAggregateStore(table);
  await aggregates.moveOn(undefined, countedSince(world));
  const parts = { aggregates, calls: dynamoAuditLogReader(table), retentionDays: RETENTION_DAYS + 1 };
  await aggregateCalls({ ...parts, now: () => LAST_RUN, log: () => undefined }, () => 1);
}

/** What is asked of a table from now on, as text, with the page that each query begins with. */
function listen({ client }: TableConnection): string[] {
  const asked: string[] = [];
  for (const [operation, ask] of Object.entries(client)) {
    const heard = (input: never) => {
      asked.push(operation);
      return (ask as (input: never) => unknown)(input);
    };
    Object.assign(client, { [operation]: heard });
  }
  return asked;
}

test('the generated table answers every view as the local DynamoDB does, to as many requests', async () => {
  const { world, counting } = await generatedTable(SIZE);
  const real = await realTable();
  try {
    await fill(real.table, world);
    const [askedGenerated, askedReal] = [listen(counting.table), listen(real.table)];
    const those = (group: Group) => views.filter((view) => view.group === group);
    const looks = views.filter(({ group }) => group !== 'requests' && group !== 'endings');
    // Both tables keep what is changed. What has been rolled up is looked at once more.
    const inOrder = [longPartition, ...looks, ...those('requests'), ...those('charts'), ...those('endings')];
    await counting.costOf(async () => {
      for (const view of inOrder) {
        for (const { table } of [counting, real]) await view.prepare?.(table, world);
        for (const asked of [askedGenerated, askedReal]) asked.length = 0;
        const [generated, found] = [await view.work(counting.table, world), await view.work(real.table, world)];
        if (!isDeepStrictEqual(generated, found)) expect({ [view.name]: generated }).toEqual({ [view.name]: found });
        const requests = [askedGenerated.splice(0), askedReal.splice(0)].map((asked) => asked.toSorted().join(' '));
        expect(`${view.name}: ${requests[0]}`).toBe(`${view.name}: ${requests[1]}`);
      }
    });
  } finally {
    await real.close();
  }
}, 60_000);

/** More in one partition than a page of a query holds. */
const longPartition: View = {
  name: 'a day of large aggregates',
  group: 'charts',
  async prepare(table) {
    const row = { client: 'x'.repeat(200_000), tool: '', outcome: 'success' as const, calls: 1, durations: {} };
    const aggregates = { rows: [row], users: {}, sessions: {} };
    for (let at = 0; at < 12 * steps.minutes; at += steps.minutes) {
      await dynamoAggregateStore(table).save('minutes', { at, aggregates }, NEVER_EXPIRED);
    }
  },
  work: (table) => dynamoAggregateStore(table).load('minutes', 0, steps.day),
};
