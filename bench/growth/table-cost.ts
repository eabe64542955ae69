/** What some work asks of the table. */
export type Cost = {
  /** Requests by operation. */
  requests: Record<string, number>;
  /** Items that were read, and their bytes as DynamoDB counts them. */
  items: number;
  bytes: number;
  /** A read unit is 4 KB of a consistent read, 8 KB of one that may be a moment behind. */
  readUnits: number;
  /** A write unit is 1 KB of an item, once for the table and once for each index that the item is in. */
  writeUnits: number;
};

export const noCost = (): Cost => ({ requests: {}, items: 0, bytes: 0, readUnits: 0, writeUnits: 0 });

export const requestsIn = ({ requests }: Cost): number =>
  Object.values(requests).reduce((sum, count) => sum + count, 0);
