import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { delayBefore } from '../../shared/request-retries.ts';
import type { StoredItem } from './paged-query.ts';
import { callTable, type TableConnection } from './table-connection.ts';

/** DynamoDB leaves keys unprocessed when it throttles a part of the batch. */
const MOST_ROUNDS = 5;

/** The items of the keys that exist, in any order. */
export async function readItems(
  { client, name }: TableConnection,
  keys: { pk: string; sk: string }[],
  { consistent = true } = {},
): Promise<StoredItem[]> {
  const found: StoredItem[] = [];
  let pending: Record<string, unknown>[] = keys;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { Responses, UnprocessedKeys } = await callTable(
      client.batchGet({ RequestItems: { [name]: { Keys: pending, ConsistentRead: consistent } } }),
    );
    found.push(...((Responses?.[name] ?? []) as StoredItem[]));
    const rest = UnprocessedKeys?.[name]?.Keys;
    if (!rest) return found;
    pending = rest;
    await new Promise((resolve) => setTimeout(resolve, delayBefore(round, 'transient', Math.random())));
  }
  throw new ServiceUnavailableError('The session table', new Error('keys were left unprocessed'));
}
