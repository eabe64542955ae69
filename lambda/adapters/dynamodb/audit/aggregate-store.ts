import type { AggregateStore } from '../../../core/audit/aggregates.ts';
import { callTable, type TableConnection, writeOnce } from '../table-connection.ts';
import { aggregateItem, dynamoAggregateReader, errorItem, progressItem } from './aggregate-reader.ts';

const PROGRESS_UNCHANGED = 'countedUntil = :from';
const NO_PROGRESS_YET = 'attribute_not_exists(pk)';

export function dynamoAggregateStore(table: TableConnection): AggregateStore {
  const { client: dynamodb, name: TableName } = table;
  return {
    ...dynamoAggregateReader(table),

    async save(step, period, expiresAt) {
      await callTable(dynamodb.put({ TableName, Item: aggregateItem(step, period, expiresAt) }));
    },

    async saveErrors(step, period, expiresAt) {
      await callTable(dynamodb.put({ TableName, Item: errorItem(step, period, expiresAt) }));
    },

    moveOn: (from, to) =>
      writeOnce(table, {
        Put: {
          TableName,
          Item: progressItem(to),
          ConditionExpression: from === undefined ? NO_PROGRESS_YET : PROGRESS_UNCHANGED,
          ...(from !== undefined && { ExpressionAttributeValues: { ':from': from } }),
        },
      }),
  };
}
