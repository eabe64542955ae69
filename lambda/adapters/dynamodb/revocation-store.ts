import type { RevocationStore } from '../../core/admin/revocation.ts';
import { CURRENT } from '../../core/sessions/session.ts';
import { partition, SINGLE, succeeded, type TableConnection } from './table-connection.ts';

const NOT_REVOKED = 'attribute_exists(pk) AND #status <> :revoked';
const SAME_AND_LIVE = 'id = :id AND expiresAt > :now AND attribute_not_exists(endedAt)';

export function dynamoRevocationStore({ client: dynamodb, name: TableName }: TableConnection): RevocationStore {
  return {
    revokeGrant: (id, now) =>
      succeeded(
        dynamodb.transactWrite({
          TransactItems: [
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
          ],
        }),
      ),

    revokeSession({ grant, id, era }, now) {
      // Only the expiry keeps the next modern call of the grant from continuing the session.
      const expiry = era === 'modern' ? ', expiresAt = :now' : '';
      return succeeded(
        dynamodb.update({
          TableName,
          Key: { pk: partition.sessions(grant), sk: era === 'modern' ? CURRENT : id },
          UpdateExpression: `SET endedAt = :now, endedBy = :revocation${expiry}`,
          ConditionExpression: SAME_AND_LIVE,
          ExpressionAttributeValues: { ':id': id, ':now': now, ':revocation': 'revocation' },
        }),
      );
    },
  };
}
