import type { TestCloud } from '../support/test-cloud.ts';

/** The operator's reads of the table, by key: the sweep fills it, so that a scan would take long. */

export const seconds = () => Math.floor(Date.now() / 1000);

type Item = Record<string, unknown>;

export async function itemAt({ table }: TestCloud, pk: string, sk = '-'): Promise<Item | undefined> {
  return (await table.client.get({ TableName: table.name, Key: { pk, sk }, ConsistentRead: true })).Item;
}

export async function itemsIn({ table }: TestCloud, pk: string): Promise<Item[]> {
  const { Items = [] } = await table.client.query({
    TableName: table.name,
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': pk },
    ConsistentRead: true,
  });
  return Items;
}

/** The grants that users have given since then, newest first. */
export async function grantsSince({ table }: TestCloud, since: number): Promise<Item[]> {
  const shards = await Promise.all(
    [0, 1, 2, 3].map((shard) =>
      table.client.query({
        TableName: table.name,
        IndexName: 'recent',
        KeyConditionExpression: 'gsi2pk = :list AND gsi2sk >= :since',
        ExpressionAttributeValues: { ':list': `G#${shard}`, ':since': `${since}` },
      }),
    ),
  );
  return shards.flatMap(({ Items = [] }) => Items);
}
