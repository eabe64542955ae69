import type { SealedKeyStore } from '../../core/support/sealed-key.ts';
import * as itemType from '../../shared/item-types.ts';
import { callTable, partition, SINGLE, succeeded, type TableConnection } from './table-connection.ts';

export function dynamoSealedKeyStore({ client: dynamodb, name: TableName }: TableConnection): SealedKeyStore {
  const load = async (name: string) => {
    const Key = { pk: partition.sealedKey(name), sk: SINGLE };
    const { Item } = await callTable(dynamodb.get({ TableName, Key, ConsistentRead: true }));
    return Item?.sealed as string | undefined;
  };

  return {
    loadKey: load,
    async createKey(name, sealed) {
      const Item = { pk: partition.sealedKey(name), sk: SINGLE, type: itemType.sealedKey, sealed };
      const ConditionExpression = 'attribute_not_exists(pk)';
      const isFirst = await succeeded(dynamodb.put({ TableName, Item, ConditionExpression }));
      return isFirst ? sealed : (await load(name))!;
    },
  };
}
