import type { PaceStore } from '../../core/oauth/clients/rate-limit.ts';
import { ALONE, happened, partition, reaching, type Table } from './table-connection.ts';

/** A due time that is past says nothing: it may go. */
const KEPT_SECONDS = 3600;

const STILL_THERE = 'due = :from';
const STILL_NONE = 'attribute_not_exists(pk)';

export function dynamoPaceStore({ client: dynamodb, name: TableName }: Table): PaceStore {
  const keyOf = (name: string) => ({ pk: partition.pace(name), sk: ALONE });

  return {
    async due(name) {
      const { Item } = await reaching(dynamodb.get({ TableName, Key: keyOf(name), ConsistentRead: true }));
      return Item?.due;
    },

    advance: (name, from, to) =>
      happened(
        dynamodb.put({
          TableName,
          Item: { ...keyOf(name), type: 'pace', due: to, ttl: Math.ceil(to) + KEPT_SECONDS },
          ConditionExpression: from === undefined ? STILL_NONE : STILL_THERE,
          ...(from !== undefined && { ExpressionAttributeValues: { ':from': from } }),
        }),
      ),
  };
}
