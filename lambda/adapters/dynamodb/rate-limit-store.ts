import type { RateLimitStore } from '../../core/oauth/clients/rate-limit.ts';
import * as itemType from '../../shared/item-types.ts';
import { callTable, partition, SINGLE, type TableConnection, writeOnce } from './table-connection.ts';

/** A due time in the past limits nothing and may be deleted. */
const KEPT_SECONDS = 3600;

const UNCHANGED = 'due = :from';
const ABSENT = 'attribute_not_exists(pk)';

export function dynamoRateLimitStore(table: TableConnection): RateLimitStore {
  const { client: dynamodb, name: TableName } = table;
  const keyOf = (name: string) => ({ pk: partition.rateLimit(name), sk: SINGLE });

  return {
    async due(name) {
      const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(name), ConsistentRead: true }));
      return Item?.due;
    },

    advance: (name, from, to) =>
      writeOnce(table, {
        Put: {
          TableName,
          Item: { ...keyOf(name), type: itemType.rateLimit, due: to, ttl: Math.ceil(to) + KEPT_SECONDS },
          ConditionExpression: from === undefined ? ABSENT : UNCHANGED,
          ...(from !== undefined && { ExpressionAttributeValues: { ':from': from } }),
        },
      }),
  };
}
