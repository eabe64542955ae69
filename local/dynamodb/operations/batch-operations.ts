import type { Json } from '../../aws-api/aws-error.ts';
import type { Item } from '../attribute-value.ts';
import { validateItem } from '../attribute-value-reader.ts';
import type { DocumentPath } from '../expressions/document-path.ts';
import { parseProjection, project } from '../expressions/projection-expression.ts';
import { checkItemKeys, checkKey, checkKeyPaths } from '../item-keys.ts';
import { checkItemSize, itemSize, pageBytes } from '../item-size.ts';
import type { ItemStore } from '../item-store.ts';
import { storageKey } from '../key-encoding.ts';
import { RequestReader } from '../request-reader.ts';
import { keysOf } from '../table-definition.ts';
import { validationError } from '../validation-error.ts';
import {
  capacityParameter,
  consumedCapacity,
  itemReadUnits,
  itemWriteUnits,
  type ReturnConsumedCapacity,
} from './consumed-capacity.ts';
import type { Prepared } from './parsed-request.ts';
import { RequestExpressions } from './request-expressions.ts';

const maxGets = 100;
const maxWrites = 25;

type Gets = { Keys: Item[]; ConsistentRead: boolean; projection: DocumentPath[] | undefined; input: Json };
type Write = { PutRequest?: { Item: Item }; DeleteRequest?: { Key: Item } };

export function batchGetItem(input: Json): Prepared {
  const reader = new RequestReader(input);
  const read = reader.entries('RequestItems', (map, table) => map.structure(table, { required: true }, getsOf)!);
  const capacity = capacityParameter(reader);
  reader.finish();
  const RequestItems = Object.fromEntries(
    [...read].map(([table, { expressions, ...gets }]): [string, Gets] => {
      for (const key of gets.Keys) validateItem(key);
      const projection = expressions.parse('ProjectionExpression', parseProjection);
      expressions.finish();
      return [table, { ...gets, projection, input: (input.RequestItems as Record<string, Json>)[table]! }];
    }),
  );
  if (total(RequestItems, ({ Keys }) => Keys) > maxGets) {
    throw validationError('Too many items requested for the BatchGetItem call');
  }
  return {
    data: { RequestItems },
    perform: (store) => getAll(store, RequestItems, capacity),
  };
}

function getsOf(reader: RequestReader) {
  return {
    Keys: reader.items('Keys', { required: true, minLength: 1, maxLength: maxGets })!,
    ConsistentRead: reader.boolean('ConsistentRead'),
    expressions: new RequestExpressions(reader, ['ProjectionExpression']),
  };
}

function getAll(store: ItemStore, requests: Record<string, Gets>, capacity: ReturnConsumedCapacity): object {
  const tables = Object.entries(requests).map(([table, gets]) => ({ table, gets, ...getFrom(store, table, gets) }));
  const incomplete = tables.filter(({ unprocessed }) => unprocessed.length > 0);
  return {
    Responses: Object.fromEntries(tables.map(({ table, found }) => [table, found])),
    UnprocessedKeys: Object.fromEntries(
      incomplete.map(({ table, gets, unprocessed }) => [table, { ...gets.input, Keys: unprocessed }]),
    ),
    ConsumedCapacity: capacities(tables, capacity),
  };
}

/** In the order of the store, which is not that of the request. A table counts as one partition, which answers 1 MB. */
function getFrom(store: ItemStore, table: string, { Keys, ConsistentRead, projection }: Gets) {
  const definition = store.table(table);
  const keys = keysOf(definition);
  if (projection) checkKeyPaths(projection, definition);
  for (const key of Keys) checkKey(key, keys);
  const byKey = new Map(Keys.map((key) => [storageKey(key, keys), key]));
  if (byKey.size < Keys.length) throw validationError('Provided list of item keys contains duplicates');

  const found: Item[] = [];
  const unprocessed: Item[] = [];
  let [bytes, units] = [0, 0];
  for (const [, key] of [...byKey].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (bytes >= pageBytes) {
      unprocessed.push(key);
      continue;
    }
    const item = store.find(table, key);
    units += itemReadUnits(item, ConsistentRead);
    if (!item) continue;
    bytes += itemSize(item);
    found.push(projection ? project(item, projection) : item);
  }
  return { found, unprocessed, units };
}

export function batchWriteItem(input: Json): Prepared {
  const reader = new RequestReader(input);
  const read = reader.entries(
    'RequestItems',
    (map, table) => map.list(table, { required: true, minLength: 1, maxLength: maxWrites }, writeOf)!,
  );
  const capacity = capacityParameter(reader);
  reader.finish();
  const RequestItems = Object.fromEntries(read);
  if (total(RequestItems, (writes) => writes) > maxWrites) {
    throw validationError('Too many items requested for the BatchWriteItem call');
  }
  for (const write of Object.values(RequestItems).flat()) checkWrite(write);
  return {
    data: { RequestItems },
    perform: (store) => writeAll(store, RequestItems, capacity),
  };
}

function writeOf(reader: RequestReader): Write {
  return {
    PutRequest: reader.structure('PutRequest', {}, (put) => ({ Item: put.item('Item', { required: true })! })),
    DeleteRequest: reader.structure('DeleteRequest', {}, (gone) => ({ Key: gone.item('Key', { required: true })! })),
  };
}

function checkWrite({ PutRequest, DeleteRequest }: Write): void {
  if (!PutRequest === !DeleteRequest) {
    throw validationError(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  }
  if (DeleteRequest) validateItem(DeleteRequest.Key);
  if (!PutRequest) return;
  validateItem(PutRequest.Item);
  checkItemSize(PutRequest.Item);
}

function writeAll(store: ItemStore, requests: Record<string, Write[]>, capacity: ReturnConsumedCapacity): object {
  // Every request is checked before the first is carried out.
  for (const [table, writes] of Object.entries(requests)) checkWrites(store, table, writes);
  const tables = Object.entries(requests).map(([table, writes]) => ({
    table,
    units: writes.reduce((sum, write) => sum + carryOut(store, table, write), 0),
  }));
  return { UnprocessedItems: {}, ConsumedCapacity: capacities(tables, capacity) };
}

function checkWrites(store: ItemStore, table: string, writes: Write[]): void {
  const definition = store.table(table);
  const keys = keysOf(definition);
  const seen = new Set<string>();
  for (const { PutRequest, DeleteRequest } of writes) {
    if (PutRequest) checkItemKeys(PutRequest.Item, definition);
    else checkKey(DeleteRequest!.Key, keys);
    seen.add(storageKey(PutRequest?.Item ?? DeleteRequest!.Key, keys));
  }
  if (seen.size < writes.length) throw validationError('Provided list of item keys contains duplicates');
}

/** @returns the units that it takes */
function carryOut(store: ItemStore, table: string, { PutRequest, DeleteRequest }: Write): number {
  const before = store.find(table, PutRequest?.Item ?? DeleteRequest!.Key);
  if (PutRequest) store.put(table, PutRequest.Item);
  else store.remove(table, DeleteRequest!.Key);
  return itemWriteUnits(before, PutRequest?.Item);
}

function total<T>(requests: Record<string, T>, elements: (request: T) => unknown[]): number {
  return Object.values(requests).reduce((sum, request) => sum + elements(request).length, 0);
}

function capacities(tables: { table: string; units: number }[], asked: ReturnConsumedCapacity) {
  const all = tables.map(({ table, units }) => consumedCapacity(asked, table, () => units));
  return all.includes(undefined) ? undefined : all;
}
