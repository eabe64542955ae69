import type { Item } from '../../local/dynamodb/dynamodb-store.ts';

/** An item as on the wire. @param item of strings, numbers, booleans, lists and objects */
export const marshalled = (item: object): Item =>
  Object.fromEntries(
    Object.entries(item)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, attribute(value)]),
  );

function attribute(value: unknown): Item[string] {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (Array.isArray(value)) return { L: value.map(attribute) };
  if (typeof value === 'object' && value !== null) return { M: marshalled(value) };
  throw new Error(`An attribute cannot be a ${typeof value}`);
}

/**
 * The size of an item in bytes: names and strings as UTF-8, numbers by their digits, and an overhead of one or three bytes
 * for lists and maps (DynamoDB Developer Guide, "DynamoDB item sizes and formats").
 */
export const sizeOf = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + utf8(name) + sizeOfAttribute(value), 0);

function sizeOfAttribute(value: Item[string]): number {
  const [[type, content] = []] = Object.entries(value);
  switch (type) {
    case 'S':
      return utf8(String(content));
    case 'N':
      return Math.ceil(String(content).replace(/\D/g, '').length / 2) + 1;
    case 'BOOL':
    case 'NULL':
      return 1;
    case 'SS':
      return (content as string[]).reduce((sum, each) => sum + utf8(each), 0);
    case 'L':
      return (content as Item[string][]).reduce((sum, each) => sum + 1 + sizeOfAttribute(each), 3);
    case 'M':
      return Object.entries(content as Item).reduce(
        (sum, [name, each]) => sum + 1 + utf8(name) + sizeOfAttribute(each),
        3,
      );
    default:
      throw new Error(`The attribute type ${type} is not supported`);
  }
}

const utf8 = (text: string) => Buffer.byteLength(text);
