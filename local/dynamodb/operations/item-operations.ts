import { AwsError, type Json } from '../../aws-api/aws-error.ts';
import type { Item } from '../attribute-value.ts';
import { validateItem } from '../attribute-value-reader.ts';
import { fulfils } from '../expressions/condition-evaluation.ts';
import { type Condition, parseCondition } from '../expressions/condition-expression.ts';
import { parseProjection, project } from '../expressions/projection-expression.ts';
import { applyUpdate } from '../expressions/update-application.ts';
import { parseUpdate, typeSetBy, type UpdateAction } from '../expressions/update-expression.ts';
import { checkIndexKeys, checkItemKeys, checkKey, checkKeyPaths } from '../item-keys.ts';
import { checkItemSize, itemSize, maxItemBytes } from '../item-size.ts';
import type { ItemStore } from '../item-store.ts';
import { RequestReader } from '../request-reader.ts';
import { indexesOf, keysOf, type TableDefinition } from '../table-definition.ts';
import { invalidParameter, validationError } from '../validation-error.ts';
import {
  capacityParameter,
  consumedCapacity,
  itemReadUnits,
  itemWriteUnits,
  type ReturnConsumedCapacity,
} from './consumed-capacity.ts';
import type { Prepared } from './parsed-request.ts';
import { RequestExpressions } from './request-expressions.ts';

/** The operations on one item. */

const returnValues = ['ALL_NEW', 'UPDATED_OLD', 'ALL_OLD', 'NONE', 'UPDATED_NEW'];

export function getItem(input: Json): Prepared {
  const reader = new RequestReader(input);
  const TableName = reader.tableName();
  const Key = reader.item('Key', { required: true })!;
  const ConsistentRead = reader.boolean('ConsistentRead');
  const asked = capacityParameter(reader);
  const expressions = new RequestExpressions(reader, ['ProjectionExpression']);
  reader.finish();
  validateItem(Key);
  const projection = expressions.parse('ProjectionExpression', parseProjection);
  expressions.finish();
  return {
    data: { TableName, Key, ConsistentRead },
    perform(store) {
      const table = store.table(TableName);
      checkKey(Key, keysOf(table));
      if (projection) checkKeyPaths(projection, table);
      const item = store.find(TableName, Key);
      return {
        Item: item && projection ? project(item, projection) : item,
        ConsumedCapacity: consumedCapacity(asked, TableName, () => itemReadUnits(item, ConsistentRead)),
      };
    },
  };
}

export function putItem(input: Json): Prepared {
  const reader = new RequestReader(input);
  const TableName = reader.tableName();
  const Item = reader.item('Item', { required: true })!;
  const request = new ConditionalWrite(reader, []);
  reader.finish();
  validateItem(Item);
  request.checkReturnsOldOrNothing();
  checkItemSize(Item);
  request.parseCondition();
  return {
    data: { TableName, Item },
    perform(store) {
      checkItemKeys(Item, store.table(TableName));
      const before = store.find(TableName, Item);
      request.check(before);
      store.put(TableName, Item);
      return request.answer(TableName, before, before, Item);
    },
  };
}

export function deleteItem(input: Json): Prepared {
  const { data, request, readChecked } = keyedWrite(input);
  const { TableName, Key } = data;
  return {
    data,
    perform(store) {
      const before = readChecked(store);
      store.remove(TableName, Key);
      return request.answer(TableName, before, before, undefined);
    },
  };
}

/** A part of a transaction that only checks. */
export function conditionCheck(input: Json): Prepared {
  const { data, readChecked } = keyedWrite(input);
  return {
    data,
    perform(store) {
      readChecked(store);
      return {};
    },
  };
}

export function updateItem(input: Json): Prepared {
  const reader = new RequestReader(input);
  const TableName = reader.tableName();
  const Key = reader.item('Key', { required: true })!;
  const request = new ConditionalWrite(reader, ['UpdateExpression']);
  reader.finish();
  validateItem(Key);
  const actions = request.expressions.parse('UpdateExpression', parseUpdate) ?? [];
  request.parseCondition();
  return {
    data: { TableName, Key },
    perform(store) {
      const table = store.table(TableName);
      checkKey(Key, keysOf(table));
      checkUpdate(actions, table);
      const before = store.find(TableName, Key);
      request.check(before);
      const item = applyUpdate(before ?? Key, actions);
      checkIndexKeys(item, table);
      if (itemSize(item) > maxItemBytes) {
        throw validationError('Item size to update has exceeded the maximum allowed size');
      }
      store.put(TableName, item);
      return request.answer(TableName, updateResult(request.returns, before, item, actions), before, item);
    },
  };
}

function keyedWrite(input: Json) {
  const reader = new RequestReader(input);
  const data = { TableName: reader.tableName(), Key: reader.item('Key', { required: true })! };
  const request = new ConditionalWrite(reader, []);
  reader.finish();
  validateItem(data.Key);
  request.checkReturnsOldOrNothing();
  request.parseCondition();
  /** Reads the item, and throws unless it fulfils the condition. */
  const readChecked = (store: ItemStore) => {
    checkKey(data.Key, keysOf(store.table(data.TableName)));
    const before = store.find(data.TableName, data.Key);
    request.check(before);
    return before;
  };
  return { data, request, readChecked };
}

/** The common part of all writes: the condition and the return values. */
class ConditionalWrite {
  readonly expressions: RequestExpressions;
  readonly returns: string;
  readonly #capacity: ReturnConsumedCapacity;
  readonly #showsItemOnFailure: boolean;
  #condition: Condition | undefined;

  constructor(reader: RequestReader, further: 'UpdateExpression'[]) {
    this.expressions = new RequestExpressions(reader, [...further, 'ConditionExpression']);
    this.returns = reader.string('ReturnValues', { values: returnValues }) ?? 'NONE';
    this.#capacity = capacityParameter(reader);
    reader.string('ReturnItemCollectionMetrics', { values: ['SIZE', 'NONE'] });
    this.#showsItemOnFailure =
      reader.string('ReturnValuesOnConditionCheckFailure', { values: ['ALL_OLD', 'NONE'] }) === 'ALL_OLD';
  }

  checkReturnsOldOrNothing(): void {
    if (this.returns === 'ALL_OLD' || this.returns === 'NONE') return;
    throw validationError('ReturnValues can only be ALL_OLD or NONE');
  }

  /** To be called after the other expressions are parsed. */
  parseCondition(): void {
    this.#condition = this.expressions.parse('ConditionExpression', parseCondition);
    this.expressions.finish();
  }

  /** @throws AwsError ConditionalCheckFailedException, with the item if the request wants to see it */
  check(item: Item | undefined): void {
    if (!this.#condition || fulfils(item ?? {}, this.#condition)) return;
    throw new AwsError('ConditionalCheckFailedException', 'The conditional request failed', {
      details: item && this.#showsItemOnFailure ? { Item: item } : {},
    });
  }

  answer(tableName: string, attributes: Item | undefined, before: Item | undefined, after: Item | undefined): object {
    return {
      Attributes: this.returns === 'NONE' ? undefined : attributes,
      ConsumedCapacity: consumedCapacity(this.#capacity, tableName, () => itemWriteUnits(before, after)),
    };
  }
}

/** @throws AwsError ValidationException when an update changes a key of the table, or leads into a key */
function checkUpdate(actions: UpdateAction[], table: TableDefinition): void {
  const paths = actions.map(({ path }) => path);
  const changed = new Set(paths.map(([name]) => name));
  const key = table.KeySchema.find(({ AttributeName }) => changed.has(AttributeName));
  if (key) {
    throw invalidParameter(`Cannot update attribute ${key.AttributeName}. This attribute is part of the key`);
  }
  checkKeyPaths(paths, table);
  checkTypesOfIndexKeys(actions, table);
}

/** Rejects literals of the wrong type before the condition is evaluated, as DynamoDB does. */
function checkTypesOfIndexKeys(actions: UpdateAction[], table: TableDefinition): void {
  for (const { IndexName, KeySchema } of indexesOf(table)) {
    for (const key of keysOf(table, KeySchema)) {
      const action = actions.find(({ path }) => path[0] === key.name);
      const type = action && typeSetBy(action);
      if (!type || type === key.type) continue;
      throw invalidParameter(
        `Type mismatch for Index Key ${key.name} Expected: ${key.type} Actual: ${type} IndexName: ${IndexName}`,
      );
    }
  }
}

function updateResult(returns: string, before: Item | undefined, after: Item, actions: UpdateAction[]) {
  const changed = (item: Item | undefined) => {
    const part =
      item &&
      project(
        item,
        actions.map(({ path }) => path),
      );
    return part && Object.keys(part).length > 0 ? part : undefined;
  };
  switch (returns) {
    case 'ALL_OLD':
      return before;
    case 'UPDATED_OLD':
      return changed(before);
    case 'UPDATED_NEW':
      return changed(after);
    default:
      return after;
  }
}
