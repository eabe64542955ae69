import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { marshalled, sizeOf } from '../../bench/growth/wire-items.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
import { type PutInput, TableError } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { BUCKET_MILLISECONDS, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { localTable } from '../support/contract-stores.ts';
import { toolCall } from '../support/tool-call-builder.ts';

/** Calls and the markers of buckets: which process writes them, and the result of failed writes. */

const EXPIRY = 2_000_000_000;

let table: TableConnection;
let dynamodb: DynamoDBClient;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ table, dynamodb, close } = await localTable());
});
afterAll(() => close());

let bucket = 6_000_000;
let serial = 0;
beforeEach(() => {
  bucket += 10;
});

const aCall = (session: string, change: Partial<ToolCall> = {}): ToolCall =>
  toolCall({ id: `call-${++serial}`, at: bucket * BUCKET_MILLISECONDS + serial, session, ...change });

/** A process that writes calls: the items that it has put, and how many puts with a key prefix fail. */
function aProcess(prefix = '', times = 0) {
  const written: string[] = [];
  const put = async (input: PutInput) => {
    const { pk } = input.Item as { pk: string };
    written.push(pk.slice(0, 2));
    if (prefix !== '' && pk.startsWith(prefix) && times-- > 0) {
      throw new TableError({ name: 'InternalServerError', message: '', status: 500 });
    }
    return table.client.put(input);
  };
  const { recordCall } = dynamoAuditLogWriter({ ...table, client: { ...table.client, put } });
  return { record: (call: ToolCall) => recordCall(call, EXPIRY), takeWritten: () => written.splice(0).sort() };
}

async function found(at = bucket): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of dynamoAuditLogReader(table).callsEndedIn(at)) ids.push(id);
  return ids.sort();
}

const idsOf = (...calls: ToolCall[]) => calls.map(({ id }) => id).sort();

test('a process writes one marker for a session and bucket, and each call once', async () => {
  const { record, takeWritten } = aProcess();
  const next = { at: (bucket + 1) * BUCKET_MILLISECONDS };
  const calls = [aCall('one'), aCall('one'), aCall('another'), aCall('one'), aCall('one', next)];
  const written: string[][] = [];
  for (const call of calls) {
    await record(call);
    written.push(takeWritten());
  }
  expect(written).toEqual([['C#', 'D#'], ['D#'], ['C#', 'D#'], ['D#'], ['C#', 'D#']]);
  expect(await found()).toEqual(idsOf(...calls.slice(0, 4)));
  expect(await found(bucket + 1)).toEqual(idsOf(calls[4]!));
});

test('a call that began before its bucket has a separate marker', async () => {
  const { record, takeWritten } = aProcess();
  const [usual, late, later] = [
    aCall('one'),
    ...[1, 2].map((before) => aCall('one', { at: bucket * BUCKET_MILLISECONDS - before, milliseconds: 100 })),
  ] as [ToolCall, ToolCall, ToolCall];
  for (const call of [late, usual, later]) await record(call);
  expect(takeWritten()).toEqual(['C#', 'C#', 'C#', 'D#', 'D#', 'D#']);
  expect(await found()).toEqual(idsOf(usual, late, later));
  expect(await found(bucket - 1)).toEqual([]);
});

test('markers of several processes lead to each call once', async () => {
  const calls = Array.from({ length: 9 }, () => aCall('shared'));
  const processes = [aProcess(), aProcess(), aProcess()];
  await Promise.all(calls.map((call, index) => processes[index % processes.length]!.record(call)));
  expect(await found()).toEqual(idsOf(...calls));
});

test('a failed write of the marker rejects the call, and the next call writes the marker', async () => {
  const { record, takeWritten } = aProcess('C#', 1);
  const [first, second] = [aCall('one'), aCall('one')];
  await expect(record(first)).rejects.toThrow(ServiceUnavailableError);
  expect(await found()).toEqual([]);
  takeWritten();
  await record(second);
  expect(takeWritten()).toEqual(['C#', 'D#']);
  expect(await found()).toEqual(idsOf(first, second));
});

test('a failed write of the call leaves a marker without a call, and a repeated write stores it once', async () => {
  const { record } = aProcess('D#', 1);
  const call = aCall('one');
  await expect(record(call)).rejects.toThrow(ServiceUnavailableError);
  expect(await found()).toEqual([]);
  await record(call);
  await record(call);
  expect(await found()).toEqual(idsOf(call));
});

test('a process forgets markers after many sessions and writes them again', async () => {
  const written: string[] = [];
  const put = async ({ Item }: PutInput) => void written.push(`${Item!.type} ${Item!.sk}`);
  const { recordCall } = dynamoAuditLogWriter({ ...table, client: { ...table.client, put } });
  for (const each of ['first', ...Array.from({ length: 1_000 }, (_, index) => `session-${index}`), 'first', 'first']) {
    await recordCall(aCall(each), EXPIRY);
  }
  expect(written.filter((each) => each === 'call-marker first')).toHaveLength(2);
});

test('a marker with the longest session id fits into one write unit and expires after its calls', async () => {
  const session = '#'.repeat(128);
  const { record } = aProcess();
  const call = aCall(session, { at: bucket * BUCKET_MILLISECONDS - 50, milliseconds: 60 });
  await record(call);
  expect(await found()).toEqual(idsOf(call));
  const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: table.name }));
  const [marker] = Items.filter(({ sk }) => sk.startsWith(session));
  expect(sizeOf(marshalled(marker!))).toBeLessThanOrEqual(1024);
  expect(marker!.ttl).toBe(EXPIRY + 300);
});

test('a failed write of a call ends after the write of its marker', async () => {
  const marker = Promise.withResolvers<void>();
  const put = ({ Item }: PutInput) =>
    String(Item?.pk).startsWith('C#') ? marker.promise : Promise.reject(new Error('denied'));
  const written = dynamoAuditLogWriter({ ...table, client: { ...table.client, put } }).recordCall(aCall('s'), EXPIRY);
  const ended: string[] = [];
  const both = Promise.allSettled([
    written.catch(() => ended.push('call')),
    marker.promise.then(() => ended.push('marker')),
  ]);
  setImmediate(() => marker.resolve());
  await both;
  expect(ended).toEqual(['marker', 'call']);
});
