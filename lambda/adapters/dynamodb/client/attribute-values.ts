import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';

/**
 * Converts items between plain values and DynamoDB's JSON: `{ "S": "text" }`, binary as base64 (API Reference,
 * AttributeValue).
 */

type Values = Record<string, unknown>;
type Wire = Record<string, unknown>;
type Binary = ArrayBuffer | ArrayBufferView;

export function toWire(values: Values | undefined): Wire | undefined {
  if (values === undefined) return undefined;
  const wire: Wire = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || typeof value === 'function') continue;
    // Top-level values then have the same form as nested ones.
    wire[name] = encoded(marshall(value, { removeUndefinedValues: true, convertTopLevelContainer: true }));
  }
  return withoutPrototype(wire);
}

/** @throws Error for JSON that is not of DynamoDB's form */
export function fromWire(wire: unknown): Values {
  const values: Values = {};
  for (const [name, value] of Object.entries(objectIn(wire))) {
    values[name] = unmarshall(decoded(value) as never, { convertWithoutMapWrapper: true });
  }
  return values;
}

/** @throws Error when the value is not an object */
export function objectIn(wire: unknown): Wire {
  if (typeof wire !== 'object' || wire === null || Array.isArray(wire))
    throw new Error('Malformed response: expected an object');
  return wire as Wire;
}

/** Changes the object in place: `marshall` has just made it. */
function encoded(value: AttributeValue): AttributeValue {
  const wire: object & { B?: unknown; BS?: unknown } = value;
  if (value.B !== undefined) wire.B = base64(value.B);
  else if (value.BS !== undefined) wire.BS = value.BS.map(base64);
  else if (value.L !== undefined) value.L.forEach(encoded);
  else if (value.M !== undefined) Object.values(withoutPrototype(value.M)).forEach(encoded);
  return value;
}

/** An attribute named `__proto__` would set the prototype and be lost. */
function withoutPrototype<T extends object>(map: T): T {
  if (Object.getPrototypeOf(map) !== Object.prototype) throw new Error('An attribute cannot be named __proto__');
  return map;
}

function decoded(value: unknown): unknown {
  const wire = objectIn(value);
  if (wire.B !== undefined) wire.B = bytes(wire.B);
  if (Array.isArray(wire.BS)) wire.BS = wire.BS.map(bytes);
  if (Array.isArray(wire.L)) wire.L.forEach(decoded);
  if (wire.M !== undefined) Object.values(objectIn(wire.M)).forEach(decoded);
  return wire;
}

function base64(binary: Binary): string {
  if (binary instanceof ArrayBuffer) return Buffer.from(binary).toString('base64');
  return Buffer.from(binary.buffer, binary.byteOffset, binary.byteLength).toString('base64');
}

function bytes(text: unknown): Uint8Array {
  if (typeof text !== 'string' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new Error('Malformed response: expected base64');
  }
  const { buffer, byteOffset, byteLength } = Buffer.from(text, 'base64');
  return new Uint8Array(buffer, byteOffset, byteLength);
}
