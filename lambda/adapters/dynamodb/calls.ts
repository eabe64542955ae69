import { PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { Call, CallStore, CallWriter } from '../../core/call.ts';
import { domain, partition, reaching, type Table } from './table.ts';

/** Calls of everyone are listed by the five minutes in which they ended, each in this many partitions, so that none is hot. */
export const BUCKET_MILLISECONDS = 300_000;
export const BUCKET_SHARDS = 4;

const keyOf = (at: number, id: string) => `${String(at).padStart(15, '0')}#${id}`;

/** A bucket is complete when its time is over, however long its calls took. */
const bucketOf = ({ id, at, milliseconds }: Call) =>
  `C#${Math.floor((at + milliseconds) / BUCKET_MILLISECONDS)}#${id.charCodeAt(0) % BUCKET_SHARDS}`;

export function dynamoCallWriter({ client: dynamodb, name: TableName }: Table): CallWriter {
  return {
    async recordCall(call, expiresAt) {
      // What the keys say is not said twice: the item must fit into one write unit.
      const { id, at, session, ...rest } = call;
      const sk = keyOf(at, id);
      const Item = {
        pk: partition.calls(session),
        sk,
        type: 'call',
        ...rest,
        ttl: expiresAt,
        gsi2pk: bucketOf(call),
        gsi2sk: sk,
      };
      await reaching(dynamodb.send(new PutCommand({ TableName, Item })));
    },
  };
}

export function dynamoCallStore(table: Table): CallStore {
  const { client: dynamodb, name: TableName } = table;
  return {
    ...dynamoCallWriter(table),

    async callsOf(session, { limit, after, now }) {
      const pk = partition.calls(session);
      const live: Call[] = [];
      let last = after === undefined ? undefined : { pk, sk: after };
      // One more than asked for tells whether there are any.
      do {
        const { Items = [], LastEvaluatedKey } = await reaching(
          dynamodb.send(
            new QueryCommand({
              TableName,
              KeyConditionExpression: 'pk = :pk',
              ExpressionAttributeValues: { ':pk': pk },
              Limit: limit + 1 - live.length,
              ExclusiveStartKey: last,
            }),
          ),
        );
        live.push(...Items.filter(({ ttl }) => ttl > now).map((item) => callIn(item, session)));
        last = LastEvaluatedKey as typeof last;
      } while (last && live.length <= limit);
      const calls = live.slice(0, limit);
      return { calls, ...(live.length > limit && { next: keyOf(calls.at(-1)!.at, calls.at(-1)!.id) }) };
    },
  };
}

function callIn(item: Record<string, unknown>, session: string): Call {
  const [at, id] = String(item.sk).split('#');
  return { ...domain<Omit<Call, 'id' | 'at' | 'session'>>(item), id: id!, at: Number(at), session };
}
