import batchGetItem from 'dynalite/actions/batchGetItem.js';
import batchWriteItem from 'dynalite/actions/batchWriteItem.js';
import deleteItem from 'dynalite/actions/deleteItem.js';
import getItem from 'dynalite/actions/getItem.js';
import putItem from 'dynalite/actions/putItem.js';
import query from 'dynalite/actions/query.js';
import scan from 'dynalite/actions/scan.js';
import updateItem from 'dynalite/actions/updateItem.js';
import dynalite from 'dynalite/db/index.js';
import batchGetItemRules from 'dynalite/validations/batchGetItem.js';
import batchWriteItemRules from 'dynalite/validations/batchWriteItem.js';
import createTableRules from 'dynalite/validations/createTable.js';
import deleteItemRules from 'dynalite/validations/deleteItem.js';
import getItemRules from 'dynalite/validations/getItem.js';
import validations from 'dynalite/validations/index.js';
import putItemRules from 'dynalite/validations/putItem.js';
import queryRules from 'dynalite/validations/query.js';
import scanRules from 'dynalite/validations/scan.js';
import updateItemRules from 'dynalite/validations/updateItem.js';
import { AwsError, type Json } from '../aws-api/aws-error.ts';
import type { Item, Store, TableDefinition } from './dynamodb-store.ts';

/** dynalite has no condition check; it is a delete that deletes nothing. */
const conditionCheck: typeof deleteItem = (store, data, callback) => {
  const { TableName, Key } = data as { TableName: string; Key: Item };
  (store as Store).getTable(TableName, (error, definition) => {
    if (error) return callback(error);
    const table = definition as TableDefinition;
    const invalid = dynalite.validateKey(Key, table);
    callback(invalid ?? dynalite.checkConditional(data, (store as Store).find(TableName, Key)) ?? null, {});
  });
};

const operations = {
  BatchGetItem: { action: batchGetItem, rules: batchGetItemRules },
  BatchWriteItem: { action: batchWriteItem, rules: batchWriteItemRules },
  ConditionCheckItem: { action: conditionCheck, rules: deleteItemRules },
  DeleteItem: { action: deleteItem, rules: deleteItemRules },
  GetItem: { action: getItem, rules: getItemRules },
  PutItem: { action: putItem, rules: putItemRules },
  Query: { action: query, rules: queryRules },
  Scan: { action: scan, rules: scanRules },
  UpdateItem: { action: updateItem, rules: updateItemRules },
};

export type DataOperation = keyof typeof operations;

/** A request that has passed every check that needs neither tables nor items; expressions are parsed. */
export type ParsedRequest = {
  operation: DataOperation;
  data: ParsedData;
  /** `ReturnValuesOnConditionCheckFailure: ALL_OLD` */
  showsItemOnFailure: boolean;
};

/** The members of dynalite's parsed requests that are read outside dynalite. */
export type ParsedData = {
  TableName: string;
  IndexName?: string;
  Key?: Item;
  Item?: Item;
  KeyConditions?: Record<string, { AttributeValueList: Item[string][] }>;
  RequestItems?: Record<string, unknown>;
};

export function isDataOperation(operation: string): operation is DataOperation {
  return Object.hasOwn(operations, operation);
}

/** @throws AwsError ValidationException or SerializationException, in DynamoDB's words */
export function parse(store: Store, operation: DataOperation, input: Json): ParsedRequest {
  return {
    operation,
    data: checked(store, input, operations[operation].rules) as ParsedData,
    showsItemOnFailure: input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD',
  };
}

/** The definition of a table as DynamoDB would accept it. @throws AwsError ValidationException */
export function parseTable(store: Store, input: Json): TableDefinition {
  return checked(store, input, createTableRules) as TableDefinition;
}

/**
 * Carries out one request against the store, synchronously.
 *
 * @throws AwsError as DynamoDB answers it. What was written by then is not taken back: see `Store.atomically`.
 */
export function perform(store: Store, { operation, data, showsItemOnFailure }: ParsedRequest): object {
  let outcome: { error: Error | null; answer: object | undefined } | undefined;
  operations[operation].action(store, data, (error, answer) => {
    outcome = { error, answer };
  });
  store.flow();
  // Only a query of a local index that does not project the wanted attributes goes through a queue of dynalite's.
  if (!outcome) throw new AwsError('ValidationException', 'This query of a local index is not supported locally.');
  if (!outcome.error) return outcome.answer ?? {};
  const error = asAwsError(outcome.error);
  if (!showsItemOnFailure || error.code !== 'ConditionalCheckFailedException') throw error;
  const item = store.find(data.TableName, data.Key ?? data.Item!);
  throw new AwsError(error.code, error.message, { details: item && { Item: item } });
}

/** Removes an item that is there, from its indexes too. */
export function remove(store: Store, table: TableDefinition, item: Item): void {
  const Key = Object.fromEntries(table.KeySchema.map(({ AttributeName }) => [AttributeName, item[AttributeName]!]));
  perform(store, { operation: 'DeleteItem', data: { TableName: table.TableName, Key }, showsItemOnFailure: false });
}

function checked(store: Store, input: Json, rules: { types: object; custom?: unknown }): Json {
  try {
    // A copy, because dynalite deletes members it does not know.
    const data = validations.checkTypes(structuredClone(input), rules.types);
    validations.checkValidations(data, rules.types, rules.custom, store);
    return data;
  } catch (error) {
    throw asAwsError(error);
  }
}

function asAwsError(error: unknown): AwsError {
  const { body } = error as { body?: { __type: string; message?: string; Message?: string } };
  if (!body) throw error;
  return new AwsError(body.__type.split('#').at(-1)!, body.message ?? body.Message ?? '');
}
