import { AwsError } from '../../aws-api/aws-error.ts';
import type { AttributeValue, Item } from '../attribute-value.ts';
import { validateValue } from '../attribute-value-reader.ts';
import { validationError } from '../validation-error.ts';
import { ExpressionError } from './expression-error.ts';

/** The `ExpressionAttributeNames` and `ExpressionAttributeValues` of one request; keeps track of unused ones. */
export class ExpressionPlaceholders {
  readonly #names: Map<string, string>;
  readonly #values: Map<string, AttributeValue>;
  readonly #unusedNames: Set<string>;
  readonly #unusedValues: Set<string>;

  /** @throws AwsError ValidationException when one of them is empty, or has an invalid key or value */
  constructor(names: Map<string, string> | undefined, values: Item | undefined) {
    this.#names = names ?? new Map();
    this.#values = new Map(Object.entries(values ?? {}));
    this.#unusedNames = new Set(this.#names.keys());
    this.#unusedValues = new Set(this.#values.keys());
    if (names) checkKeys('ExpressionAttributeNames', names.keys(), /^#[0-9a-zA-Z_]+$/);
    if (values) checkKeys('ExpressionAttributeValues', this.#values.keys(), /^:[0-9a-zA-Z_]+$/);
    for (const [key, value] of this.#values) checkValue(key, value);
  }

  /** @param placeholder with its `#` */
  name(placeholder: string): string {
    const name = this.#names.get(placeholder);
    if (name === undefined) {
      throw new ExpressionError(
        `An expression attribute name used in the document path is not defined; attribute name: ${placeholder}`,
      );
    }
    this.#unusedNames.delete(placeholder);
    return name;
  }

  /** @param placeholder with its `:` */
  value(placeholder: string): AttributeValue {
    const value = this.#values.get(placeholder);
    if (value === undefined) {
      throw new ExpressionError(
        `An expression attribute value used in expression is not defined; attribute value: ${placeholder}`,
      );
    }
    this.#unusedValues.delete(placeholder);
    return value;
  }

  /** To be called when all expressions of the request are parsed. @throws AwsError ValidationException */
  checkAllUsed(): void {
    const unused = (parameter: string, keys: Set<string>) => {
      if (keys.size === 0) return;
      throw validationError(`Value provided in ${parameter} unused in expressions: keys: {${[...keys].join(', ')}}`);
    };
    unused('ExpressionAttributeNames', this.#unusedNames);
    unused('ExpressionAttributeValues', this.#unusedValues);
  }
}

const maxKeyLength = 255;

function checkKeys(parameter: string, keys: Iterable<string>, valid: RegExp): void {
  const all = [...keys];
  if (all.length === 0) throw validationError(`${parameter} must not be empty`);
  const invalid = all.find((key) => !valid.test(key) || key.length > maxKeyLength);
  if (invalid === undefined) return;
  throw validationError(`${parameter} contains invalid key: Syntax error; key: "${invalid.slice(0, 60)}"`);
}

function checkValue(key: string, value: AttributeValue): void {
  try {
    validateValue(value);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw validationError(`ExpressionAttributeValues contains invalid value: ${error.message} for key ${key}`);
  }
}
