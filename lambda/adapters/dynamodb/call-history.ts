import { type Call, type CallHistory, callName } from '../../core/call.ts';
import { queried, type StoredItem, some } from './query.ts';
import { domain, partition, shards, type Table } from './table.ts';

export function dynamoCallHistory(table: Table): CallHistory {
  const ofSession = (session: string, from: string, name: string | undefined, forward: boolean, limit: number) =>
    queried(
      table,
      {
        KeyConditionExpression: `pk = :pk${name === undefined ? '' : ` AND ${from}`}`,
        ExpressionAttributeValues: { ':pk': partition.calls(session), ...(name !== undefined && { ':name': name }) },
        ScanIndexForward: forward,
      },
      limit,
    );
  const ended = (bucket: number, shard: number, before: string | undefined, limit?: number) =>
    queried(
      table,
      {
        IndexName: 'recent',
        KeyConditionExpression: `gsi2pk = :pk${before === undefined ? '' : ' AND gsi2sk < :before'}`,
        ExpressionAttributeValues: {
          ':pk': `C#${bucket}#${shard}`,
          ...(before !== undefined && { ':before': before }),
        },
        ScanIndexForward: false,
      },
      limit,
    );
  const allShards = Array.from({ length: shards.calls }, (_, shard) => shard);
  const live = (now: number) => (item: StoredItem) => Number(item.ttl) > now;

  return {
    async callsOf(session, { limit, after, now }) {
      // One more than asked for tells whether there are any.
      const stored = ofSession(session, 'sk > :name', after, true, limit + 1);
      const found = (await some(stored, limit + 1, live(now))).map(callIn);
      const calls = found.slice(0, limit);
      return { calls, ...(found.length > limit && { next: callName(calls.at(-1)!) }) };
    },

    async latestOf(session, { limit, before, now }) {
      const stored = ofSession(session, 'sk < :name', before, false, limit);
      return (await some(stored, limit, live(now))).map(callIn);
    },

    async *callsEndedIn(bucket) {
      const pages = await Promise.all(
        allShards.map((shard) => some(ended(bucket, shard, undefined), Number.POSITIVE_INFINITY)),
      );
      for (const items of pages) for (const item of items) yield callIn(item);
    },

    async latestEndedIn(bucket, { limit, before, now }) {
      const found = await Promise.all(
        allShards.map((shard) => some(ended(bucket, shard, before, limit), limit, live(now))),
      );
      return found
        .flat()
        .toSorted((a, b) => (a.sk < b.sk ? 1 : -1))
        .slice(0, limit)
        .map(callIn);
    },
  };
}

function callIn(item: StoredItem): Call {
  const [at, id] = item.sk.split('#');
  const session = item.pk.slice(partition.calls('').length);
  return { ...domain<Omit<Call, 'id' | 'at' | 'session'>>(item), id: id!, at: Number(at), session };
}
