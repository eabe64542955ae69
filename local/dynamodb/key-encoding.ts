import { hash } from 'node:crypto';
import { type AttributeValue, bytesOf, type Item } from './attribute-value.ts';
import { digitsOf } from './decimal-number.ts';
import type { KeyAttribute, Keys, KeyType } from './table-definition.ts';

/**
 * Storage keys of items: a hash of the partition key, the partition key and the sort key, each in a notation that sorts
 * as DynamoDB sorts the values. The data folder holds these keys, so the notation is stable.
 */

/** The salt of dynalite, which wrote the first data folders. */
const salt = 'Outliers';

/** Sorts after every character of a key. */
const end = '~';

/** The keys from `from` (inclusive) to `to` (exclusive). */
export type KeyRange = { from: string; to: string };

export function storageKey(item: Item, keys: Keys): string {
  const [partition, sort] = keys;
  const key = partitionPrefix(item[partition.name]!, partition.type);
  return sort ? `${key}${ordered(item[sort.name]!, sort.type)}/` : key;
}

/** Several items may have the same key in an index, so the key in the table follows. */
export function indexStorageKey(item: Item, indexKeys: Keys, tableKeys: Keys): string {
  return `${storageKey(item, indexKeys)}${storageKey(item, tableKeys)}`;
}

/** The common prefix of the keys of a partition. */
export function partitionPrefix(value: AttributeValue, type: KeyType): string {
  return `${hashOf(value, type)}/${ordered(value, type)}/`;
}

export const everythingIn = (prefix: string): KeyRange => ({ from: prefix, to: `${prefix}${end}` });

/** The keys in a partition whose sort key fulfils a condition. */
export function sortKeyRange(
  partition: string,
  { type }: KeyAttribute,
  comparison: string,
  [first, second]: AttributeValue[],
): KeyRange {
  const exactly = (value: AttributeValue) => `${partition}${ordered(value, type)}/`;
  const whole = everythingIn(partition);
  switch (comparison) {
    case 'EQ':
      return everythingIn(exactly(first!));
    case 'LT':
      return { from: whole.from, to: exactly(first!) };
    case 'LE':
      return { from: whole.from, to: everythingIn(exactly(first!)).to };
    case 'GT':
      return { from: everythingIn(exactly(first!)).to, to: whole.to };
    case 'GE':
      return { from: exactly(first!), to: whole.to };
    case 'BETWEEN':
      return { from: exactly(first!), to: everythingIn(exactly(second!)).to };
    case 'BEGINS_WITH':
      return everythingIn(`${partition}${ordered(first!, type)}`);
    default:
      throw new Error(`No comparison of keys: ${comparison}`);
  }
}

/** The hashes of one segment of a parallel scan. */
export function segmentRange(segment: number, totalSegments: number): KeyRange {
  const bound = (index: number) => Math.ceil((4096 * index) / totalSegments);
  const isLast = segment === totalSegments - 1;
  const hex = (bound: number) => bound.toString(16).padStart(3, '0');
  return { from: hex(bound(segment)), to: isLast ? end : hex(bound(segment + 1)) };
}

/** The smallest key greater than `key`. */
export const after = (key: string) => `${key}\0`;

/** Distributes the partitions over the table, so that a scan has no order. */
function hashOf(value: AttributeValue, type: KeyType): string {
  const text = type === 'B' ? Buffer.concat([Buffer.from(salt), bytesOf(value.B!)]) : `${salt}${value[type]}`;
  return hash('md5', text, 'hex').slice(0, 6);
}

function ordered(value: AttributeValue, type: KeyType): string {
  switch (type) {
    case 'S':
      return Buffer.from(value.S!).toString('hex');
    case 'B':
      return bytesOf(value.B!).toString('hex');
    case 'N':
      return orderedNumber(value.N!);
  }
}

/**
 * A sign, the power of ten in two hexadecimal digits, and the digits. Negative numbers count both backwards: -99.1 is
 * `0`, `7c` for 125 - 1, and `009` for 10 - 9.91.
 */
function orderedNumber(number: string): string {
  const { isNegative, digits, magnitude } = digitsOf(number);
  if (digits === '') return '1000';
  const power = isNegative ? 125 - magnitude : 130 + magnitude;
  return `${isNegative ? '0' : '1'}${power.toString(16).padStart(2, '0')}${isNegative ? complement(digits) : digits}`;
}

/** The digits of 10 minus the number whose digits these are, the first before the point. */
function complement(digits: string): string {
  const difference = 10n ** BigInt(digits.length) - BigInt(digits);
  return difference.toString().padStart(digits.length, '0');
}
