import type { Item } from '../../local/dynamodb/dynamodb-store.ts';
import { sizeOf } from '../growth/wire-items.ts';

/**
 * What a request to DynamoDB is paid for by, in units of on-demand tables (DynamoDB Developer Guide, "On-demand capacity
 * mode" and "Global secondary indexes: write throughput").
 */

const READ_UNIT_BYTES = 4096;
const WRITE_UNIT_BYTES = 1024;

/** A global secondary index, by the attributes that are its keys; it has all attributes of an item. */
export type Index = { name: string; hash: string; range?: string };

/** A read of these items at once; one that finds nothing is paid for as well. */
export function readUnits(items: readonly Item[], isConsistent: boolean): number {
  const bytes = items.reduce((sum, item) => sum + sizeOf(item), 0);
  return Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)) * (isConsistent ? 1 : 0.5);
}

const unitsOf = (item: Item | undefined): number => (item ? Math.ceil(sizeOf(item) / WRITE_UNIT_BYTES) : 0);

/**
 * A write, in the table and in each index that has to do with it. It is as large as the larger of what was there and what
 * is; a key that changes in an index is one write to take the item away there and one to put it.
 *
 * @param factor 2 in a transaction, in which indexes have no part
 */
export function writeUnits(
  before: Item | undefined,
  after: Item | undefined,
  indexes: readonly Index[],
  factor: 1 | 2,
): Record<string, number> {
  const larger = Math.max(1, unitsOf(before), unitsOf(after));
  const inIndexes = indexes.flatMap((index): [string, number][] => {
    const [was, is] = [keyIn(before, index), keyIn(after, index)];
    if (was === undefined && is === undefined) return [];
    if (was === is) return [[index.name, larger]];
    return [[index.name, (was === undefined ? 0 : unitsOf(before)) + (is === undefined ? 0 : unitsOf(after))]];
  });
  return { table: factor * larger, ...Object.fromEntries(inIndexes) };
}

/** Undefined for what is not in the index. */
function keyIn(item: Item | undefined, { hash, range }: Index): string | undefined {
  const parts = [hash, ...(range === undefined ? [] : [range])].map((name) => item?.[name]);
  return parts.some((part) => part === undefined) ? undefined : JSON.stringify(parts);
}

type KeySchema = { AttributeName: string; KeyType: string }[];
type IndexProperties = { IndexName: string; KeySchema: KeySchema; Projection: { ProjectionType?: string } };

/**
 * @param table the properties of the template's table
 * @throws Error for an index that has not all attributes, which is not accounted for here
 */
export function indexesOf({ GlobalSecondaryIndexes = [] }: { GlobalSecondaryIndexes?: IndexProperties[] }): Index[] {
  return GlobalSecondaryIndexes.map(({ IndexName: name, KeySchema, Projection }) => {
    if (Projection.ProjectionType !== 'ALL') throw new Error(`The index ${name} has not all attributes of its items`);
    const key = (type: string) => KeySchema.find(({ KeyType }) => KeyType === type)?.AttributeName;
    const range = key('RANGE');
    return { name, hash: key('HASH')!, ...(range !== undefined && { range }) };
  });
}
