import type { Item } from '../../local/dynamodb/dynamodb-store.ts';
import { sizeOf } from '../growth/wire-items.ts';

/**
 * The capacity units of a DynamoDB request to an on-demand table (DynamoDB Developer Guide, "On-demand capacity
 * mode" and "Global secondary indexes: write throughput").
 */

const READ_UNIT_BYTES = 4096;
const WRITE_UNIT_BYTES = 1024;

/** A global secondary index by its key attributes. It projects all attributes. */
export type Index = { name: string; hash: string; range?: string };

/** One read of these items. A read without a result is charged as well. */
export function readUnits(items: readonly Item[], isConsistent: boolean): number {
  const bytes = items.reduce((sum, item) => sum + sizeOf(item), 0);
  return Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)) * (isConsistent ? 1 : 0.5);
}

const unitsOf = (item: Item | undefined): number => (item ? Math.ceil(sizeOf(item) / WRITE_UNIT_BYTES) : 0);

/**
 * One write, by the table and each index that it affects. The larger of the old and the new item counts. A changed key of
 * an index is one write that deletes the item there and one that puts it.
 *
 * @param factor 2 in a transaction; it does not apply to indexes
 */
export function writeUnits(
  before: Item | undefined,
  after: Item | undefined,
  indexes: readonly Index[],
  factor: 1 | 2,
): Record<string, number> {
  const larger = Math.max(1, unitsOf(before), unitsOf(after));
  const inIndexes = indexes.flatMap((index): [string, number][] => {
    const [oldKey, newKey] = [keyIn(before, index), keyIn(after, index)];
    if (oldKey === undefined && newKey === undefined) return [];
    if (oldKey === newKey) return [[index.name, larger]];
    return [[index.name, (oldKey === undefined ? 0 : unitsOf(before)) + (newKey === undefined ? 0 : unitsOf(after))]];
  });
  return { table: factor * larger, ...Object.fromEntries(inIndexes) };
}

/** Undefined if the item is not in the index. */
function keyIn(item: Item | undefined, { hash, range }: Index): string | undefined {
  const members = [hash, ...(range === undefined ? [] : [range])].map((name) => item?.[name]);
  return members.some((member) => member === undefined) ? undefined : JSON.stringify(members);
}

type KeySchema = { AttributeName: string; KeyType: string }[];
type IndexProperties = { IndexName: string; KeySchema: KeySchema; Projection: { ProjectionType?: string } };

/**
 * @param table the properties of the template's table
 * @throws Error for an index that does not project all attributes, which is not computed here
 */
export function indexesOf({ GlobalSecondaryIndexes = [] }: { GlobalSecondaryIndexes?: IndexProperties[] }): Index[] {
  return GlobalSecondaryIndexes.map(({ IndexName: name, KeySchema, Projection }) => {
    if (Projection.ProjectionType !== 'ALL') throw new Error(`The index ${name} does not project all attributes`);
    const key = (type: string) => KeySchema.find(({ KeyType }) => KeyType === type)?.AttributeName;
    const range = key('RANGE');
    return { name, hash: key('HASH')!, ...(range !== undefined && { range }) };
  });
}
