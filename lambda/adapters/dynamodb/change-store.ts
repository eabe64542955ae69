import type { ChangeStore, PublishedChange } from '../../core/mcp/change-notifications.ts';
import * as itemType from '../../shared/item-types.ts';
import { callTable, partition, type TableConnection, toDomain } from './table-connection.ts';

/** Changes sort by time and before listeners, so that one range holds the latest changes and all listeners. */
const changeKey = (at: number, id: string) => `C#${String(at).padStart(11, '0')}#${id}`;
const listenerKey = (session: string) => `L#${session}`;

export function dynamoChangeStore({ client: dynamodb, name: TableName }: TableConnection): ChangeStore {
  return {
    async publishChange(user, published, expiresAt) {
      const { at, id } = published;
      const Item = {
        pk: partition.changes(user),
        sk: changeKey(at, id),
        type: itemType.change,
        ...published,
        ttl: expiresAt,
      };
      await callTable(dynamodb.put({ TableName, Item }));
    },

    async listen(user, session, listener, expiresAt) {
      const Item = {
        pk: partition.changes(user),
        sk: listenerKey(session),
        type: itemType.listener,
        listener,
        ttl: expiresAt,
      };
      await callTable(dynamodb.put({ TableName, Item }));
    },

    async changesSince(user, session, since) {
      const { Items = [] } = await callTable(
        dynamodb.query({
          TableName,
          KeyConditionExpression: 'pk = :pk AND sk >= :since',
          ExpressionAttributeValues: { ':pk': partition.changes(user), ':since': changeKey(since, '') },
          ConsistentRead: true,
        }),
      );
      const changes = Items.filter(({ type }) => type === itemType.change).map((item) =>
        toDomain<PublishedChange>(item),
      );
      const listener = Items.find(({ sk }) => sk === listenerKey(session))?.listener;
      return { changes, ...(listener !== undefined && { listener }) };
    },
  };
}
