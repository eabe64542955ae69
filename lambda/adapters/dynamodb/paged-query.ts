import type { QueryInput } from './table-client.ts';
import { callTable, type TableConnection } from './table-connection.ts';

export type StoredItem = Record<string, unknown> & { pk: string; sk: string };
type Question = Omit<QueryInput, 'TableName' | 'Limit' | 'ExclusiveStartKey'>;

/** The items that a query finds, page by page, as long as they are asked for. @param Limit of each page */
export async function* queryItems(
  { client, name: TableName }: TableConnection,
  question: Question,
  Limit?: number,
): AsyncGenerator<StoredItem> {
  let ExclusiveStartKey: QueryInput['ExclusiveStartKey'];
  do {
    const page = await callTable(client.query({ TableName, ...question, Limit, ExclusiveStartKey }));
    yield* (page.Items ?? []) as StoredItem[];
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
}

/** As many of them as wanted, without those that are left out. */
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
