import type { Implementation, ServerCapabilities } from '@modelcontextprotocol/server';
import { jsonText, keepText } from '../json-text.ts';
import type { NotedTool, ServerNotes, ToolSchema } from './light-server.ts';
import { hasOnly, SUPPORTED_PROTOCOL_VERSIONS } from './plain-values.ts';

/**
 * The results of the fast path, byte for byte as the SDK sends them. Each function returns undefined for a result that the
 * SDK would change or reject.
 */

export type Era = 'legacy' | 'modern';

const SERVER_KEY = 'io.modelcontextprotocol/serverInfo';

export type Result = Record<string, unknown>;

/** Called for the results that state it. */
export type ServerInfo = () => Implementation;

export function initializeResult(
  { options }: ServerNotes,
  capabilities: ServerCapabilities,
  serverInfo: ServerInfo,
  requested: string | undefined,
): Result {
  const isSupported = requested !== undefined && SUPPORTED_PROTOCOL_VERSIONS.includes(requested);
  return {
    protocolVersion: isSupported ? requested : SUPPORTED_PROTOCOL_VERSIONS[0],
    capabilities,
    serverInfo: serverInfo(),
    ...instructionsIn(options),
  };
}

export function discoverResult(
  { options }: ServerNotes,
  { tasks: _, ...capabilities }: ServerCapabilities,
  serverInfo: ServerInfo,
): Result {
  const result = { supportedVersions: ['2026-07-28'], capabilities, ...instructionsIn(options) };
  return { ...result, resultType: 'complete', ...uncached, ...stated(serverInfo) };
}

const instructionsIn = (options: ServerNotes['options']) =>
  options?.instructions ? { instructions: options.instructions } : {};

export const uncached = { ttlMs: 0, cacheScope: 'private' };

export const stated = (serverInfo: ServerInfo) => ({ _meta: { [SERVER_KEY]: serverInfo() } });

type Direction = 'input' | 'output';

const schemaTexts = new WeakMap<ToolSchema, Partial<Record<Direction, string>>>();

/**
 * The JSON Schema of a tool; that of a tool without arguments, for none.
 *
 * @returns undefined for one that the SDK changes, checks or rejects
 */
export function schemaText(schema: ToolSchema | undefined, direction: Direction): string | undefined {
  if (!schema) return '{"type":"object","properties":{}}';
  const known = schemaTexts.get(schema)?.[direction];
  if (known !== undefined) return known;
  let converted: Record<string, unknown>;
  try {
    converted = schema['~standard'].jsonSchema[direction]({ target: 'draft-2020-12' });
  } catch {
    // The SDK repeats it, and reports the failure.
    return undefined;
  }
  const isObject = converted.type === 'object' || (direction === 'input' && converted.type === undefined);
  const text = isObject
    ? JSON.stringify(direction === 'input' ? { type: 'object', ...converted } : converted)
    : undefined;
  // Declarations of headers (MCP 2026-07-28, `x-mcp-header`) concern calls as well.
  if (text === undefined || text.includes('x-mcp-header')) return undefined;
  schemaTexts.set(schema, { ...schemaTexts.get(schema), [direction]: text });
  return text;
}

/** The result of a tool with content of text, and with structured content that its schema admits. */
export async function toolResult(
  result: unknown,
  { config: { outputSchema } }: NotedTool,
  era: Era,
  serverInfo: ServerInfo,
): Promise<Result | undefined> {
  const members = plainMembers(result);
  if (!members) return undefined;
  const { structuredContent, isError } = members;
  if (outputSchema && !isError) {
    // One that is not an object is another one for the clients of the 2025 era.
    if (era === 'legacy' && schemaText(outputSchema, 'output') === undefined) return undefined;
    if (structuredContent === undefined) return undefined;
    const { issues } = await outputSchema['~standard'].validate(structuredContent);
    if (issues && issues.length > 0) return undefined;
  }
  return era === 'legacy' ? members : { ...members, resultType: 'complete', ...stated(serverInfo) };
}

/** The result of a prompt, whose members the SDK passes on. */
export const promptResult = (result: unknown, era: Era, serverInfo: ServerInfo): Result | undefined =>
  passedOn(result, ['description', 'messages'], era, () => stated(serverInfo));

/** The content of a resource, which the SDK passes on. */
export const resourceResult = (result: unknown, era: Era, serverInfo: ServerInfo): Result | undefined =>
  passedOn(result, ['contents'], era, () => ({ ...uncached, ...stated(serverInfo) }));

function passedOn(result: unknown, members: string[], era: Era, end: () => object): Result | undefined {
  if (!isPlainRecord(result) || !hasOnly(result, members)) return undefined;
  return era === 'legacy' ? result : { ...result, resultType: 'complete', ...end() };
}

const resultMembers = ['content', 'structuredContent', 'isError'];
const textMembers = ['type', 'text'];

/** The members of a result in the order of the SDK's schema. */
function plainMembers(result: unknown): Result | undefined {
  if (!isPlainRecord(result)) return undefined;
  const { content, structuredContent, isError } = result;
  if (!Array.isArray(content) || !hasOnly(result, resultMembers)) return undefined;
  if (isError !== undefined && typeof isError !== 'boolean') return undefined;
  if (structuredContent !== undefined && !isPlainRecord(structuredContent)) return undefined;
  const texts = content.map(plainText);
  if (texts.includes(undefined)) return undefined;
  return {
    content: texts,
    ...(structuredContent !== undefined && { structuredContent }),
    ...(isError !== undefined && { isError }),
  };
}

function plainText(content: unknown): object | undefined {
  if (!isPlainRecord(content)) return undefined;
  const { type, text } = content;
  return type === 'text' && typeof text === 'string' && hasOnly(content, textMembers) ? { type, text } : undefined;
}

function isPlainRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, '__proto__')) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A response, and its text. @throws TypeError for a value that JSON cannot express */
export function responseOf(
  id: string | number,
  result: Result,
): { result: Result; jsonrpc: '2.0'; id: string | number } {
  return keepText(
    { result, jsonrpc: '2.0', id },
    `{"result":${jsonText(result)},"jsonrpc":"2.0","id":${JSON.stringify(id)}}`,
  );
}
