import type { AssertionStore } from '../../core/oauth/clients/client-assertion.ts';
import * as itemType from '../../shared/item-types.ts';
import { ABSENT_OR_EXPIRED, partition, SINGLE, succeeded, type TableConnection } from './table-connection.ts';

export function dynamoAssertionStore({ client: dynamodb, name: TableName }: TableConnection): AssertionStore {
  return {
    spendAssertion: (assertionHash, now, expiresAt) =>
      succeeded(
        dynamodb.put({
          TableName,
          Item: {
            pk: partition.spentAssertion(assertionHash),
            sk: SINGLE,
            type: itemType.spentAssertion,
            expiresAt,
            ttl: expiresAt,
          },
          ConditionExpression: ABSENT_OR_EXPIRED,
          ExpressionAttributeValues: { ':now': now },
        }),
      ),
  };
}
