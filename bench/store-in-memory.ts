import type { TableClient } from '../lambda/adapters/dynamodb/table-client.ts';

type Item = Record<string, unknown>;

/**
 * A table client that answers in the process, with the operations that a tool call uses. It does not evaluate conditions.
 * It has the caller's grant from the start.
 */
export function openTableClient(): TableClient {
  const items = new Map<string, Item>();
  const keyOf = ({ pk, sk }: Item) => `${pk}|${sk}`;
  const put = (item: Item) => {
    // The audit log would fill the memory of a long run.
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
