import { deepFreeze } from '../../support/deep-freeze.ts';
import { observeSchemas } from './sdk-internals.ts';

/**
 * Converts each schema of a tool or a prompt to JSON Schema once in the life of a process.
 *
 * A server is built for each request, and the SDK converts all schemas that it lists: two thirds of a `tools/list` with
 * twenty tools. A schema that is created outside `createServer` keeps its conversion; one that `createServer` creates is
 * converted for each request.
 */
observeSchemas(cacheConversions);

/** The conversion of a schema (Standard JSON Schema, `StandardJSONSchemaV1`). */
type Converter = Record<'input' | 'output', (options: Options) => Record<string, unknown>>;
type Options = { target: string; libraryOptions?: unknown };

const seen = new WeakSet<object>();

/** @param schema as registered; the SDK rejects a value that is not a schema */
function cacheConversions(schema: unknown): void {
  if (typeof schema !== 'object' || schema === null || seen.has(schema)) return;
  seen.add(schema);
  const converter = (schema as { '~standard'?: { jsonSchema?: Converter } })['~standard']?.jsonSchema;
  if (!converter) return;
  for (const direction of ['input', 'output'] as const) {
    const convert = converter[direction];
    const conversions = new Map<string, Record<string, unknown>>();
    converter[direction] = (options) => {
      const name = options.libraryOptions === undefined ? options.target : JSON.stringify(options);
      let converted = conversions.get(name);
      if (!converted) {
        converted = deepFreeze(convert(options));
        conversions.set(name, converted);
      }
      return converted;
    };
  }
}
