import type { Json } from '../aws-api/aws-error.ts';
import { type AttributeType, type AttributeValue, attributeTypes, emptyMap, type Item } from './attribute-value.ts';
import { canonicalNumber, NumberError } from './decimal-number.ts';
import { objectOf, serializationError, tokenOf } from './json-shape.ts';
import { invalidParameter, validationError } from './validation-error.ts';

/** Lists and maps in an item may be nested so deep: with the attribute itself, 32 levels. */
const maxNesting = 31;

/** Attribute values as they are on the wire, copied; `validateValue` looks at the values. @throws AwsError SerializationException */
export function attributeMap(input: unknown): Item {
  return mapAt(objectOf(input), 0);
}

function mapAt(input: Json, depth: number): Item {
  const map = emptyMap();
  for (const name of Object.keys(input)) {
    map[name] = valueAt(input[name], depth);
  }
  return map;
}

function valueAt(input: unknown, depth: number): AttributeValue {
  if (depth > maxNesting) {
    throw validationError(
      'Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit',
    );
  }
  const json = objectOf(input ?? {});
  const value: AttributeValue = {};
  for (const type of Object.keys(json)) {
    if (isAttributeType(type) && json[type] !== null) Object.assign(value, memberAt(type, json[type], depth));
  }
  return value;
}

function memberAt(type: AttributeType, member: unknown, depth: number): AttributeValue {
  switch (type) {
    case 'S':
    case 'N':
      return { [type]: stringOf(member) };
    case 'B':
      return { B: base64Of(member) };
    case 'BOOL':
    case 'NULL':
      if (typeof member !== 'boolean') throw serializationError(`${tokenOf(member)} cannot be converted to Boolean`);
      return { [type]: member };
    case 'SS':
    case 'NS':
      return { [type]: arrayOf(member).map(stringOf) };
    case 'BS':
      return { BS: arrayOf(member).map(base64Of) };
    case 'L':
      return { L: arrayOf(member).map((each) => valueAt(each, depth + 1)) };
    case 'M':
      return { M: mapAt(objectOf(member), depth + 1) };
  }
}

/**
 * Checks values, and brings numbers into their canonical notation.
 *
 * @throws AwsError ValidationException
 */
export function validateItem(item: Item): void {
  for (const name of Object.keys(item)) validateValue(item[name]!);
}

export function validateValue(value: AttributeValue): void {
  const types = Object.keys(value) as AttributeType[];
  if (types.length === 0) {
    throw validationError('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  }
  if (types.length > 1) {
    throw validationError(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  }
  if (value.N !== undefined) value.N = numberOf(value.N);
  if (value.NULL === false) throw invalidParameter('Null attribute value types must have the value of true');
  if (value.SS) validateSet(value.SS, 'An string set  may not be empty');
  if (value.BS) validateSet(value.BS, 'Binary sets should not be empty');
  if (value.NS) {
    value.NS = value.NS.map(numberOf);
    validateSet(value.NS, 'An number set  may not be empty');
  }
  if (value.L) for (const each of value.L) validateValue(each);
  if (value.M) validateItem(value.M);
}

function validateSet(members: string[], emptyMessage: string): void {
  if (members.length === 0) throw invalidParameter(emptyMessage);
  if (new Set(members).size < members.length) {
    throw invalidParameter(`Input collection [${members.join(', ')}] contains duplicates.`);
  }
}

function numberOf(text: string): string {
  return withNumberErrors(() => canonicalNumber(text));
}

/** Runs a calculation whose result may be no number that can be stored. @throws AwsError ValidationException */
export function withNumberErrors(calculate: () => string): string {
  try {
    return calculate();
  } catch (error) {
    if (error instanceof NumberError) throw validationError(error.message);
    throw error;
  }
}

function stringOf(member: unknown): string {
  if (typeof member !== 'string') throw serializationError(`${tokenOf(member)} cannot be converted to String`);
  return member;
}

function base64Of(member: unknown): string {
  const text = stringOf(member);
  if (Buffer.from(text, 'base64').toString('base64') !== text) {
    throw serializationError('A binary value is not in Base64, or is not padded.');
  }
  return text;
}

function arrayOf(member: unknown): unknown[] {
  if (!Array.isArray(member)) throw serializationError(`Unexpected value type in payload: ${tokenOf(member)}`);
  return member;
}

const types = new Set<string>(attributeTypes);
const isAttributeType = (name: string): name is AttributeType => types.has(name);
