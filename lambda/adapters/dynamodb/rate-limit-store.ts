import type { RateLimitStore } from '../../core/oauth/clients/rate-limit.ts';
import { callTable, partition, SINGLE, succeeded, type TableConnection } from './table-connection.ts';

/** A due time that is past says nothing: it may go. */
const KEPT_SECONDS = 3600;

const STILL_THERE = 'due = :from';
const STILL_NONE = 'attribute_not_exists(pk)';

export function dynamoRateLimitStore({ client: dynamodb, name: TableName }: TableConnection): RateLimitStore {
  const keyOf = (name: string) => ({ pk: partition.rateLimit(name), sk: SINGLE });

  return {
    async due(name) {
      const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(name), ConsistentRead: true }));
      return Item?.due;
    },

    advance: (name, from, to) =>
      succeeded(
        dynamodb.put({
          TableName,
          Item: { ...keyOf(name), type: 'pace', due: to, ttl: Math.ceil(to) + KEPT_SECONDS },
          ConditionExpression: from === undefined ? STILL_NONE : STILL_THERE,
          ...(from !== undefined && { ExpressionAttributeValues: { ':from': from } }),
        }),
      ),
  };
}
