import type { AggregateStore } from '../../core/audit/aggregates.ts';
import { aggregateItem, dynamoAggregateReader, progressItem } from './aggregate-reader.ts';
import { callTable, succeeded, type TableConnection } from './table-connection.ts';

const AS_IT_WAS = 'countedUntil = :from';
const NEVER = 'attribute_not_exists(pk)';

export function dynamoAggregateStore(table: TableConnection): AggregateStore {
  const { client: dynamodb, name: TableName } = table;
  return {
    ...dynamoAggregateReader(table),

    async save(step, period, expiresAt) {
      await callTable(dynamodb.put({ TableName, Item: aggregateItem(step, period, expiresAt) }));
    },

    moveOn: (from, to) =>
      succeeded(
        dynamodb.put({
          TableName,
          Item: progressItem(to),
          ConditionExpression: from === undefined ? NEVER : AS_IT_WAS,
          ...(from !== undefined && { ExpressionAttributeValues: { ':from': from } }),
        }),
      ),
  };
}
