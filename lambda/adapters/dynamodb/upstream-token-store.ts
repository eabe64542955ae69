import type { SealedUpstreamTokens, UpstreamTokenStore } from '../../core/identity/upstream-tokens.ts';
import { LEASE_FREE, LEASE_OWNED, leaseValues, REMOVE_LEASE, SET_LEASE } from './lease-clauses.ts';
import {
  callTable,
  partition,
  SINGLE,
  succeeded,
  type TableConnection,
  toDomain,
  writeOnce,
} from './table-connection.ts';

const SAME_VERSION = 'version = :version';

export function dynamoUpstreamTokenStore(table: TableConnection): UpstreamTokenStore {
  const { client: dynamodb, name: TableName } = table;
  const keyOf = (grant: string) => ({ pk: partition.upstreamTokens(grant), sk: SINGLE });

  return {
    async loadTokens(grant) {
      const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(grant), ConsistentRead: true }));
      return Item && toDomain<SealedUpstreamTokens>(Item);
    },

    leaseTokens: (grant, version, owner, now, until) =>
      succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(grant),
          UpdateExpression: `SET ${SET_LEASE}`,
          ConditionExpression: `${SAME_VERSION} AND ${LEASE_FREE}`,
          ExpressionAttributeValues: { ':version': version, ...leaseValues(owner, now, until) },
        }),
      ),

    saveTokens: (grant, owner, { sealed, version, expiresAt, refreshedAt }) =>
      writeOnce(table, {
        Update: {
          TableName,
          Key: keyOf(grant),
          UpdateExpression: `SET sealed = :sealed, version = :version, expiresAt = :expires, refreshedAt = :refreshed ${REMOVE_LEASE}`,
          ConditionExpression: LEASE_OWNED,
          ExpressionAttributeValues: {
            ':owner': owner,
            ':sealed': sealed,
            ':version': version,
            ':expires': expiresAt,
            ':refreshed': refreshedAt,
          },
        },
      }),

    async releaseTokens(grant, owner) {
      await succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(grant),
          UpdateExpression: REMOVE_LEASE,
          ConditionExpression: LEASE_OWNED,
          ExpressionAttributeValues: { ':owner': owner },
        }),
      );
    },
  };
}
