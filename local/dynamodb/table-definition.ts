import type { Json } from '../aws-api/aws-error.ts';
import { RequestReader, resourceName } from './request-reader.ts';
import { invalidParameter, validationError } from './validation-error.ts';

export type KeySchema = { AttributeName: string; KeyType: string }[];

export type Index = {
  IndexName: string;
  KeySchema: KeySchema;
  Projection: { ProjectionType?: string; NonKeyAttributes?: string[] };
};

/** The part of a table's description that decides where its items are. */
export type TableDefinition = {
  TableName: string;
  AttributeDefinitions: { AttributeName: string; AttributeType: string }[];
  KeySchema: KeySchema;
  GlobalSecondaryIndexes?: Index[];
  LocalSecondaryIndexes?: Index[];
};

export type KeyType = 'S' | 'N' | 'B';
export type KeyAttribute = { name: string; type: KeyType };

/** The partition key, and the sort key where there is one. */
export type Keys = readonly [KeyAttribute, ...KeyAttribute[]];

const maxLocalIndexes = 5;
const maxGlobalIndexes = 20;

/** The keys of a table, or of one of its indexes. */
export function keysOf(table: TableDefinition, keySchema: KeySchema = table.KeySchema): Keys {
  const attributes = keySchema.map(({ AttributeName: name }) => ({
    name,
    type: table.AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)!.AttributeType as KeyType,
  }));
  return attributes as [KeyAttribute, ...KeyAttribute[]];
}

export function indexesOf(table: TableDefinition): Index[] {
  return [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])];
}

/** The names of the attributes that an index holds; `undefined` when it holds all. */
export function projectedNames(table: TableDefinition, { KeySchema, Projection }: Index): Set<string> | undefined {
  if (Projection.ProjectionType === 'ALL') return undefined;
  const keys = [...table.KeySchema, ...KeySchema].map(({ AttributeName }) => AttributeName);
  return new Set([...keys, ...(Projection.NonKeyAttributes ?? [])]);
}

/** The table that a CreateTable request on demand describes. @throws AwsError ValidationException, SerializationException */
export function tableDefinition(input: Json): TableDefinition {
  const reader = new RequestReader(input);
  const definition = {
    TableName: reader.string('TableName', { required: true, ...resourceName })!,
    AttributeDefinitions: reader.list('AttributeDefinitions', { required: true }, (each) => ({
      AttributeName: each.string('AttributeName', { required: true })!,
      AttributeType: each.string('AttributeType', { required: true, values: ['B', 'N', 'S'] })!,
    }))!,
    KeySchema: keySchema(reader),
    GlobalSecondaryIndexes: reader.list('GlobalSecondaryIndexes', {}, index),
    LocalSecondaryIndexes: reader.list('LocalSecondaryIndexes', {}, index),
  };
  reader.finish();
  checkKeys(definition, definition.KeySchema);
  checkIndexes(definition);
  if (indexesOf(definition).length === 0 && definition.KeySchema.length !== definition.AttributeDefinitions.length) {
    throw invalidParameter(
      'Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions',
    );
  }
  return definition;
}

function keySchema(reader: RequestReader): KeySchema {
  return reader.list('KeySchema', { required: true, minLength: 1, maxLength: 2 }, (each) => ({
    AttributeName: each.string('AttributeName', { required: true })!,
    KeyType: each.string('KeyType', { required: true, values: ['HASH', 'RANGE'] })!,
  }))!;
}

function index(reader: RequestReader): Index {
  return {
    IndexName: reader.string('IndexName', { required: true, ...resourceName })!,
    KeySchema: keySchema(reader),
    Projection: reader.structure('Projection', { required: true }, (projection) => ({
      ProjectionType: projection.string('ProjectionType', { values: ['ALL', 'INCLUDE', 'KEYS_ONLY'] }),
      NonKeyAttributes: projection.strings('NonKeyAttributes', { minLength: 1 }),
    }))!,
  };
}

function checkKeys({ AttributeDefinitions }: TableDefinition, schema: KeySchema): void {
  const defined = AttributeDefinitions.map(({ AttributeName }) => AttributeName);
  const keys = schema.map(({ AttributeName }) => AttributeName);
  if (keys.some((key) => !defined.includes(key))) {
    throw invalidParameter(
      'Some index key attributes are not defined in AttributeDefinitions. ' +
        `Keys: [${keys.join(', ')}], AttributeDefinitions: [${defined.join(', ')}]`,
    );
  }
  if (keys[0] === keys[1]) {
    throw validationError('Both the Hash Key and the Range Key element in the KeySchema have the same name');
  }
  if (schema[0]!.KeyType !== 'HASH') {
    throw validationError('Invalid KeySchema: The first KeySchemaElement is not a HASH key type');
  }
  if (schema[1] && schema[1].KeyType !== 'RANGE') {
    throw validationError('Invalid KeySchema: The second KeySchemaElement is not a RANGE key type');
  }
}

function checkIndexes(table: TableDefinition): void {
  const { LocalSecondaryIndexes: local, GlobalSecondaryIndexes: global } = table;
  if (local?.length === 0) throw invalidParameter('List of LocalSecondaryIndexes is empty');
  if (global?.length === 0) throw invalidParameter('List of GlobalSecondaryIndexes is empty');
  if (local && !table.KeySchema[1]) {
    throw invalidParameter(
      'Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex',
    );
  }
  for (const each of local ?? []) checkLocalIndex(table, each);
  const names = new Set<string>();
  for (const each of indexesOf(table)) {
    checkKeys(table, each.KeySchema);
    checkProjection(each);
    if (names.has(each.IndexName)) throw invalidParameter(`Duplicate index name: ${each.IndexName}`);
    names.add(each.IndexName);
  }
  if (local && local.length > maxLocalIndexes) {
    throw invalidParameter(`Number of LocalSecondaryIndexes exceeds per-table limit of ${maxLocalIndexes}`);
  }
  if (global && global.length > maxGlobalIndexes) {
    throw invalidParameter(`GlobalSecondaryIndex count exceeds the per-table limit of ${maxGlobalIndexes}`);
  }
}

function checkLocalIndex(table: TableDefinition, { IndexName, KeySchema }: Index): void {
  if (!KeySchema[1]) throw invalidParameter(`Index KeySchema does not have a range key for index: ${IndexName}`);
  const [own, ofTable] = [KeySchema, table.KeySchema].map((schema) => schema[0]!.AttributeName);
  if (own !== ofTable) {
    throw invalidParameter(
      `Index KeySchema does not have the same leading hash key as table KeySchema for index: ${IndexName}. ` +
        `index hash key: ${own}, table hash key: ${ofTable}`,
    );
  }
}

function checkProjection({ Projection: { ProjectionType, NonKeyAttributes } }: Index): void {
  if (ProjectionType === undefined) throw invalidParameter('Unknown ProjectionType: null');
  if (NonKeyAttributes && ProjectionType !== 'INCLUDE') {
    throw invalidParameter(`ProjectionType is ${ProjectionType}, but NonKeyAttributes is specified`);
  }
}
