import type { QueryInput } from './client/table-client.ts';
import { callTable, type TableConnection } from './table-connection.ts';

export type StoredItem = Record<string, unknown> & { pk: string; sk: string };
type ItemQuery = Omit<QueryInput, 'TableName' | 'Limit' | 'ExclusiveStartKey'>;

/** The items of a query; a page is read when its first item is consumed. @param Limit of each page */
export async function* queryItems(
  { client, name: TableName }: TableConnection,
  query: ItemQuery,
  Limit?: number,
): AsyncGenerator<StoredItem> {
  let ExclusiveStartKey: QueryInput['ExclusiveStartKey'];
  do {
    const page = await callTable(client.query({ TableName, ...query, Limit, ExclusiveStartKey }));
    yield* (page.Items ?? []) as StoredItem[];
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
}

/** The first `limit` items that are wanted. */
export async function takeItems<T>(
  items: AsyncIterable<T>,
  limit: number,
  wanted: (item: T) => boolean = () => true,
): Promise<T[]> {
  const found: T[] = [];
  if (limit === 0) return found;
  for await (const item of items) {
    if (wanted(item) && found.push(item) === limit) break;
  }
  return found;
}
