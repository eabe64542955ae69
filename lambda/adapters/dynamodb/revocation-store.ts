import type { RevocationStore } from '../../core/admin/revocation.ts';
import { CURRENT } from '../../core/sessions/session.ts';
import { partition, SINGLE, type TableConnection, type TransactItems, writeOnce } from './table-connection.ts';

const NOT_REVOKED = 'attribute_exists(pk) AND #status <> :revoked';
const SAME_AND_LIVE = 'id = :id AND expiresAt > :now AND attribute_not_exists(endedAt)';

/** The writes that revoke a grant. */
export const revocationWrites = (TableName: string, id: string, now: number): TransactItems => [
  {
    Update: {
      TableName,
      Key: { pk: partition.grant(id), sk: SINGLE },
      UpdateExpression: 'SET #status = :revoked, revokedAt = :now',
      ConditionExpression: NOT_REVOKED,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':revoked': 'revoked', ':now': now },
    },
  },
  { Delete: { TableName, Key: { pk: partition.upstreamTokens(id), sk: SINGLE } } },
];

export function dynamoRevocationStore(table: TableConnection): RevocationStore {
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
  };
}
