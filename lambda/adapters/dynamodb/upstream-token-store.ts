import type { SealedUpstreamTokens, UpstreamTokenStore } from '../../core/identity/upstream-tokens.ts';
import { callTable, partition, SINGLE, succeeded, type TableConnection, toDomain } from './table-connection.ts';

const THIS_VERSION_AND_FREE = 'version = :version AND (attribute_not_exists(leaseUntil) OR leaseUntil <= :now)';
const LEASE_IS_OURS = 'leaseOwner = :owner';

export function dynamoUpstreamTokenStore({ client: dynamodb, name: TableName }: TableConnection): UpstreamTokenStore {
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
          UpdateExpression: 'SET leaseOwner = :owner, leaseUntil = :until',
          ConditionExpression: THIS_VERSION_AND_FREE,
          ExpressionAttributeValues: { ':version': version, ':owner': owner, ':now': now, ':until': until },
        }),
      ),

    saveTokens: (grant, owner, { sealed, version, expiresAt, refreshedAt }) =>
      succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(grant),
          UpdateExpression:
            'SET sealed = :sealed, version = :version, expiresAt = :expires, refreshedAt = :refreshed REMOVE leaseOwner, leaseUntil',
          ConditionExpression: LEASE_IS_OURS,
          ExpressionAttributeValues: {
            ':owner': owner,
            ':sealed': sealed,
            ':version': version,
            ':expires': expiresAt,
            ':refreshed': refreshedAt,
          },
        }),
      ),

    async releaseTokens(grant, owner) {
      await succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(grant),
          UpdateExpression: 'REMOVE leaseOwner, leaseUntil',
          ConditionExpression: LEASE_IS_OURS,
          ExpressionAttributeValues: { ':owner': owner },
        }),
      );
    },
  };
}
