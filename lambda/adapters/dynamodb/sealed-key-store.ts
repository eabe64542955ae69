import type { SealedKeyStore } from '../../core/support/sealed-key.ts';
import { ALONE, happened, partition, reaching, type Table } from './table-connection.ts';

export function dynamoSealedKeyStore({ client: dynamodb, name: TableName }: Table): SealedKeyStore {
  const load = async (name: string) => {
    const Key = { pk: partition.sealedKey(name), sk: ALONE };
    const { Item } = await reaching(dynamodb.get({ TableName, Key, ConsistentRead: true }));
    return Item?.sealed as string | undefined;
  };

  return {
    loadKey: load,
    async createKey(name, sealed) {
      const Item = { pk: partition.sealedKey(name), sk: ALONE, type: 'sealed-key', sealed };
      const ConditionExpression = 'attribute_not_exists(pk)';
      const first = await happened(dynamodb.put({ TableName, Item, ConditionExpression }));
      return first ? sealed : (await load(name))!;
    },
  };
}
