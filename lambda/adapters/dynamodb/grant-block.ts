import { queryItems, takeItems } from './paged-query.ts';
import { partition, SINGLE, succeeded, type TableConnection } from './table-connection.ts';

/**
 * Direct mode: grants are the identity provider's, and none stands in the table. One that is put there as revoked shuts
 * out its user's client, whatever token it comes with, until somebody deletes the item.
 */
export type GrantBlock = {
  /** Whether the grant has had a session here that is still on record. Throws `Outage`. */
  isKnown(grant: string): Promise<boolean>;
  /**
   * Throws `Outage`.
   * @param now epoch seconds
   * @returns false when a grant stands there already, and then nothing has changed
   */
  block(grant: string, now: number): Promise<boolean>;
};

export function dynamoGrantBlock(table: TableConnection): GrantBlock {
  const { client: dynamodb, name: TableName } = table;
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
      // It names no user, so that whoever erases a user does not let a client in again that had been shut out.
      const Item = {
        pk: partition.grant(grant),
        sk: SINGLE,
        type: 'grant',
        id: grant,
        status: 'revoked',
        revokedAt: now,
      };
      const ConditionExpression = 'attribute_not_exists(pk)';
      return succeeded(dynamodb.put({ TableName, Item, ConditionExpression }));
    },
  };
}
