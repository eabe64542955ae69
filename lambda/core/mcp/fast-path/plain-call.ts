import type { Callback, ServerNotes, ToolSchema } from './light-server.ts';
import type { PlainRequest } from './plain-message.ts';
import {
  type Era,
  promptResult,
  type Result,
  resourceResult,
  type ServerInfo,
  schemaText,
  toolResult,
} from './plain-results.ts';

/** The tool, the prompt or the resource that a request calls. */
export type PlainCall = {
  callback: Callback;
  /** The schema of the arguments, if the callback receives any. */
  schema: ToolSchema | undefined;
  /** The URI that a resource receives. */
  uri?: URL;
  /** @returns undefined for a result that the SDK would change or reject */
  resultOf(returned: unknown, serverInfo: ServerInfo): Promise<Result | undefined>;
};

export const callMethods = ['tools/call', 'prompts/get', 'resources/read'];

/** @returns undefined for a call that the SDK checks further, and for unknown names */
export function plainCall(
  { tools, prompts, resources }: ServerNotes,
  { method, params: { name = '', uri } }: PlainRequest,
  era: Era,
): PlainCall | undefined {
  if (method === 'tools/call') {
    const tool = tools.find((each) => each.name === name);
    if (!tool || (era === 'modern' && schemaText(tool.config.inputSchema, 'input') === undefined)) return undefined;
    const { callback, config } = tool;
    return {
      callback,
      schema: config.inputSchema,
      resultOf: (returned, info) => toolResult(returned, tool, era, info),
    };
  }
  if (method === 'prompts/get') {
    const prompt = prompts.get(name);
    const resultOf: PlainCall['resultOf'] = async (returned, info) => promptResult(returned, era, info);
    return prompt && { callback: prompt.callback, schema: prompt.config.argsSchema, resultOf };
  }
  const parsed = URL.parse(uri ?? '');
  const resource = parsed ? resources.get(parsed.toString()) : undefined;
  if (!parsed || !resource) return undefined;
  const { callback } = resource;
  const resultOf: PlainCall['resultOf'] = async (returned, info) => resourceResult(returned, era, info);
  return { callback, schema: undefined, uri: parsed, resultOf };
}
