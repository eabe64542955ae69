import { type AttributeValue, attributeOf, bytesOf, type Item, typeOf } from './attribute-value.ts';
import type { DocumentPath } from './expressions/document-path.ts';
import { indexesOf, type KeyAttribute, type Keys, keysOf, type TableDefinition } from './table-definition.ts';
import { invalidParameter, validationError } from './validation-error.ts';

/** DynamoDB's requirements for the keys in items and requests. */

const maxPartitionKeyBytes = 2048;
const maxSortKeyBytes = 1024;

/** @throws AwsError ValidationException unless `key` consists of the keys, and nothing else */
export function checkKey(key: Item, keys: Keys): void {
  if (Object.keys(key).length !== keys.length) throw mismatch();
  for (const attribute of keys) checkKeyAttribute(key, attribute);
  checkKeySizes(key, keys);
}

/** @throws AwsError ValidationException when a key is missing, has another type, is empty or is too long */
export function checkKeyAttribute(key: Item, { name, type }: KeyAttribute): void {
  const value = attributeOf(key, name);
  if (value?.[type] === undefined) throw mismatch();
  checkNotEmpty(name, value, '');
}

const mismatch = () => validationError('The provided key element does not match the schema');

/** @throws AwsError ValidationException unless the item has valid keys for its table, and for each index that it is in */
export function checkItemKeys(item: Item, table: TableDefinition): void {
  const keys = keysOf(table);
  for (const { name, type } of keys) {
    const value = attributeOf(item, name);
    if (!value) throw invalidParameter(`Missing the key ${name} in the item`);
    if (value[type] === undefined) {
      throw invalidParameter(`Type mismatch for key ${name} expected: ${type} actual: ${typeOf(value)}`);
    }
    checkNotEmpty(name, value, '');
  }
  checkKeySizes(item, keys);
  checkIndexKeys(item, table);
}

/** @throws AwsError ValidationException */
export function checkIndexKeys(item: Item, table: TableDefinition): void {
  for (const { IndexName, KeySchema } of indexesOf(table)) {
    for (const { name, type } of keysOf(table, KeySchema)) {
      const value = attributeOf(item, name);
      if (!value) continue;
      if (value[type] === undefined) {
        throw invalidParameter(
          `Type mismatch for Index Key ${name} Expected: ${type} Actual: ${typeOf(value)} IndexName: ${IndexName}`,
        );
      }
      checkNotEmpty(name, value, `IndexName: ${IndexName}, Index`);
    }
  }
}

/** @throws AwsError ValidationException when a path leads into a key */
export function checkKeyPaths(paths: DocumentPath[], table: TableDefinition): void {
  const nested = new Set(paths.filter(({ length }) => length > 1).map(([name]) => name));
  if (nested.size === 0) return;
  const check = (schema: TableDefinition['KeySchema'], kind: string) => {
    const key = schema.find(({ AttributeName }) => nested.has(AttributeName));
    if (!key) return;
    throw validationError(
      "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: " +
        `${kind}: ${key.AttributeName}`,
    );
  };
  check(table.KeySchema, 'Key');
  for (const { KeySchema } of indexesOf(table)) check(KeySchema, 'IndexKey');
}

function checkNotEmpty(name: string, value: AttributeValue, index: string): void {
  if (value.S !== '' && value.B !== '') return;
  const type = value.S === '' ? 'string' : 'binary';
  throw validationError(
    'One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ' +
      `${type} value. ${index}Key: ${name}`,
  );
}

function checkKeySizes(item: Item, [partition, sort]: Keys): void {
  if (keyBytes(item[partition.name]!) > maxPartitionKeyBytes) {
    throw invalidParameter(`Size of hashkey has exceeded the maximum size limit of${maxPartitionKeyBytes} bytes`);
  }
  if (sort && keyBytes(item[sort.name]!) > maxSortKeyBytes) {
    throw invalidParameter(`Aggregated size of all range keys has exceeded the size limit of ${maxSortKeyBytes} bytes`);
  }
}

/** Numbers are short enough in any case. */
function keyBytes({ S, B }: AttributeValue): number {
  if (S !== undefined) return Buffer.byteLength(S);
  return B === undefined ? 0 : bytesOf(B).length;
}
