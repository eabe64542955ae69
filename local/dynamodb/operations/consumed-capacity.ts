import type { Item } from '../attribute-value.ts';
import { itemSize } from '../item-size.ts';
import type { RequestReader } from '../request-reader.ts';

/** Capacity of requests, without the part that writes to indexes take. */

export type ReturnConsumedCapacity = 'INDEXES' | 'TOTAL' | 'NONE' | undefined;

export function capacityParameter(reader: RequestReader): ReturnConsumedCapacity {
  return reader.string('ReturnConsumedCapacity', { values: ['INDEXES', 'TOTAL', 'NONE'] }) as ReturnConsumedCapacity;
}

const readUnitBytes = 4096;
const writeUnitBytes = 1024;

/** Units of reading so many bytes at once; nothing read takes no unit. */
export function readUnits(bytes: number, isConsistent: boolean): number {
  return Math.ceil(bytes / readUnitBytes) * (isConsistent ? 1 : 0.5);
}

/** Units of reading one item; a missing one takes a unit too. */
export function itemReadUnits(item: Item | undefined, isConsistent: boolean): number {
  return readUnits(item ? itemSize(item) : 1, isConsistent);
}

/** Units of replacing one item: the larger of both counts. */
export function itemWriteUnits(before: Item | undefined, after: Item | undefined): number {
  const units = (item: Item | undefined) => (item ? Math.ceil(itemSize(item) / writeUnitBytes) : 1);
  return Math.max(units(before), units(after));
}

/** The member `ConsumedCapacity`, or nothing when it was not asked for. */
export function consumedCapacity(asked: ReturnConsumedCapacity, tableName: string, units: () => number) {
  if (asked !== 'INDEXES' && asked !== 'TOTAL') return undefined;
  const CapacityUnits = units();
  return { CapacityUnits, TableName: tableName, ...(asked === 'INDEXES' && { Table: { CapacityUnits } }) };
}
