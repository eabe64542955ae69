import type { AssertionStore } from '../../core/oauth/clients/client-assertion.ts';
import { ABSENT_OR_EXPIRED, ALONE, happened, partition, type Table } from './table-connection.ts';

export function dynamoAssertionStore({ client: dynamodb, name: TableName }: Table): AssertionStore {
  return {
    spendAssertion: (assertionHash, now, expiresAt) =>
      happened(
        dynamodb.put({
          TableName,
          Item: {
            pk: partition.spentAssertion(assertionHash),
            sk: ALONE,
            type: 'spent-assertion',
            expiresAt,
            ttl: expiresAt,
          },
          ConditionExpression: ABSENT_OR_EXPIRED,
          ExpressionAttributeValues: { ':now': now },
        }),
      ),
  };
}
