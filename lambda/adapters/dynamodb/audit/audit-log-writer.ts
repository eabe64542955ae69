import { type AuditLogWriter, callName } from '../../../core/audit/tool-call.ts';
import { settleAll } from '../../../core/support/settle-all.ts';
import * as itemType from '../../../shared/item-types.ts';
import { callTable, partition, succeeded, type TableConnection } from '../table-connection.ts';
import { markerItem } from './call-markers.ts';

/** Most markers that a process remembers. */
const MOST_REMEMBERED = 1_000;

/**
 * Writes each call, and with a session's first call in a bucket the marker by which the calls of all users are found.
 * Concurrent calls and other processes may write the same marker again, which changes nothing.
 *
 * Two requests instead of one batch: a batch may return half done, and the permission for it includes deletion.
 */
export function dynamoAuditLogWriter({ client: dynamodb, name: TableName }: TableConnection): AuditLogWriter {
  const marked = new Set<string>();
  return {
    async recordCall(call, expiresAt, { unlessLogged } = { unlessLogged: false }) {
      // The keys contain these members: the item must fit into one write unit.
      const Item = {
        ...call,
        id: undefined,
        at: undefined,
        session: undefined,
        pk: partition.calls(call.session),
        sk: callName(call),
        type: itemType.call,
        ttl: expiresAt,
      };
      const marker = markerItem(call, expiresAt);
      const name = `${marker.pk} ${marker.sk}`;
      const mark = async () => {
        await callTable(dynamodb.put({ TableName, Item: marker }));
        // After this, each active session costs one more write.
        if (marked.size === MOST_REMEMBERED) marked.clear();
        marked.add(name);
      };
      const condition = unlessLogged && { ConditionExpression: 'attribute_not_exists(pk)' };
      const written = succeeded(dynamodb.put({ TableName, Item, ...condition }));
      await (marked.has(name) ? written : settleAll([written, mark()]));
    },
  };
}
