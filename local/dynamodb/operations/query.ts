import type { Json } from '../../aws-api/aws-error.ts';
import { attributeOf, compareValues, type Item, isEqual } from '../attribute-value.ts';
import { beginsWith } from '../expressions/condition-evaluation.ts';
import { pathsIn } from '../expressions/condition-expression.ts';
import { type KeyCondition, parseKeyConditions } from '../expressions/key-condition.ts';
import { everythingIn, type KeyRange, partitionPrefix, sortKeyRange } from '../key-encoding.ts';
import { RequestReader } from '../request-reader.ts';
import type { KeyAttribute } from '../table-definition.ts';
import { invalidParameter, validationError } from '../validation-error.ts';
import {
  checkPagePaths,
  checkStartKey,
  type PageRequest,
  type Place,
  pageParameters,
  parsePageExpressions,
  placeOf,
  readPage,
} from './item-pages.ts';
import type { Prepared } from './parsed-request.ts';
import { RequestExpressions } from './request-expressions.ts';

type KeyConditions = Record<string, KeyCondition>;

export function query(input: Json): Prepared {
  const reader = new RequestReader(input);
  const parameters = pageParameters(reader);
  const isReverse = reader.has('ScanIndexForward') && !reader.boolean('ScanIndexForward');
  const expressions = new RequestExpressions(reader, [
    'ProjectionExpression',
    'FilterExpression',
    'KeyConditionExpression',
  ]);
  reader.finish();
  const KeyConditions = expressions.parse('KeyConditionExpression', parseKeyConditions);
  if (!KeyConditions) {
    throw validationError(
      'Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.',
    );
  }
  const request = parsePageExpressions(parameters, expressions);
  const { TableName, IndexName, Limit, ConsistentRead, ExclusiveStartKey } = request;
  return {
    data: {
      TableName,
      IndexName,
      KeyConditions,
      Limit,
      ConsistentRead,
      ExclusiveStartKey,
      ScanIndexForward: !isReverse,
    },
    perform(store) {
      const place = placeOf(store, request);
      checkConditions(KeyConditions, place);
      if (ExclusiveStartKey) checkStart(ExclusiveStartKey, KeyConditions, place);
      checkPagePaths(request, place);
      checkFilter(request, place);
      return readPage(store, request, place, rangeOf(KeyConditions, place), isReverse);
    },
  };
}

/** @throws AwsError ValidationException unless the conditions are on the keys of the place */
function checkConditions(conditions: KeyConditions, { keys: [partition, sort] }: Place): void {
  const ofPartition = conditions[partition.name];
  if (!ofPartition) throw validationError(`Query condition missed key schema element: ${partition.name}`);
  if (ofPartition.ComparisonOperator !== 'EQ') throw validationError('Query key condition not supported');
  checkType(ofPartition, partition);
  if (Object.keys(conditions).length === 1) return;
  if (!sort) throw validationError('Query key condition not supported');
  const ofSort = conditions[sort.name];
  if (!ofSort) throw validationError(`Query condition missed key schema element: ${sort.name}`);
  checkType(ofSort, sort);
}

function checkType({ ComparisonOperator, AttributeValueList }: KeyCondition, { type }: KeyAttribute): void {
  if (AttributeValueList.some((value) => value[type] === undefined)) {
    throw invalidParameter('Condition parameter type does not match schema type');
  }
  if (ComparisonOperator === 'BEGINS_WITH' && type === 'N') {
    throw invalidParameter('ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type');
  }
}

/** @throws AwsError ValidationException unless a page of this query can end with the key */
function checkStart(startKey: Item, conditions: KeyConditions, place: Place): void {
  checkStartKey(startKey, place);
  const [partition, sort] = place.keys;
  const isInPartition = isEqual(startKey[partition.name]!, conditions[partition.name]!.AttributeValueList[0]!);
  const ofSort = sort && conditions[sort.name];
  if (ofSort && !isFulfilled(ofSort, startKey, sort)) {
    throw validationError('The provided starting key does not match the range key predicate');
  }
  if (!isInPartition) {
    throw validationError('The provided starting key is outside query boundaries based on provided conditions');
  }
}

function isFulfilled({ ComparisonOperator, AttributeValueList }: KeyCondition, key: Item, { name }: KeyAttribute) {
  const [first, second] = AttributeValueList;
  const value = attributeOf(key, name)!;
  const order = compareValues(value, first!)!;
  switch (ComparisonOperator) {
    case 'EQ':
      return order === 0;
    case 'LT':
      return order < 0;
    case 'LE':
      return order <= 0;
    case 'GT':
      return order > 0;
    case 'GE':
      return order >= 0;
    case 'BETWEEN':
      return order >= 0 && compareValues(value, second!)! <= 0;
    case 'BEGINS_WITH':
      return beginsWith(value, first!);
  }
}

/** @throws AwsError ValidationException when a filter is on a key, which a key condition would be for */
function checkFilter({ filter }: PageRequest, { keys }: Place): void {
  if (!filter) return;
  const filtered = new Set(pathsIn(filter).map(([name]) => name));
  const key = keys.find(({ name }) => filtered.has(name));
  if (!key) return;
  throw validationError(
    `Filter Expression can only contain non-primary key attributes: Primary key attribute: ${key.name}`,
  );
}

function rangeOf(conditions: KeyConditions, { keys: [partition, sort] }: Place): KeyRange {
  const prefix = partitionPrefix(conditions[partition.name]!.AttributeValueList[0]!, partition.type);
  const ofSort = sort && conditions[sort.name];
  if (!ofSort) return everythingIn(prefix);
  return sortKeyRange(prefix, sort, ofSort.ComparisonOperator, ofSort.AttributeValueList);
}
