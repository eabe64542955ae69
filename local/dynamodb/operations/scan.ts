import type { Json } from '../../aws-api/aws-error.ts';
import type { Item } from '../attribute-value.ts';
import { indexStorageKey, type KeyRange, segmentRange, storageKey } from '../key-encoding.ts';
import { RequestReader } from '../request-reader.ts';
import { keysOf } from '../table-definition.ts';
import { validationError } from '../validation-error.ts';
import {
  checkPagePaths,
  checkStartKey,
  type Place,
  pageParameters,
  parsePageExpressions,
  placeOf,
  readPage,
} from './item-pages.ts';
import type { Prepared } from './parsed-request.ts';
import { RequestExpressions } from './request-expressions.ts';

export function scan(input: Json): Prepared {
  const reader = new RequestReader(input);
  const parameters = pageParameters(reader);
  const segment = reader.integer('Segment', { min: 0 });
  const totalSegments = reader.integer('TotalSegments', { min: 1 });
  const expressions = new RequestExpressions(reader, ['ProjectionExpression', 'FilterExpression']);
  reader.finish();
  checkSegments(segment, totalSegments);
  const request = parsePageExpressions(parameters, expressions);
  const { TableName, IndexName, ExclusiveStartKey } = request;
  return {
    data: { TableName, IndexName },
    perform(store) {
      const place = placeOf(store, request);
      const range = segmentRange(segment ?? 0, totalSegments ?? 1);
      if (ExclusiveStartKey) checkStart(ExclusiveStartKey, place, range);
      checkPagePaths(request, place);
      return readPage(store, request, place, range, false);
    },
  };
}

function checkSegments(segment: number | undefined, total: number | undefined): void {
  if (segment !== undefined && total === undefined) {
    throw validationError(
      'The TotalSegments parameter is required but was not present in the request when Segment parameter is present',
    );
  }
  if (total === undefined) return;
  if (segment === undefined) {
    throw validationError(
      'The Segment parameter is required but was not present in the request when parameter TotalSegments is present',
    );
  }
  if (segment >= total) {
    throw validationError(
      'The Segment parameter is zero-based and must be less than parameter TotalSegments: ' +
        `Segment: ${segment} is not less than TotalSegments: ${total}`,
    );
  }
}

function checkStart(startKey: Item, place: Place, { from, to }: KeyRange): void {
  checkStartKey(startKey, place);
  const { table, index, keys } = place;
  const key = index ? indexStorageKey(startKey, keys, keysOf(table)) : storageKey(startKey, keys);
  if (key >= from && key < to) return;
  throw validationError(
    'The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment.',
  );
}
