import * as itemType from '../../shared/item-types.ts';
import { queryItems, takeItems } from './paged-query.ts';
import { partition, SINGLE, type TableConnection, writeOnce } from './table-connection.ts';

/**
 * Revocation in direct mode, where the identity provider owns the grants and the table holds none. A grant that is put
 * there as revoked denies its client access, with any token, until the item is deleted.
 */
export type GrantBlock = {
  /** Whether the table holds a session of the grant. Throws `ServiceUnavailableError`. */
  isKnown(grant: string): Promise<boolean>;
  /**
   * Throws `ServiceUnavailableError`.
   * @param now epoch seconds
   * @returns false when the table holds the grant already; then nothing has changed
   */
  block(grant: string, now: number): Promise<boolean>;
};

export function dynamoGrantBlock(table: TableConnection): GrantBlock {
  const TableName = table.name;
  return {
    async isKnown(grant) {
      const sessions = queryItems(
        table,
        { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': partition.sessions(grant) } },
        1,
      );
      return (await takeItems(sessions, 1)).length > 0;
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
  };
}
