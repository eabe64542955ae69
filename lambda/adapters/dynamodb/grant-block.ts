import type { RevocationStore } from '../../core/admin/revocation.ts';
import type { Session } from '../../core/sessions/session.ts';
import * as itemType from '../../shared/item-types.ts';
import { queryItems, takeItems } from './paged-query.ts';
import { partition, SINGLE, succeeded, type TableConnection, toDomain, writeOnce } from './table-connection.ts';

/**
 * Revocation in direct mode, where the identity provider owns the grants and the table holds none. A grant that is put
 * there as revoked denies its client access, with any token, until the item is deleted.
 */
export type GrantBlock = {
  /** A session of the grant; undefined when the table holds none. Throws `ServiceUnavailableError`. */
  sessionUnder(grant: string): Promise<Session | undefined>;
  /**
   * Throws `ServiceUnavailableError`.
   * @param now epoch seconds
   * @returns false when the table holds the grant already; then nothing has changed
   */
  block(grant: string, now: number): Promise<boolean>;
  /**
   * Deletes a revoked grant that denies access. Throws `ServiceUnavailableError`.
   * @returns false when it is not revoked, or was revoked later than `until`, in epoch seconds: nothing has changed. An item
   * that the operator wrote has no time
   */
  unblock(grant: string, until: number): Promise<boolean>;
};

export function dynamoGrantBlock(table: TableConnection): GrantBlock {
  const TableName = table.name;
  return {
    async sessionUnder(grant) {
      const items = queryItems(
        table,
        { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': partition.sessions(grant) } },
        10,
      );
      const [session] = await takeItems(items, 1, ({ type }) => type === itemType.session);
      return session && toDomain<Session>(session);
    },

    block(grant, now) {
      // Without a user, so that the erasure of a user does not admit a blocked client again.
      const Item = {
        pk: partition.grant(grant),
        sk: SINGLE,
        type: itemType.grant,
        id: grant,
        status: 'revoked',
        revokedAt: now,
      };
      const ConditionExpression = 'attribute_not_exists(pk)';
      return writeOnce(table, { Put: { TableName, Item, ConditionExpression } });
    },

    unblock: (grant, until) =>
      succeeded(
        table.client.delete({
          TableName,
          Key: { pk: partition.grant(grant), sk: SINGLE },
          ConditionExpression: '#status = :revoked AND (attribute_not_exists(revokedAt) OR revokedAt <= :until)',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':revoked': 'revoked', ':until': until },
        }),
      ),
  };
}

/** The revocations of the dashboard in direct mode. */
export const blockingRevocation = (revocation: RevocationStore, { block }: GrantBlock): RevocationStore => ({
  ...revocation,
  revokeGrant: block,
});
