import { type AttributeValue, bytesOf, type Item, typeOf } from './attribute-value.ts';
import { digitsOf } from './decimal-number.ts';
import { validationError } from './validation-error.ts';

/** Sizes in bytes, as the DynamoDB Developer Guide gives them ("DynamoDB item sizes and formats"). */

export const maxItemBytes = 400 * 1024;

/** A page of a query or scan ends with the item that reaches this size. */
export const pageBytes = 1024 * 1024;

/** A list or map takes this much, and one byte more for each element. */
const documentBytes = 3;

/** @throws AwsError ValidationException when the item is too large */
export function checkItemSize(item: Item): void {
  if (itemSize(item) > maxItemBytes) throw validationError('Item size has exceeded the maximum allowed size');
}

export function itemSize(item: Item): number {
  let bytes = 0;
  for (const name of Object.keys(item)) bytes += Buffer.byteLength(name) + valueSize(item[name]!);
  return bytes;
}

function valueSize(value: AttributeValue): number {
  switch (typeOf(value)) {
    case 'S':
      return Buffer.byteLength(value.S!);
    case 'N':
      return numberSize(value.N!);
    case 'B':
      return bytesOf(value.B!).length;
    case 'SS':
      return sum(value.SS!, Buffer.byteLength);
    case 'NS':
      return sum(value.NS!, numberSize);
    case 'BS':
      return sum(value.BS!, (each) => bytesOf(each).length);
    case 'L':
      return documentBytes + sum(value.L!, (each) => 1 + valueSize(each));
    case 'M':
      return documentBytes + Object.keys(value.M!).length + itemSize(value.M!);
    default:
      return 1;
  }
}

/** A byte for two digits, which begin at even powers of ten, one for the exponent and one for a minus. */
function numberSize(number: string): number {
  const { isNegative, digits, magnitude } = digitsOf(number);
  if (digits === '') return 1;
  const isFirstAlone = magnitude % 2 === 0;
  return 1 + Math.ceil((digits.length + (isFirstAlone ? 1 : 0)) / 2) + (isNegative ? 1 : 0);
}

const sum = <T>(values: T[], sizeOf: (value: T) => number) => values.reduce((total, each) => total + sizeOf(each), 0);
