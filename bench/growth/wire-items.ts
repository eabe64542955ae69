import type { Item } from '../../local/dynamodb/dynamodb-store.ts';

/** An item as the wire has it. @param item of text, numbers, truth values, lists and members */
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
  throw new Error(`No item here has a ${typeof value}`);
}

/**
 * What an item is paid for by, in bytes: names and text as UTF-8, numbers by their digits, and one or three for what
 * holds others (DynamoDB Developer Guide, "DynamoDB item sizes and formats").
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
    case 'L':
      return (content as Item[string][]).reduce((sum, each) => sum + 1 + sizeOfAttribute(each), 3);
    case 'M':
      return Object.entries(content as Item).reduce(
        (sum, [name, each]) => sum + 1 + utf8(name) + sizeOfAttribute(each),
        3,
      );
    default:
      throw new Error(`No item here has a ${type}`);
  }
}

const utf8 = (text: string) => Buffer.byteLength(text);
