import {
  type AuditLogReader,
  BUCKET_MILLISECONDS,
  bucketOf,
  callName,
  type ToolCall,
} from '../../../core/audit/tool-call.ts';
import { readItems } from '../batch-read.ts';
import { queryItems, type StoredItem, takeItems } from '../paged-query.ts';
import { partition, type TableConnection, toDomain } from '../table-connection.ts';
import { type Marker, markersOf } from './call-markers.ts';

/** Sessions that are queried in parallel, of 50 connections. */
const AT_ONCE = 32;
/** Calls of a session that the first query reads; the rest only when the caller asks for it. */
const PAGE = 50;

export function dynamoAuditLogReader(table: TableConnection): AuditLogReader {
  const ofSession = (session: string, from: string, name: string | undefined, forward: boolean, limit: number) =>
    queryItems(
      table,
      {
        KeyConditionExpression: `pk = :pk${name === undefined ? '' : ` AND ${from}`}`,
        ExpressionAttributeValues: { ':pk': partition.calls(session), ...(name !== undefined && { ':name': name }) },
        ScanIndexForward: forward,
      },
      limit,
    );

  /** The calls of a marker, latest start first. */
  async function* callsOfMarker(
    bucket: number,
    { session, call }: Marker,
    { before, limit }: { before?: string | undefined; limit?: number } = {},
  ): AsyncGenerator<StoredItem> {
    const from = call ?? firstName(bucket * BUCKET_MILLISECONDS);
    const last = call ?? firstName((bucket + 1) * BUCKET_MILLISECONDS);
    const to = before !== undefined && before < last ? before : last;
    if (to < from) return;
    const items = queryItems(
      table,
      {
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':pk': partition.calls(session), ':from': from, ':to': to },
        ScanIndexForward: false,
      },
      limit,
    );
    for await (const item of items) {
      // A call that ended in a later bucket has a marker there.
      if (item.sk !== before && bucketOf(callIn(item)) === bucket) yield item;
    }
  }

  const live = (now: number, user?: string) => (item: StoredItem) =>
    Number(item.ttl) > now && (user === undefined || item.user === user);

  return {
    async callsOf(session, { limit, after, now, user }) {
      // One more than the limit shows whether there is a next page.
      const stored = ofSession(session, 'sk > :name', after, true, limit + 1);
      const found = (await takeItems(stored, limit + 1, live(now, user))).map(callIn);
      const calls = found.slice(0, limit);
      return { calls, ...(found.length > limit && { next: callName(calls.at(-1)!) }) };
    },

    async latestOf(session, { limit, before, now, user }) {
      const stored = ofSession(session, 'sk < :name', before, false, limit);
      return (await takeItems(stored, limit, live(now, user))).map(callIn);
    },

    async *callsEndedIn(bucket) {
      const markers = await markersOf(table, bucket);
      for (let first = 0; first < markers.length; first += AT_ONCE) {
        const found = await Promise.all(
          markers
            .slice(first, first + AT_ONCE)
            .map((marker) => takeItems(callsOfMarker(bucket, marker), Number.POSITIVE_INFINITY)),
        );
        for (const items of found) for (const item of items) yield callIn(item);
      }
    },

    async callsOfKeys(keys, now) {
      if (keys.length === 0) return [];
      const names = keys.map(({ session, call }) => ({ pk: partition.calls(session), sk: call }));
      return (await readItems(table, names, { consistent: false })).filter(live(now)).map(callIn);
    },

    async *latestEndedIn(bucket, { before, now }) {
      const markers = await markersOf(table, bucket);
      const sources = markers.map((marker) => callsOfMarker(bucket, marker, { before, limit: PAGE }));
      for await (const item of mergeLatestFirst(sources)) if (live(now)(item)) yield callIn(item);
    },
  };
}

/** Sorts before the names of all calls that began at this time, and after those of earlier ones. */
const firstName = (at: number) => callName({ at, id: '' });

/** Merges sources that are sorted, latest first. */
async function* mergeLatestFirst(sources: AsyncGenerator<StoredItem>[]): AsyncGenerator<StoredItem> {
  type Head = { item: StoredItem; source: AsyncGenerator<StoredItem> };
  const headOf = async (source: AsyncGenerator<StoredItem>): Promise<Head[]> => {
    const { value, done } = await source.next();
    return done ? [] : [{ item: value, source }];
  };
  /** In ascending order: the next item is the last. */
  const heads: Head[] = [];
  for (let first = 0; first < sources.length; first += AT_ONCE) {
    heads.push(...(await Promise.all(sources.slice(first, first + AT_ONCE).map(headOf))).flat());
  }
  heads.sort((a, b) => (a.item.sk < b.item.sk ? -1 : 1));
  for (let next = heads.pop(); next; next = heads.pop()) {
    yield next.item;
    for (const head of await headOf(next.source)) {
      heads.splice(heads.findLastIndex(({ item }) => item.sk < head.item.sk) + 1, 0, head);
    }
  }
}

function callIn(item: StoredItem): ToolCall {
  const [at, id] = item.sk.split('#');
  const session = item.pk.slice(partition.calls('').length);
  return { ...toDomain<Omit<ToolCall, 'id' | 'at' | 'session'>>(item), id: id!, at: Number(at), session };
}
