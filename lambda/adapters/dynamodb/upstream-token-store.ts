import type { IdentityTokenStore, SealedTokens } from '../../core/identity/upstream-tokens.ts';
import { ALONE, domain, happened, partition, reaching, type Table } from './table-connection.ts';

const THIS_VERSION_AND_FREE = 'version = :version AND (attribute_not_exists(leaseUntil) OR leaseUntil <= :now)';
const LEASE_IS_OURS = 'leaseOwner = :owner';

export function dynamoIdentityTokenStore({ client: dynamodb, name: TableName }: Table): IdentityTokenStore {
  const keyOf = (grant: string) => ({ pk: partition.identityTokens(grant), sk: ALONE });

  return {
    async loadTokens(grant) {
      const { Item } = await reaching(dynamodb.get({ TableName, Key: keyOf(grant), ConsistentRead: true }));
      return Item && domain<SealedTokens>(Item);
    },

    leaseTokens: (grant, version, owner, now, until) =>
      happened(
        dynamodb.update({
          TableName,
          Key: keyOf(grant),
          UpdateExpression: 'SET leaseOwner = :owner, leaseUntil = :until',
          ConditionExpression: THIS_VERSION_AND_FREE,
          ExpressionAttributeValues: { ':version': version, ':owner': owner, ':now': now, ':until': until },
        }),
      ),

    saveTokens: (grant, owner, { sealed, version, expiresAt, refreshedAt }) =>
      happened(
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
      await happened(
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
