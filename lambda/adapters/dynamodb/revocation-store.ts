import type { RevocationStore } from '../../core/admin/revocation.ts';
import { CURRENT } from '../../core/sessions/session.ts';
import { byUserPrefix } from '../../shared/table-keys.ts';
import { queryItems } from './paged-query.ts';
import { revocationWrites } from './revocation-writes.ts';
import { callTable, partition, type TableConnection, writeOnce } from './table-connection.ts';

const SAME_AND_LIVE = 'id = :id AND expiresAt > :now AND attribute_not_exists(endedAt)';

export function dynamoRevocationStore(table: TableConnection): RevocationStore {
  const { client } = table;
  return {
    revokeGrant: (id, now) => writeOnce(table, ...revocationWrites(table.name, id, now)),

    revokeSession({ grant, id, era }, now) {
      // Only the expiry keeps the next modern call of the grant from continuing the session.
      const expiry = era === 'modern' ? ', expiresAt = :now' : '';
      return writeOnce(table, {
        Update: {
          TableName: table.name,
          Key: { pk: partition.sessions(grant), sk: era === 'modern' ? CURRENT : id },
          UpdateExpression: `SET endedAt = :now, endedBy = :revocation${expiry}`,
          ConditionExpression: SAME_AND_LIVE,
          ExpressionAttributeValues: { ':id': id, ':now': now, ':revocation': 'revocation' },
        },
      });
    },

    async endDashboardSessionsOf(user, kept) {
      const sessions = queryItems(table, {
        IndexName: 'byUser',
        KeyConditionExpression: 'gsi1pk = :user AND begins_with(gsi1sk, :kind)',
        ExpressionAttributeValues: { ':user': partition.byUser(user), ':kind': byUserPrefix.dashboardSessions },
      });
      let ended = 0;
      for await (const { pk, sk } of sessions) {
        if (kept !== undefined && pk === partition.dashboardSession(kept)) continue;
        await callTable(client.delete({ TableName: table.name, Key: { pk, sk } }));
        ended++;
      }
      return ended;
    },
  };
}
