import type { AggregateStore } from '../../../core/audit/aggregate-kinds.ts';
import { callTable, type TableConnection } from '../table-connection.ts';
import { aggregateItem, dynamoAggregateReader } from './aggregate-reader.ts';
import { moveProgress } from './call-progress.ts';

export function dynamoAggregateStore(table: TableConnection): AggregateStore {
  const { client: dynamodb, name: TableName } = table;
  return {
    ...dynamoAggregateReader(table),

    async save(kind, step, period, expiresAt) {
      await callTable(dynamodb.put({ TableName, Item: aggregateItem(kind, step, period, expiresAt) }));
    },

    moveOn: (from, to) => moveProgress(table, 'progress', from, to),
  };
}
