import { BUCKET_MILLISECONDS, bucketOf, callName, type ToolCall } from '../../core/audit/tool-call.ts';
import { shards } from '../../shared/table-keys.ts';
import { queryItems, takeItems } from './paged-query.ts';
import { partition, type TableConnection } from './table-connection.ts';

/**
 * Calls that ended in some five minutes are found by the sessions that had some. Of each there is a marker, however many
 * calls it had, so that a call is written once and in no index: an index costs as much again as the call itself.
 *
 * A call that began before these five minutes has a marker of its own. So whatever a plain one leads to began and ended
 * within them, and nothing has to be known about how long calls take.
 */
export type Marker = {
  session: string;
  /** `callName` of the one call that it is about; absent where it is about those that began within the five minutes. */
  call?: string;
};

/** Neither ids of sessions, which clients send in a header, nor names of calls have one in them. */
const SEPARATOR = ' ';

/** @param expiresAt of the call, in epoch seconds */
export function markerItem(call: ToolCall, expiresAt: number) {
  const { session, at } = call;
  const bucket = bucketOf(call);
  const beganBefore = at < bucket * BUCKET_MILLISECONDS;
  return {
    pk: partition.callMarkers(bucket, session),
    sk: beganBefore ? `${session}${SEPARATOR}${callName(call)}` : session,
    type: 'call-marker',
    // Those of the same five minutes that end after this one expire later.
    ttl: expiresAt + BUCKET_MILLISECONDS / 1000,
  };
}

/** All that there are of some five minutes. What one leads to may be gone: calls are erased, and their markers are not. */
export async function markersOf(table: TableConnection, bucket: number): Promise<Marker[]> {
  const parts = await Promise.all(
    Array.from({ length: shards.calls }, (_, shard) => {
      const ExpressionAttributeValues = { ':pk': partition.callMarkersIn(bucket, shard) };
      return takeItems(
        queryItems(table, { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues }),
        Number.POSITIVE_INFINITY,
      );
    }),
  );
  return parts.flat().map(({ sk }) => {
    const [session, call] = sk.split(SEPARATOR) as [string, string?];
    return { session, ...(call !== undefined && { call }) };
  });
}
