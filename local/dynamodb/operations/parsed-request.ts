import type { Item } from '../attribute-value.ts';
import type { KeyCondition } from '../expressions/key-condition.ts';
import type { ItemStore } from '../item-store.ts';

/** The parameters of a request that IAM and the benchmarks read. */
export type RequestData = {
  /** Missing in batches. */
  TableName?: string;
  IndexName?: string;
  Key?: Item;
  Item?: Item;
  KeyConditions?: Record<string, KeyCondition>;
  RequestItems?: Record<string, unknown>;
  Limit?: number;
  ScanIndexForward?: boolean;
  ConsistentRead?: boolean;
  ExclusiveStartKey?: Item;
};

/** A request that has passed every check that needs neither tables nor items; expressions are parsed. */
export type Prepared = {
  data: RequestData;
  /**
   * Performs the request synchronously. Does not roll back the writes of a request that fails: see `Store.atomically`.
   *
   * @throws AwsError as DynamoDB answers it
   */
  perform(store: ItemStore): object;
};
