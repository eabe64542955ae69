import { BUCKET_MILLISECONDS, bucketOf, callName, type ToolCall } from '../../../core/audit/tool-call.ts';
import * as itemType from '../../../shared/item-types.ts';
import { shards } from '../../../shared/table-keys.ts';
import { queryItems, takeItems } from '../paged-query.ts';
import { partition, type TableConnection } from '../table-connection.ts';

/**
 * Leads from a bucket (five minutes) to a session with calls that ended in it. There is one marker for all of them, so
 * that each call is written once and without an index, which would double the cost of the call.
 *
 * A call that began before the bucket has a separate marker. All calls of a plain marker therefore began and ended within
 * the bucket, whatever the longest duration of a call is.
 */
export type Marker = {
  session: string;
  /** `callName` of a call that began before the bucket; absent for the calls that began within it. */
  call?: string;
};

/** Not part of any session id (visible ASCII) or call name. */
const SEPARATOR = ' ';

/** @param expiresAt of the call, in epoch seconds */
export function markerItem(call: ToolCall, expiresAt: number) {
  const { session, at } = call;
  const bucket = bucketOf(call);
  const beganBefore = at < bucket * BUCKET_MILLISECONDS;
  return {
    pk: partition.callMarkers(bucket, session),
    sk: beganBefore ? `${session}${SEPARATOR}${callName(call)}` : session,
    type: itemType.callMarker,
    // Later calls of the same bucket expire later.
    ttl: expiresAt + BUCKET_MILLISECONDS / 1000,
  };
}

/** All markers of a bucket. Their calls may be gone: the erasure of a user deletes calls and not markers. */
export async function markersOf(table: TableConnection, bucket: number): Promise<Marker[]> {
  const found = await Promise.all(
    Array.from({ length: shards.calls }, (_, shard) => {
      const ExpressionAttributeValues = { ':pk': partition.callMarkersIn(bucket, shard) };
      return takeItems(
        queryItems(table, { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues }),
        Number.POSITIVE_INFINITY,
      );
    }),
  );
  return found.flat().map(({ sk }) => {
    const [session, call] = sk.split(SEPARATOR) as [string, string?];
    return { session, ...(call !== undefined && { call }) };
  });
}
