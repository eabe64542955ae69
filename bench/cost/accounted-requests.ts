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
 * What the requests are paid for. A request does not tell what it has written over, so that is followed from the table as
 * it was before; what an update has made of an item is taken from the table as it is after all of them.
 */
export function accounted(
  exchanges: readonly Exchange[],
  { before, after, indexes }: { before: Snapshot; after: Snapshot; indexes: readonly Index[] },
): Omit<Work, 'logBytes'> {
  const toTable = exchanges.filter(({ service }) => service === 'dynamodb');
  const state = new Map(before);
  const writes = toTable.flatMap(writesIn).map(({ operation, key, makes, factor }): Write => {
    const name = nameOf(key);
    const was = state.get(name);
    const is = makes === 'update' ? after.get(name) : makes;
    if (is) state.set(name, is);
    else state.delete(name);
    const bytes = Math.max(...[was, is].map((item) => (item ? sizeOf(item) : 0)));
    return { operation, item: kindOf(key), bytes, units: writeUnits(was, is, indexes, factor) };
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

/** What is asked at the same time comes in any order. */
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
        // Each is rounded up by itself, and paid for if there is nothing.
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

/** What is written where. `makes` is the item that is there then, if the request says it. */
type Written = { operation: string; key: Item; makes: Item | 'update' | undefined; factor: 1 | 2 };

function writesIn({ operation, input }: Exchange): Written[] {
  const written = (name: string, { Item, Key }: Json, factor: 1 | 2): Written => ({
    operation,
    key: Item ?? Key,
    makes: name.startsWith('Update') ? 'update' : Item,
    factor,
  });
  if (operation === 'TransactWriteItems') {
    return (input.TransactItems as Json[]).flatMap((part) =>
      Object.entries<Json>(part).map(([name, content]) => written(name, content, 2)),
    );
  }
  return ['PutItem', 'UpdateItem', 'DeleteItem'].includes(operation) ? [written(operation, input, 1)] : [];
}
