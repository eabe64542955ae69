import type { Item } from '../../local/dynamodb/dynamodb-store.ts';
import { sizeOf } from '../growth/wire-items.ts';
import { type Index, readUnits, writeUnits } from './dynamodb-units.ts';
import type { Read, Work, Write } from './measured-work.ts';
import type { Exchange, Json } from './request-tap.ts';

/** All items of a table by their keys. */
export type Snapshot = Map<string, Item>;

export const nameOf = ({ pk, sk }: Item): string => `${pk!.S} ${sk!.S}`;
/** `D#…` → `D#`. */
const kindOf = ({ pk }: Item): string => /^\w+#/.exec(String(pk!.S))![0];

/**
 * The capacity units of the requests. A request does not contain the item that it overwrites: that is tracked from the
 * snapshot before the requests. The result of an update is taken from the snapshot after them.
 */
export function accounted(
  exchanges: readonly Exchange[],
  { before, after, indexes }: { before: Snapshot; after: Snapshot; indexes: readonly Index[] },
): Omit<Work, 'logBytes'> {
  const toTable = exchanges.filter(({ service }) => service === 'dynamodb');
  const state = new Map(before);
  const writes = toTable.flatMap(writesIn).map(({ operation, key, result, factor }): Write => {
    const name = nameOf(key);
    const overwritten = state.get(name);
    const written = result === 'update' ? after.get(name) : result;
    if (written) state.set(name, written);
    else state.delete(name);
    const bytes = Math.max(...[overwritten, written].map((item) => (item ? sizeOf(item) : 0)));
    return { operation, item: kindOf(key), bytes, units: writeUnits(overwritten, written, indexes, factor) };
  });
  return {
    dynamodb: counted(toTable),
    kms: counted(exchanges.filter(({ service }) => service === 'kms')),
    reads: sorted(toTable.flatMap(readsIn)),
    writes: sorted(writes),
  };
}

function counted(exchanges: readonly Exchange[]): Record<string, number> {
  const names = exchanges.map(({ operation }) => operation).sort();
  return Object.fromEntries([...new Set(names)].map((name) => [name, names.filter((each) => each === name).length]));
}

/** In a fixed order: concurrent requests arrive in any order. */
const sorted = <T extends Read | Write>(all: T[]): T[] =>
  all.toSorted((a, b) => (JSON.stringify({ ...a, bytes: 0 }) < JSON.stringify({ ...b, bytes: 0 }) ? -1 : 1));

function readsIn({ operation, input, output }: Exchange): Read[] {
  const read = (items: Item[], isConsistent: boolean): Read => ({
    operation,
    items: [...new Set(items.map(kindOf))],
    bytes: items.reduce((sum, item) => sum + sizeOf(item), 0),
    units: readUnits(items, isConsistent),
  });
  switch (operation) {
    case 'GetItem':
      return [read(output.Item ? [output.Item] : [], input.ConsistentRead === true)];
    case 'Query':
      return [read(output.Items ?? [], input.ConsistentRead === true)];
    case 'BatchGetItem':
      return Object.entries<Json>(input.RequestItems).flatMap(([table, { Keys, ConsistentRead }]) => {
        const found: Item[] = output.Responses?.[table] ?? [];
        // Each read is rounded up separately, and charged even if the item does not exist.
        const byName = new Map(found.map((item) => [nameOf(item), item]));
        return (Keys as Item[]).map((key) => {
          const item = byName.get(nameOf(key));
          return { ...read(item ? [item] : [], ConsistentRead === true), items: [kindOf(key)] };
        });
      });
    default:
      return [];
  }
}

/** A write. `result` is the item after it, if the request contains it. */
type Written = { operation: string; key: Item; result: Item | 'update' | undefined; factor: 1 | 2 };

function writesIn({ operation, input }: Exchange): Written[] {
  const written = (name: string, { Item, Key }: Json, factor: 1 | 2): Written => ({
    operation,
    key: Item ?? Key,
    result: name.startsWith('Update') ? 'update' : Item,
    factor,
  });
  if (operation === 'TransactWriteItems') {
    return (input.TransactItems as Json[]).flatMap((action) =>
      Object.entries<Json>(action).map(([name, content]) => written(name, content, 2)),
    );
  }
  return ['PutItem', 'UpdateItem', 'DeleteItem'].includes(operation) ? [written(operation, input, 1)] : [];
}
