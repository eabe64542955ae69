import type { MachineClientRegistry, RegisteredMachineClient } from '../../../core/admin/machine-client-registry.ts';
import type { MachineClientStore } from '../../../core/oauth/clients/machine-client.ts';
import * as itemType from '../../../shared/item-types.ts';
import { MACHINE_CLIENTS } from '../../../shared/table-keys.ts';
import { queryItems } from '../paged-query.ts';
import { callTable, partition, SINGLE, succeeded, type TableConnection, toDomain } from '../table-connection.ts';

const keyOf = (id: string) => ({ pk: partition.client(id), sk: SINGLE });

/** The view of the OAuth function. */
export function dynamoMachineClientStore({ client: dynamodb, name: TableName }: TableConnection): MachineClientStore {
  return {
    async findMachineClient(id) {
      // Consistent: a secret that the operator removed is wrong at once.
      const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(id), ConsistentRead: true }));
      return Item && toDomain<RegisteredMachineClient>(Item);
    },
  };
}

/** The view of the operator. */
export function dynamoMachineClientRegistry(table: TableConnection): MachineClientRegistry {
  const { client: dynamodb, name: TableName } = table;
  return {
    async list() {
      const clients: RegisteredMachineClient[] = [];
      const query = {
        IndexName: 'recent',
        KeyConditionExpression: 'gsi2pk = :list',
        ExpressionAttributeValues: { ':list': MACHINE_CLIENTS },
      };
      for await (const item of queryItems(table, query)) clients.push(toDomain<RegisteredMachineClient>(item));
      return clients;
    },

    async add(client) {
      const Item = {
        ...keyOf(client.id),
        type: itemType.machineClient,
        ...client,
        gsi2pk: MACHINE_CLIENTS,
        gsi2sk: `${client.createdAt}#${client.id}`,
      };
      await callTable(dynamodb.put({ TableName, Item }));
    },

    replaceSecrets: (id, secrets) =>
      succeeded(
        dynamodb.update({
          TableName,
          Key: keyOf(id),
          UpdateExpression: 'SET secrets = :secrets',
          ConditionExpression: 'attribute_exists(pk)',
          ExpressionAttributeValues: { ':secrets': secrets },
        }),
      ),

    async remove(id) {
      await callTable(dynamodb.delete({ TableName, Key: keyOf(id) }));
    },
  };
}
