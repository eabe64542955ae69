import { compareNumbers } from './decimal-number.ts';

/** An attribute value as the wire has it; exactly one member is set. Numbers are in canonical decimal notation. */
export type AttributeValue = {
  S?: string;
  N?: string;
  /** Base64. */
  B?: string;
  BOOL?: boolean;
  NULL?: boolean;
  SS?: string[];
  NS?: string[];
  BS?: string[];
  L?: AttributeValue[];
  M?: Item;
};

/** Attribute values by name, e.g. `{ pk: { S: 'G#1' } }`. Read it by `attributeOf`: names such as `constructor` are valid. */
export type Item = Record<string, AttributeValue>;

export const attributeTypes = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'] as const;
export type AttributeType = (typeof attributeTypes)[number];

const setTypes = ['SS', 'NS', 'BS'] as const;

/** The names that DynamoDB gives to types in the errors of update expressions. */
export const longTypeNames: Record<AttributeType, string> = {
  S: 'STRING',
  N: 'NUMBER',
  B: 'BINARY',
  BOOL: 'BOOLEAN',
  NULL: 'NULL',
  SS: 'STRING_SET',
  NS: 'NUMBER_SET',
  BS: 'BINARY_SET',
  L: 'LIST',
  M: 'MAP',
};

export function typeOf(value: AttributeValue): AttributeType {
  for (const type in value) return type as AttributeType;
  throw new Error('The attribute value is empty.');
}

export function attributeOf(map: Item, name: string): AttributeValue | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

/** A map that takes every name, `__proto__` too. */
export const emptyMap = (): Item => Object.create(null);

/** The members of a set, or `undefined` when the value is no set. */
export function membersOf(value: AttributeValue): string[] | undefined {
  return value.SS ?? value.NS ?? value.BS;
}

export function isSetType(type: AttributeType): boolean {
  return (setTypes as readonly string[]).includes(type);
}

export function copyOf(value: AttributeValue): AttributeValue {
  if (value.M) return { M: copyOfMap(value.M) };
  if (value.L) return { L: value.L.map(copyOf) };
  const members = membersOf(value);
  return members ? { [typeOf(value)]: [...members] } : value;
}

function copyOfMap(map: Item): Item {
  const copy = emptyMap();
  for (const name of Object.keys(map)) copy[name] = copyOf(map[name]!);
  return copy;
}

/** Equality of DynamoDB: sets are equal in any order, numbers by value, documents member by member. */
export function isEqual(a: AttributeValue, b: AttributeValue): boolean {
  const type = typeOf(a);
  if (type !== typeOf(b)) return false;
  switch (type) {
    case 'L':
      return a.L!.length === b.L!.length && a.L!.every((each, index) => isEqual(each, b.L![index]!));
    case 'M': {
      const names = Object.keys(a.M!);
      return (
        names.length === Object.keys(b.M!).length &&
        names.every((name) => Object.hasOwn(b.M!, name) && isEqual(a.M![name]!, b.M![name]!))
      );
    }
    case 'SS':
    case 'NS':
    case 'BS': {
      const others = new Set(b[type]);
      return a[type]!.length === others.size && a[type]!.every((each) => others.has(each));
    }
    default:
      return a[type] === b[type];
  }
}

/**
 * Order of two strings, numbers or binaries: below 0, 0 or above 0. Strings are in the order of their UTF-8 bytes.
 * `undefined` for two types, and for a type without order.
 */
export function compareValues(a: AttributeValue, b: AttributeValue): number | undefined {
  if (a.S !== undefined && b.S !== undefined) return Buffer.compare(Buffer.from(a.S), Buffer.from(b.S));
  if (a.N !== undefined && b.N !== undefined) return compareNumbers(a.N, b.N);
  if (a.B !== undefined && b.B !== undefined) return Buffer.compare(bytesOf(a.B), bytesOf(b.B));
  return undefined;
}

export const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');
