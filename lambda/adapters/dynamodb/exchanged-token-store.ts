import type { ExchangedTokenStore, SealedExchangedToken } from '../../core/identity/token-exchange.ts';
import * as itemType from '../../shared/item-types.ts';
import { LEASE_FREE, LEASE_OWNED, leaseValues, REMOVE_LEASE, SET_LEASE } from './lease-clauses.ts';
import { callTable, partition, succeeded, type TableConnection, toDomain, writeOnce } from './table-connection.ts';

const names = { '#type': 'type', '#ttl': 'ttl' };

/** Beside the upstream tokens of the grant, so that the erasure of its user deletes them, and the same roles have access. */
export function dynamoExchangedTokenStore(table: TableConnection): ExchangedTokenStore {
  const { client: dynamodb, name: TableName } = table;
  const keyOf = (grant: string, slot: string) => ({ pk: partition.upstreamTokens(grant), sk: `X#${slot}` });
  return {
    async loadToken(grant, slot) {
      const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(grant, slot), ConsistentRead: true }));
      // An item without a token is the lease of the first exchange.
      return Item?.sealed === undefined ? undefined : toDomain<SealedExchangedToken>(Item);
    },

    leaseToken: (grant, slot, owner, now, until) =>
      succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(grant, slot),
          UpdateExpression: `SET ${SET_LEASE}, #type = :type, #ttl = if_not_exists(#ttl, :until)`,
          ConditionExpression: LEASE_FREE,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: { ':type': itemType.exchangedToken, ...leaseValues(owner, now, until) },
        }),
      ),

    saveToken: (grant, slot, owner, { digest, sealed, expiresAt, exchangedAt }) =>
      writeOnce(table, {
        Update: {
          TableName,
          Key: keyOf(grant, slot),
          UpdateExpression: `SET digest = :digest, sealed = :sealed, expiresAt = :expires, exchangedAt = :exchanged, #type = :type, #ttl = :expires ${REMOVE_LEASE}`,
          ConditionExpression: LEASE_OWNED,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: {
            ':owner': owner,
            ':digest': digest,
            ':sealed': sealed,
            ':expires': expiresAt,
            ':exchanged': exchangedAt,
            ':type': itemType.exchangedToken,
          },
        },
      }),

    async releaseToken(grant, slot, owner) {
      await succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(grant, slot),
          UpdateExpression: REMOVE_LEASE,
          ConditionExpression: LEASE_OWNED,
          ExpressionAttributeValues: { ':owner': owner },
        }),
      );
    },
  };
}
