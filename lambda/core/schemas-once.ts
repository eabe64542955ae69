import { McpServer } from '@modelcontextprotocol/server';
import { frozen } from './frozen.ts';

/**
 * Has each schema of a tool or a prompt converted to JSON Schema once in the life of a process.
 *
 * A server is built for each request, and the SDK converts all it lists, every time: with twenty tools that is two thirds
 * of a `tools/list`. The schemas themselves can be the same for every request, if `createServer` does not make them: of
 * these the conversion is kept, with the schema. Those that are made anew are converted anew.
 */
const { registerTool, registerPrompt } = McpServer.prototype;

McpServer.prototype.registerTool = function (this: McpServer, ...given: unknown[]) {
  const { inputSchema, outputSchema } = (given[1] ?? {}) as { inputSchema?: unknown; outputSchema?: unknown };
  keepConversions(inputSchema);
  keepConversions(outputSchema);
  return Reflect.apply(registerTool, this, given);
} as typeof registerTool;

McpServer.prototype.registerPrompt = function (this: McpServer, ...given: unknown[]) {
  keepConversions((given[1] as { argsSchema?: unknown } | undefined)?.argsSchema);
  return Reflect.apply(registerPrompt, this, given);
} as typeof registerPrompt;

/** What a schema is converted with (Standard JSON Schema, `StandardJSONSchemaV1`). */
type Converter = Record<'input' | 'output', (options: { target: string }) => Record<string, unknown>>;

const kept = new WeakSet<Converter>();

/** @param schema what was given as one; the SDK will say so if it is none */
function keepConversions(schema: unknown): void {
  const converter = (schema as { '~standard'?: { jsonSchema?: Converter } } | undefined)?.['~standard']?.jsonSchema;
  if (!converter || kept.has(converter)) return;
  kept.add(converter);
  for (const direction of ['input', 'output'] as const) {
    const convert = converter[direction];
    const conversions = new Map<string, Record<string, unknown>>();
    converter[direction] = (options) => {
      const name = JSON.stringify(options);
      let converted = conversions.get(name);
      if (!converted) {
        converted = frozen(convert(options));
        conversions.set(name, converted);
      }
      return converted;
    };
  }
}
