import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';

/**
 * Items as plain values, and as DynamoDB's JSON has them: `{ "S": "text" }`, with binary as base64 (API Reference,
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
    // One object for a value of any type: what is at the top is then wrapped as what is inside.
    wire[name] = encoded(marshall(value, { removeUndefinedValues: true, convertTopLevelContainer: true }));
  }
  return plain(wire);
}

/** @throws when the answer has what DynamoDB's JSON has not */
export function fromWire(wire: unknown): Values {
  const values: Values = {};
  for (const [name, value] of Object.entries(objectIn(wire))) {
    values[name] = unmarshall(decoded(value) as never, { convertWithoutMapWrapper: true });
  }
  return values;
}

/** @throws when the answer has something else there */
export function objectIn(wire: unknown): Wire {
  if (typeof wire !== 'object' || wire === null || Array.isArray(wire))
    throw new Error('The answer has no object there');
  return wire as Wire;
}

/** In place: these objects have just been made. */
function encoded(value: AttributeValue): AttributeValue {
  const wire: object & { B?: unknown; BS?: unknown } = value;
  if (value.B !== undefined) wire.B = base64(value.B);
  else if (value.BS !== undefined) wire.BS = value.BS.map(base64);
  else if (value.L !== undefined) value.L.forEach(encoded);
  else if (value.M !== undefined) Object.values(plain(value.M)).forEach(encoded);
  return value;
}

/** An attribute of this name would be gone without a word. */
function plain<T extends object>(map: T): T {
  if (Object.getPrototypeOf(map) !== Object.prototype) throw new Error('No attribute can be called __proto__');
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
    throw new Error('The answer has no base64 there');
  }
  const { buffer, byteOffset, byteLength } = Buffer.from(text, 'base64');
  return new Uint8Array(buffer, byteOffset, byteLength);
}
