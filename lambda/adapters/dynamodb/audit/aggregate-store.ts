import type { AggregateStore } from '../../../core/audit/aggregates.ts';
import { callTable, type TableConnection } from '../table-connection.ts';
import { aggregateItem, dynamoAggregateReader, errorItem } from './aggregate-reader.ts';
import { moveProgress } from './call-progress.ts';

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

    moveOn: (from, to) => moveProgress(table, 'progress', from, to),
  };
}
