import type { CallProgress } from '../../../core/audit/aggregate-kinds.ts';
import * as itemType from '../../../shared/item-types.ts';
import type { EXPORT_PROGRESS } from '../../../shared/table-keys.ts';
import { callTable, partition, SINGLE, type TableConnection, writeOnce } from '../table-connection.ts';

/** The progress of a job that reads each call once, by its name in the key: of the aggregation, and of the export. */
type ProgressName = 'progress' | typeof EXPORT_PROGRESS;

const keyOf = (name: ProgressName) => ({ pk: partition.aggregates(name), sk: SINGLE });

export const progressItem = (name: ProgressName, countedUntil: number) => ({
  ...keyOf(name),
  type: itemType.aggregationProgress,
  countedUntil,
});

/** Until when the job has read the calls, in epoch milliseconds; `undefined` before its first run. */
export async function readProgress(
  { client: dynamodb, name: TableName }: TableConnection,
  name: ProgressName,
): Promise<number | undefined> {
  const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(name), ConsistentRead: true }));
  return Item?.countedUntil as number | undefined;
}

const PROGRESS_UNCHANGED = 'countedUntil = :from';
const NO_PROGRESS_YET = 'attribute_not_exists(pk)';

/** @returns false when the progress is not `from`, because another run of the job has moved it */
export const moveProgress = (table: TableConnection, name: ProgressName, from: number | undefined, to: number) =>
  writeOnce(table, {
    Put: {
      TableName: table.name,
      Item: progressItem(name, to),
      ConditionExpression: from === undefined ? NO_PROGRESS_YET : PROGRESS_UNCHANGED,
      ...(from !== undefined && { ExpressionAttributeValues: { ':from': from } }),
    },
  });

/** The progress of the export of telemetry. */
export const dynamoExportProgress = (table: TableConnection): CallProgress => ({
  countedUntil: () => readProgress(table, 'export'),
  moveOn: (from, to) => moveProgress(table, 'export', from, to),
});
