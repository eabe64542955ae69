import type { Json } from '../../aws-api/aws-error.ts';
import { type AttributeValue, attributeOf, emptyMap, type Item } from '../attribute-value.ts';
import { validateItem } from '../attribute-value-reader.ts';
import { fulfils } from '../expressions/condition-evaluation.ts';
import { type Condition, parseCondition, pathsIn } from '../expressions/condition-expression.ts';
import type { DocumentPath } from '../expressions/document-path.ts';
import { parseProjection, project } from '../expressions/projection-expression.ts';
import { checkKey, checkKeyAttribute, checkKeyPaths } from '../item-keys.ts';
import { itemSize, pageBytes } from '../item-size.ts';
import type { ItemStore } from '../item-store.ts';
import { after, indexStorageKey, type KeyRange, storageKey } from '../key-encoding.ts';
import { type RequestReader, resourceName } from '../request-reader.ts';
import {
  type Index,
  indexesOf,
  type KeyAttribute,
  type Keys,
  keysOf,
  projectedNames,
  type TableDefinition,
} from '../table-definition.ts';
import { invalidParameter, validationError } from '../validation-error.ts';
import { capacityParameter, type ReturnConsumedCapacity, readUnits } from './consumed-capacity.ts';
import type { RequestExpressions } from './request-expressions.ts';

/** The common part of queries and scans: they read a page of a table or of an index, filter it and project it. */
export type PageRequest = {
  TableName: string;
  IndexName: string | undefined;
  Limit: number | undefined;
  ConsistentRead: boolean;
  ExclusiveStartKey: Item | undefined;
  select: string | undefined;
  capacity: ReturnConsumedCapacity;
  filter?: Condition;
  projection?: DocumentPath[];
};

const selections = ['SPECIFIC_ATTRIBUTES', 'COUNT', 'ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES'];

/** The parameters that queries and scans share, without the expressions. */
export function pageParameters(reader: RequestReader): PageRequest {
  return {
    TableName: reader.tableName(),
    IndexName: reader.string('IndexName', resourceName),
    Limit: reader.integer('Limit', { min: 1 }),
    ConsistentRead: reader.boolean('ConsistentRead'),
    ExclusiveStartKey: reader.item('ExclusiveStartKey'),
    select: reader.string('Select', { values: selections }),
    capacity: capacityParameter(reader),
  };
}

/** Parses the expressions that queries and scans share. @throws AwsError ValidationException */
export function parsePageExpressions(request: PageRequest, expressions: RequestExpressions): PageRequest {
  if (request.ExclusiveStartKey) validateItem(request.ExclusiveStartKey);
  const filter = expressions.parse('FilterExpression', parseCondition);
  const projection = expressions.parse('ProjectionExpression', parseProjection);
  expressions.finish();
  checkSelection(request, projection);
  return { ...request, filter, projection };
}

function checkSelection({ select, IndexName }: PageRequest, projection: DocumentPath[] | undefined): void {
  if (select === 'SPECIFIC_ATTRIBUTES' && !projection) {
    throw validationError(
      'Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES',
    );
  }
  if (select === 'ALL_PROJECTED_ATTRIBUTES' && IndexName === undefined) {
    throw validationError('ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName');
  }
  if (projection && select !== undefined && select !== 'SPECIFIC_ATTRIBUTES') {
    throw validationError(
      `Cannot specify the ProjectionExpression when choosing to get ${select === 'COUNT' ? 'only the Count' : select}`,
    );
  }
}

/** The table, or the index of it, that a page is read from. */
export type Place = {
  table: TableDefinition;
  index: Index | undefined;
  isLocal: boolean;
  keys: Keys;
  /** The attributes of `LastEvaluatedKey`: the keys of the index and of the table. */
  startKeys: readonly KeyAttribute[];
};

/** @throws AwsError ResourceNotFoundException, ValidationException */
export function placeOf(store: ItemStore, request: PageRequest): Place {
  const { IndexName } = request;
  const table = store.table(request.TableName);
  const tableKeys = keysOf(table);
  if (IndexName === undefined) {
    return { table, index: undefined, isLocal: false, keys: keysOf(table), startKeys: tableKeys };
  }
  const index = indexesOf(table).find((each) => each.IndexName === IndexName);
  if (!index) throw validationError(`The table does not have the specified index: ${IndexName}`);
  const isLocal = table.LocalSecondaryIndexes?.includes(index) ?? false;
  const keys = keysOf(table, index.KeySchema);
  const further = keys.filter(({ name }) => tableKeys.every((each) => each.name !== name));
  const place = { table, index, isLocal, keys, startKeys: [...tableKeys, ...further] };
  checkGlobalIndex(place, request);
  return place;
}

function checkGlobalIndex({ table, index, isLocal }: Place, request: PageRequest): void {
  if (!index || isLocal) return;
  if (request.ConsistentRead) {
    throw validationError('Consistent reads are not supported on global secondary indexes');
  }
  if (request.select === 'ALL_ATTRIBUTES' && projectedNames(table, index)) {
    throw invalidParameter(
      `Select type ALL_ATTRIBUTES is not supported for global secondary index ${index.IndexName} ` +
        'because its projection type is not ALL',
    );
  }
}

/** @throws AwsError ValidationException when an expression leads into a key */
export function checkPagePaths({ filter, projection }: PageRequest, { table }: Place): void {
  if (projection) checkKeyPaths(projection, table);
  if (filter) checkKeyPaths(pathsIn(filter), table);
}

/** @throws AwsError ValidationException unless the key of an item of this place is given, and nothing else */
export function checkStartKey(startKey: Item, { table, index, keys, startKeys }: Place): void {
  const invalid = (why: string) => validationError(`The provided starting key is invalid${why}`);
  if (Object.keys(startKey).length !== startKeys.length) throw invalid('');
  if (startKeys.some(({ name }) => !attributeOf(startKey, name))) throw invalid('');
  if (index) for (const key of keys) checkKeyAttribute(startKey, key);
  const tableKeys = keysOf(table);
  try {
    checkKey(part(startKey, tableKeys), tableKeys);
  } catch (error) {
    throw invalid(`: ${(error as Error).message}`);
  }
}

/** Reads the first page of `range`, or the first page after the start key, in either direction. */
export function readPage(
  store: ItemStore,
  request: PageRequest,
  place: Place,
  range: KeyRange,
  isReverse: boolean,
): Json {
  const { TableName, IndexName, Limit = Number.POSITIVE_INFINITY } = request;
  const rest = restOf(range, request.ExclusiveStartKey, place, isReverse);
  const projected = place.index && projectedNames(place.table, place.index);
  const fetches = projected !== undefined && place.isLocal && needsMore(request, projected);

  const found: Item[] = [];
  let [count, bytes, fetchedBytes] = [0, 0, 0];
  let lastKey: Item | undefined;
  for (const item of store.range(TableName, IndexName, rest, isReverse)) {
    const visible = projected ? onlyThe(projected, item) : item;
    count++;
    bytes += itemSize(visible);
    if (fetches) fetchedBytes += itemSize(item);
    const read = fetches ? item : visible;
    if (!request.filter || fulfils(read, request.filter)) found.push(read);
    if (count >= Limit || bytes >= pageBytes) {
      lastKey = part(item, place.startKeys);
      break;
    }
  }

  return {
    Items: selectedItems(request, found),
    Count: found.length,
    ScannedCount: count,
    LastEvaluatedKey: lastKey,
    ConsumedCapacity: pageCapacity(request, place, bytes, fetchedBytes),
  };
}

function selectedItems({ select, projection }: PageRequest, found: Item[]): Item[] | undefined {
  if (select === 'COUNT') return undefined;
  return projection ? found.map((item) => project(item, projection)) : found;
}

function restOf({ from, to }: KeyRange, startKey: Item | undefined, place: Place, isReverse: boolean): KeyRange {
  if (!startKey) return { from, to };
  const { table, index, keys } = place;
  const key = index ? indexStorageKey(startKey, keys, keysOf(table)) : storageKey(startKey, keys);
  return isReverse ? { from, to: key } : { from: after(key), to };
}

/** Whether a local index has to fetch attributes from its table because it does not project them. */
function needsMore({ select, projection }: PageRequest, projected: Set<string>): boolean {
  return select === 'ALL_ATTRIBUTES' || (projection?.some(([name]) => !projected.has(name)) ?? false);
}

function onlyThe(names: Set<string>, item: Item): Item {
  const visible = emptyMap();
  for (const name of Object.keys(item)) if (names.has(name)) visible[name] = item[name]!;
  return visible;
}

function part(item: Item, keys: readonly KeyAttribute[]): Item {
  return Object.fromEntries(keys.map(({ name }): [string, AttributeValue] => [name, item[name]!]));
}

function pageCapacity(request: PageRequest, { index, isLocal }: Place, bytes: number, fetchedBytes: number) {
  const { capacity, TableName, ConsistentRead } = request;
  if (capacity !== 'INDEXES' && capacity !== 'TOTAL') return undefined;
  const read = readUnits(bytes, ConsistentRead);
  const tableUnits = index ? readUnits(fetchedBytes, ConsistentRead) : read;
  const indexUnits = index ? read : 0;
  const indexes = isLocal ? 'LocalSecondaryIndexes' : 'GlobalSecondaryIndexes';
  return {
    CapacityUnits: tableUnits + indexUnits,
    TableName,
    ...(capacity === 'INDEXES' && {
      Table: { CapacityUnits: tableUnits },
      ...(index && { [indexes]: { [index.IndexName]: { CapacityUnits: indexUnits } } }),
    }),
  };
}
