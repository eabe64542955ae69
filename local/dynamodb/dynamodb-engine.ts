import type { Json } from '../aws-api/aws-error.ts';
import type { Store } from './dynamodb-store.ts';
import { batchGetItem, batchWriteItem } from './operations/batch-operations.ts';
import { conditionCheck, deleteItem, getItem, putItem, updateItem } from './operations/item-operations.ts';
import type { Prepared } from './operations/parsed-request.ts';
import { query } from './operations/query.ts';
import { scan } from './operations/scan.ts';

/** The operations on items, each with its parser. */
const operations = {
  BatchGetItem: batchGetItem,
  BatchWriteItem: batchWriteItem,
  ConditionCheckItem: conditionCheck,
  DeleteItem: deleteItem,
  GetItem: getItem,
  PutItem: putItem,
  Query: query,
  Scan: scan,
  UpdateItem: updateItem,
} satisfies Record<string, (input: Json) => Prepared>;

export type DataOperation = keyof typeof operations;

export type ParsedRequest = Prepared & { operation: DataOperation };

export function isDataOperation(operation: string): operation is DataOperation {
  return Object.hasOwn(operations, operation);
}

/** @throws AwsError ValidationException or SerializationException, in DynamoDB's words */
export function parse(operation: DataOperation, input: Json): ParsedRequest {
  return { operation, ...operations[operation](input) };
}

/**
 * Performs one request against the store, synchronously. Does not roll back the writes of a request that fails: see
 * `Store.atomically`.
 *
 * @throws AwsError with DynamoDB's code and message
 */
export function perform(store: Store, request: ParsedRequest): object {
  return request.perform(store);
}
