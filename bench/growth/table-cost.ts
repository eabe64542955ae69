/** The requests to the table. */
export type Cost = {
  /** Requests by operation. */
  requests: Record<string, number>;
  /** Items read, and their bytes as DynamoDB counts them. */
  items: number;
  bytes: number;
  /** A read unit is 4 KB of a strongly consistent read, 8 KB of an eventually consistent one. */
  readUnits: number;
  /** A write unit is 1 KB of an item, for the table and for each index that contains the item. */
  writeUnits: number;
};

export const noCost = (): Cost => ({ requests: {}, items: 0, bytes: 0, readUnits: 0, writeUnits: 0 });

export const requestsIn = ({ requests }: Cost): number =>
  Object.values(requests).reduce((sum, count) => sum + count, 0);
