import type { StatisticsStore } from '../../core/audit/aggregates.ts';
import { dynamoStatisticsReader, progressItem, statisticsItem } from './aggregate-reader.ts';
import { happened, reaching, type Table } from './table-connection.ts';

const AS_IT_WAS = 'countedUntil = :from';
const NEVER = 'attribute_not_exists(pk)';

export function dynamoStatisticsStore(table: Table): StatisticsStore {
  const { client: dynamodb, name: TableName } = table;
  return {
    ...dynamoStatisticsReader(table),

    async save(step, period, expiresAt) {
      await reaching(dynamodb.put({ TableName, Item: statisticsItem(step, period, expiresAt) }));
    },

    moveOn: (from, to) =>
      happened(
        dynamodb.put({
          TableName,
          Item: progressItem(to),
          ConditionExpression: from === undefined ? NEVER : AS_IT_WAS,
          ...(from !== undefined && { ExpressionAttributeValues: { ':from': from } }),
        }),
      ),
  };
}
