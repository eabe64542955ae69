import type { RequestStateStore, UsedRequestState } from '../../core/mcp/modern/request-state.ts';
import * as itemType from '../../shared/item-types.ts';
import { callTable, partition, succeeded, type TableConnection, toDomain } from './table-connection.ts';

const ABSENT = 'attribute_not_exists(pk)';

export function dynamoRequestStateStore({ client: dynamodb, name: TableName }: TableConnection): RequestStateStore {
  return {
    async useRequestState(grant, use) {
      const Key = { pk: partition.requestMarks(grant), sk: `S#${use.nonce}` };
      const Item = { ...Key, type: itemType.usedState, ...use, ttl: use.expiresAt };
      // A write that is repeated because its response was lost finds itself.
      if (await succeeded(dynamodb.put({ TableName, Item, ConditionExpression: ABSENT }))) return use;
      const { Item: first } = await callTable(dynamodb.get({ TableName, Key, ConsistentRead: true }));
      return first ? toDomain<UsedRequestState>(first) : use;
    },
  };
}
