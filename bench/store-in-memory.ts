import type { TableClient } from '../lambda/adapters/dynamodb/table-client.ts';

type Item = Record<string, unknown>;

/**
 * A client of the table that answers at once, in the process: as much of DynamoDB as the way of a tool call asks for.
 * Conditions are not evaluated. The caller's grant is there from the beginning.
 */
export function openTableClient(): TableClient {
  const items = new Map<string, Item>();
  const keyOf = ({ pk, sk }: Item) => `${pk}|${sk}`;
  const put = (item: Item) => {
    // The record of calls is written, and would fill the memory of a long run.
    if (!String(item.pk).startsWith('D#')) items.set(keyOf(item), item);
  };
  put(JSON.parse(process.env.BENCH_GRANT ?? '{}'));

  return {
    get: async ({ Key }) => ({ Item: items.get(keyOf(Key!)) }),
    put: async ({ Item }) => put(Item!),
    update: async () => ({}),
    delete: async () => ({}),
    query: async () => ({ Items: [] }),
    batchGet: async ({ RequestItems }) => ({
      Responses: Object.fromEntries(
        Object.entries(RequestItems!).map(([table, { Keys }]) => [
          table,
          Keys!.map((key) => items.get(keyOf(key))).filter((item) => item !== undefined),
        ]),
      ),
    }),
    async transactWrite({ TransactItems }) {
      for (const { Put } of TransactItems!) if (Put) put(Put.Item!);
    },
  };
}
