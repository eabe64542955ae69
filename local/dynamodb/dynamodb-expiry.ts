import { attributeOf, type Item } from './attribute-value.ts';
import type { Store } from './dynamodb-store.ts';
import type { TableDefinition } from './table-definition.ts';

/** DynamoDB leaves alone what claims to have expired longer ago: more likely a mistake than an expiry. */
const oldestSeconds = 5 * 365 * 24 * 60 * 60;

/**
 * Removes the items that have expired, as DynamoDB does, only sooner (it takes up to two days). One step with nothing
 * in between, so an item whose expiry has just been moved stays.
 *
 * @param attribute holds epoch seconds; values that are not of type number are no expiry
 * @param now epoch milliseconds
 */
export function removeExpired(store: Store, table: TableDefinition, attribute: string, now: number): void {
  for (const item of store.items(table.TableName)) {
    if (isExpired(item, attribute, now / 1000)) store.remove(table.TableName, item);
  }
}

function isExpired(item: Item, attribute: string, nowSeconds: number): boolean {
  const expiry = attributeOf(item, attribute)?.N;
  if (expiry === undefined) return false;
  const seconds = Number(expiry);
  return seconds < nowSeconds && seconds > nowSeconds - oldestSeconds;
}
