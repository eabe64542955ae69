import { McpServer } from '@modelcontextprotocol/server';
import { deepFreeze } from '../../support/deep-freeze.ts';

/**
 * Has each schema of a tool or a prompt converted to JSON Schema once in the life of a process.
 *
 * A server is built for each request, and the SDK converts all it lists, every time: with twenty tools that is two thirds
 * of a `tools/list`. The schemas themselves can be the same for every request, if `createServer` does not make them: of
 * these the conversion is kept, with the schema. Those that are made anew are converted anew.
 */
const { registerTool, registerPrompt } = McpServer.prototype;
// Named one by one: to gather them and hand them on is a tenth of a warm call with twenty tools.
type Tool = Parameters<typeof registerTool>;
type Prompt = Parameters<typeof registerPrompt>;

McpServer.prototype.registerTool = function (this: McpServer, name: Tool[0], config: Tool[1], callback: Tool[2]) {
  keepConversions(config.inputSchema);
  keepConversions(config.outputSchema);
  return registerTool.call(this, name, config, callback as never);
} as typeof registerTool;

McpServer.prototype.registerPrompt = function (
  this: McpServer,
  name: Prompt[0],
  config: Prompt[1],
  callback: Prompt[2],
) {
  keepConversions(config.argsSchema);
  return registerPrompt.call(this, name, config, callback as never);
} as typeof registerPrompt;

/** What a schema is converted with (Standard JSON Schema, `StandardJSONSchemaV1`). */
type Converter = Record<'input' | 'output', (options: Options) => Record<string, unknown>>;
type Options = { target: string; libraryOptions?: unknown };

const seen = new WeakSet<object>();

/** @param schema what was given as one; the SDK will say so if it is none */
function keepConversions(schema: unknown): void {
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
