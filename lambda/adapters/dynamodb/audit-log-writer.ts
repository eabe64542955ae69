import { type AuditLogWriter, callName } from '../../core/audit/tool-call.ts';
import { markerItem } from './call-markers.ts';
import { callTable, partition, type TableConnection } from './table-connection.ts';

/** How many markers a process remembers to have written. */
const MOST_REMEMBERED = 1_000;

/**
 * Writes calls, and beside the first one of a session in five minutes the marker by which those of everyone are found.
 * What else is under way at that moment, or in another process, may write the same marker again, which changes nothing.
 *
 * Two requests rather than one for both: a batch may come back half done, and whoever may send one may delete as well.
 */
export function dynamoAuditLogWriter({ client: dynamodb, name: TableName }: TableConnection): AuditLogWriter {
  const marked = new Set<string>();
  return {
    async recordCall(call, expiresAt) {
      // What the keys say is not said twice: the item must fit into one write unit.
      const { id, at, session, ...rest } = call;
      const Item = { pk: partition.calls(session), sk: callName(call), type: 'call', ...rest, ttl: expiresAt };
      const marker = markerItem(call, expiresAt);
      const name = `${marker.pk} ${marker.sk}`;
      const mark = async () => {
        if (marked.has(name)) return;
        await callTable(dynamodb.put({ TableName, Item: marker }));
        // To forget costs a write for each session that goes on, and no more.
        if (marked.size === MOST_REMEMBERED) marked.clear();
        marked.add(name);
      };
      await Promise.all([callTable(dynamodb.put({ TableName, Item })), mark()]);
    },
  };
}
