import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
import { type DeleteInput, type TableClient, TableError } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { dynamoErasureStore } from '../../lambda/adapters/dynamodb/erasure-store.ts';
import { dynamoExecutionStore } from '../../lambda/adapters/dynamodb/execution-store.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { lease, newExecution } from '../../lambda/core/mcp/execution.ts';
import { LeasedTask } from '../../lambda/core/mcp/tasks/leased-task.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { localTable } from '../support/contract-stores.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** Erasure with a table that fails in between. */

const HOUR = 3_600_000;

let table: TableConnection;
let dynamodb: DynamoDBClient;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ table, dynamodb, close } = await localTable());
});
afterAll(() => close());

/** The table, in which the given number of deletions with a key prefix fail. */
function failing(prefix: string, times: number): TableConnection {
  const remove = async (input: DeleteInput) => {
    if (input.Key!.pk.startsWith(prefix) && times-- > 0) {
      throw new TableError({ name: 'InternalServerError', message: '', status: 500 });
    }
    return table.client.delete(input);
  };
  return { ...table, client: { ...table.client, delete: remove } };
}

const left = async () => {
  const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: table.name }));
  return Items.map(({ pk, sk }) => `${pk} ${sk}`).sort();
};

test.each([
  ['D#', 'a call'],
  ['T#', 'the provider’s tokens'],
  ['E#a-grant#', 'what a run has kept'],
  ['N#', 'what a tool has kept'],
])('what cannot be deleted at first (%s) is found the next time: %s', async (prefix) => {
  const now = Date.now() - 24 * HOUR;
  const user = { gsi1pk: 'U#ada' };
  const call = (id: string) => ({
    pk: 'D#a-session',
    sk: `${String(now).padStart(15, '0')}#${id}`,
    type: 'call',
    user: 'ada',
  });
  const items = [
    { pk: 'G#a-grant', sk: '-', type: 'grant', id: 'a-grant', ...user, gsi1sk: 'G#1#a-grant' },
    { pk: 'T#a-grant', sk: '-', type: 'identity-tokens' },
    { pk: 'S#a-grant', sk: 'a-session', type: 'session', id: 'a-session', grant: 'a-grant', ...user, gsi1sk: 'S#1#a' },
    { pk: 'S#a-grant', sk: 'an-older-id', type: 'renewal' },
    { pk: 'E#a-grant#marks', sk: 'C#a-session number#1', type: 'cancellation' },
    { pk: 'E#a-grant#marks', sk: 'S#a-nonce', type: 'used-state' },
    { pk: 'E#a-grant', sk: 'a-run', type: 'run' },
    { pk: 'E#a-grant#a-run', sk: 'B#0', type: 'run-text' },
    { pk: 'N#ada', sk: 'diary', type: 'state' },
    { pk: 'B#a-cookie', sk: '-', type: 'visit', ...user, gsi1sk: 'B#a-cookie' },
    ...['one', 'two', 'three'].map(call),
  ];
  const others = [{ pk: 'N#alan', sk: 'diary', type: 'state' }];
  for (const Item of [...items, ...others]) await table.client.put({ TableName: table.name, Item });

  await expect(dynamoErasureStore(failing(prefix, 1)).erase('ada', 500, Date.now())).rejects.toThrow(
    ServiceUnavailableError,
  );
  expect((await left()).length).toBeGreaterThan(1);
  expect((await dynamoErasureStore(table).erase('ada', 500, Date.now())).done).toBe(true);
  expect(await left()).toEqual(['N#alan diary']);
});

test('a standing grant stays as revoked, without its user', async () => {
  const standing = {
    ...{ pk: 'G#standing', sk: '-', type: 'grant', id: 'standing', status: 'active', ttl: 2_000_000_000 },
    revokedTtl: 253_402_300_799,
    ...{ user: 'ada', issuer: 'https://acme.example', subject: 'ada', client: 'ci', groups: ['staff'] },
    ...{ gsi1pk: 'U#ada', gsi1sk: 'G#1#standing', gsi2pk: 'G#0', gsi2sk: '1#standing' },
  };
  await table.client.put({ TableName: table.name, Item: standing });
  const erase = async () => dynamoErasureStore(table).erase('ada', 500, 1_900_000_000_000);
  expect([await erase(), await erase()]).toEqual([
    { items: 1, done: true },
    { items: 0, done: true },
  ]);
  const Key = { pk: standing.pk, sk: standing.sk };
  const { Item } = await table.client.get({ TableName: table.name, Key, ConsistentRead: true });
  const { pk, sk, type, id } = standing;
  expect(Item).toEqual({ pk, sk, type, id, status: 'revoked', revokedAt: 1_900_000_000 });
  await table.client.delete({ TableName: table.name, Key });
});

test.each(['task', 'stream'] as const)(
  'erase leaves nothing of a %s under way, whenever its process writes and after it has ended',
  async (kind) => {
    const [now, executions] = [Math.floor(Date.now() / 1000), dynamoExecutionStore(table)];
    const execution = { ...newExecution('a-grant', 'a-session', kind, [1], now, 3600), ...lease('runner', now) };
    await executions.createExecution(execution, 'the request');
    const Item = { pk: 'G#a-grant', sk: '-', type: 'grant', id: 'a-grant', gsi1pk: 'U#ada', gsi1sk: 'G#1#a-grant' };
    await table.client.put({ TableName: table.name, Item });
    let number = 0;
    const write = async () => {
      await executions.addEvents(execution, [{ number: ++number, message: { method: 'notifications/progress' } }]);
      await executions.addAnswer(execution, `answer-${number}`, '{}');
    };
    const writing: TableClient = new Proxy(table.client, {
      get: (client, operation: keyof TableClient) => async (input: never) => {
        await write();
        return (client[operation] as (input: never) => unknown)(input);
      },
    });

    expect(await dynamoErasureStore({ ...table, client: writing }).erase('ada', 500, Date.now())).toMatchObject({
      done: true,
    });
    expect(number).toBeGreaterThan(5);
    await write();
    const task = new LeasedTask(execution, { store: executions, clock: fakeClock(now * 1000), log: () => undefined });
    await task.end({ result: { content: [] } });
    task.release();
    expect(task.signal.reason).toBe('cancelled');
    expect((await left()).filter((name) => !name.startsWith('N#alan'))).toEqual([]);
  },
);

test('erase deletes at most the given number of items and reports that it is not done', async () => {
  for (let index = 0; index < 50; index++) {
    const Item = { pk: 'N#grace', sk: `entry ${index}`, type: 'state' };
    await table.client.put({ TableName: table.name, Item });
  }
  const store = dynamoErasureStore(table);
  expect(await store.erase('grace', 30, Date.now())).toEqual({ items: 30, done: false });
  expect(await store.erase('grace', 30, Date.now())).toEqual({ items: 20, done: true });
});

test('erase finds a call that was written after the erasure of its session through its marker', async () => {
  const now = Date.now();
  const calls = { ada: dynamoAuditLogWriter(table), alan: dynamoAuditLogWriter(table) };
  const recorded = (user: 'ada' | 'alan', session: string, minutesAgo: number, milliseconds = 10) =>
    calls[user].recordCall(
      {
        id: `${session}-${minutesAgo}`,
        at: now - minutesAgo * 60_000,
        user,
        client: 'dcr_1',
        grant: `grant-of-${user}`,
        session,
        era: 'legacy',
        method: 'tools/call',
        outcome: 'success',
        milliseconds,
        bytesIn: 1,
        bytesOut: 1,
      },
      Math.floor(now / 1000) + 600,
    );
  await recorded('ada', 'a-session-that-is-gone', 1);
  await recorded('ada', 'another', 40, 39 * 60_000);
  for (let index = 0; index < 30; index++) await recorded('alan', `session-${index}`, 1 + (index % 15));
  const ofAlan = (await left()).filter((name) => name.startsWith('D#session-'));

  expect(await dynamoErasureStore(table).erase('ada', 500, now)).toMatchObject({ items: 2, done: true });
  expect((await left()).filter((name) => name.startsWith('D#'))).toEqual(ofAlan);
});
