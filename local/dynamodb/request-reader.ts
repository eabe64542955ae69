import type { Json } from '../aws-api/aws-error.ts';
import type { Item } from './attribute-value.ts';
import { attributeMap } from './attribute-value-reader.ts';
import { objectOf, serializationError, tokenOf } from './json-shape.ts';
import { validationError } from './validation-error.ts';

type Required = { required?: boolean };
type Length = { minLength?: number; maxLength?: number };
type StringRules = Required & Length & { pattern?: RegExp; values?: string[] };

/** DynamoDB lists no more violations than these. */
const maxViolations = 10;

/** Constraints of the names of new tables and of indexes. */
export const resourceName = { minLength: 3, maxLength: 255, pattern: /^[a-zA-Z0-9_.-]+$/ };

/**
 * Reads the members of a request. A member of the wrong JSON type ends the reading at once (SerializationException);
 * violated constraints are collected, and `finish` reports all of them. Members that nothing reads are ignored.
 */
export class RequestReader {
  readonly #input: Json;
  readonly #path: string;
  readonly #violations: string[];

  constructor(input: Json, path = '', violations: string[] = []) {
    this.#input = input;
    this.#path = path;
    this.#violations = violations;
  }

  has(name: string): boolean {
    return this.#input[name] !== undefined && this.#input[name] !== null;
  }

  /** The table of a request. These limits are for ARNs too, which are not supported locally. */
  tableName(): string {
    return this.string('TableName', { required: true, ...resourceName, minLength: 1, maxLength: 1024 })!;
  }

  string(name: string, rules: StringRules = {}): string | undefined {
    const value = this.#member(name, rules);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw serializationError(`${tokenOf(value)} cannot be converted to String`);
    this.#checkLength(name, value, value.length, rules);
    const { pattern, values } = rules;
    if (pattern && !pattern.test(value)) {
      this.#violate(name, value, `Member must satisfy regular expression pattern: ${pattern.source.slice(1, -1)}`);
    }
    if (values && !values.includes(value)) {
      this.#violate(name, value, `Member must satisfy enum value set: [${values.join(', ')}]`);
    }
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#member(name, {});
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw serializationError(`${tokenOf(value)} cannot be converted to Boolean`);
    return value;
  }

  integer(name: string, { min }: { min: number }): number | undefined {
    const value = this.#member(name, {});
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw serializationError(`${tokenOf(value)} cannot be converted to Integer`);
    if (value < min) this.#violate(name, value, `Member must have value greater than or equal to ${min}`);
    return Math.floor(value);
  }

  strings(name: string, rules: Required & Length = {}): string[] | undefined {
    const values = this.#list(name, rules);
    return values?.map((each) => {
      if (typeof each !== 'string') throw serializationError(`${tokenOf(each)} cannot be converted to String`);
      return each;
    });
  }

  list<T>(name: string, rules: Required & Length, read: (element: RequestReader) => T): T[] | undefined {
    return this.#list(name, rules)?.map((each, index) =>
      read(new RequestReader(objectOf(each), this.#pathOf(name, `${index + 1}.member`), this.#violations)),
    );
  }

  structure<T>(name: string, rules: Required, read: (structure: RequestReader) => T): T | undefined {
    const value = this.#member(name, rules);
    return value === undefined
      ? undefined
      : read(new RequestReader(objectOf(value), this.#pathOf(name), this.#violations));
  }

  /** The members of a JSON object that maps names of any choice, each by a reader of the whole. */
  entries<T>(name: string, read: (map: RequestReader, key: string) => T): Map<string, T> {
    const value = this.#member(name, { required: true });
    const map = value === undefined ? {} : objectOf(value);
    const keys = Object.keys(map);
    if (value !== undefined && keys.length === 0) {
      this.#violate(name, '{}', 'Member must have length greater than or equal to 1');
    }
    const reader = new RequestReader(map, this.#pathOf(name), this.#violations);
    return new Map(keys.map((key) => [key, read(reader, key)]));
  }

  /** Attribute values by name, not yet validated. */
  item(name: string, rules: Required = {}): Item | undefined {
    const value = this.#member(name, rules);
    return value === undefined ? undefined : attributeMap(value);
  }

  items(name: string, rules: Required & Length): Item[] | undefined {
    return this.#list(name, rules)?.map(attributeMap);
  }

  /** `ExpressionAttributeNames` and the like. */
  stringMap(name: string): Map<string, string> | undefined {
    const value = this.#member(name, {});
    if (value === undefined) return undefined;
    return new Map(
      Object.entries(objectOf(value)).map(([key, each]) => {
        if (typeof each !== 'string') throw serializationError(`${tokenOf(each)} cannot be converted to String`);
        return [key, each];
      }),
    );
  }

  /** @throws AwsError ValidationException with every constraint that is violated so far */
  finish(): void {
    const count = this.#violations.length;
    if (count === 0) return;
    throw validationError(`${count} validation error${count > 1 ? 's' : ''} detected: ${this.#violations.join('; ')}`);
  }

  #member(name: string, { required = false }: Required): unknown {
    const value = Object.hasOwn(this.#input, name) ? this.#input[name] : undefined;
    if (value !== undefined && value !== null) return value;
    if (required) this.#violate(name, null, 'Member must not be null');
    return undefined;
  }

  #list(name: string, rules: Required & Length): unknown[] | undefined {
    const value = this.#member(name, rules);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw serializationError('Start of structure or map found where not expected');
    this.#checkLength(name, `[${value.length} members]`, value.length, rules);
    return value;
  }

  #checkLength(name: string, value: string, length: number, { minLength = 0, maxLength = Infinity }: Length): void {
    if (length < minLength) this.#violate(name, value, `Member must have length greater than or equal to ${minLength}`);
    if (length > maxLength) this.#violate(name, value, `Member must have length less than or equal to ${maxLength}`);
  }

  #violate(name: string, value: string | number | null, constraint: string): void {
    if (this.#violations.length === maxViolations) return;
    const shown = value === null ? 'null' : `'${value}'`;
    this.#violations.push(`Value ${shown} at '${this.#pathOf(name)}' failed to satisfy constraint: ${constraint}`);
  }

  #pathOf(name: string, element?: string): string {
    const own = `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    return [this.#path, own, element].filter(Boolean).join('.');
  }
}
