import { keepText } from '../json-text.ts';
import { capabilitiesOf, type NotedPrompt, type NotedTool, type ServerNotes } from './light-server.ts';
import { type Era, type Result, type ServerInfo, schemaText, stated, uncached } from './plain-results.ts';

type Options = {
  era: Era;
  serverInfo: ServerInfo;
  /** Whether the user sees the tool of this name. */
  isVisible: (name: string) => boolean;
  /** A tool after those of the server. */
  further: { name: string } | undefined;
};

/**
 * The list that a method requests.
 *
 * @returns undefined for another method, and for a list that the SDK would change or reject
 */
export function plainList(notes: ServerNotes, method: string, options: Options): Result | undefined {
  const { tools, prompts, resources, templates } = notes;
  const capabilities = capabilitiesOf(notes);
  switch (method) {
    case 'tools/list': {
      if (!capabilities.tools) return undefined;
      const { isVisible, further } = options;
      const texts = tools.flatMap((tool) => (isVisible(tool.name) ? [toolText(tool)] : []));
      if (further && isVisible(further.name)) texts.push(JSON.stringify(further));
      return listResult('tools', texts, options);
    }
    case 'prompts/list': {
      const texts = [...prompts].map(([name, prompt]) => promptText(name, prompt));
      return capabilities.prompts && listResult('prompts', texts, options);
    }
    case 'resources/list': {
      if ([...templates.values()].some(({ lists }) => lists)) return undefined;
      return capabilities.resources && listResult('resources', entries(resources), options);
    }
    case 'resources/templates/list':
      return capabilities.resources && listResult('resourceTemplates', entries(templates), options);
    default:
      return undefined;
  }
}

const entries = (noted: Map<string, { entry: object }>): string[] =>
  [...noted.values()].map(({ entry }) => JSON.stringify(entry));

/**
 * A list; its text is put together from those of its entries.
 *
 * @param texts undefined for an entry that the SDK would change or reject
 */
function listResult(
  member: 'tools' | 'prompts' | 'resources' | 'resourceTemplates',
  texts: readonly (string | undefined)[],
  { era, serverInfo }: Options,
): Result | undefined {
  if (texts.includes(undefined)) return undefined;
  const end =
    era === 'legacy'
      ? ''
      : `,${JSON.stringify({ resultType: 'complete', ...uncached, ...stated(serverInfo) }).slice(1, -1)}`;
  return keepText({}, `{"${member}":[${texts.join()}]${end}}`);
}

/** The entry of a prompt in their list. */
function promptText(name: string, { config }: NotedPrompt): string | undefined {
  const { title, description, argsSchema, icons, _meta } = config;
  const schema = argsSchema && schemaText(argsSchema, 'input');
  if (argsSchema && schema === undefined) return undefined;
  return JSON.stringify({ name, title, description, arguments: schema && promptArguments(schema), icons, _meta });
}

type ObjectSchema = { properties?: Record<string, { description?: unknown } | undefined>; required?: string[] };

function promptArguments(schema: string): object[] {
  const { properties = {}, required = [] }: ObjectSchema = JSON.parse(schema);
  return Object.entries(properties).map(([name, property]) => {
    return { name, description: property?.description, required: required.includes(name) };
  });
}

type Listed = { config: NotedTool['config']; objects: string; text: string };

/** By name: a server is created for each request, mostly with the same tools. */
const listed = new Map<string, Listed>();
const MOST_LISTED = 1_000;

/** The entry of a tool in their list. */
function toolText({ name, config }: NotedTool): string | undefined {
  const { title, description, annotations, icons, _meta, inputSchema, outputSchema } = config;
  // Objects may have changed since. Few tools have any.
  const objects = annotations || icons || _meta ? JSON.stringify({ annotations, icons, _meta }).slice(1, -1) : '';
  const known = listed.get(name);
  if (known?.objects === objects && texts.every((member) => known.config[member] === config[member])) return known.text;
  const input = schemaText(inputSchema, 'input');
  const output = outputSchema && schemaText(outputSchema, 'output');
  if (input === undefined || (outputSchema && output === undefined)) return undefined;
  const members = [JSON.stringify({ name, title, description }).slice(1, -1), `"inputSchema":${input}`, objects];
  if (output) members.push(`"outputSchema":${output}`);
  const text = `{${members.filter((each) => each !== '').join()}}`;
  if (listed.size === MOST_LISTED) listed.clear();
  listed.set(name, { config, objects, text });
  return text;
}

/** Members that are equal if they are the same. */
const texts = ['title', 'description', 'inputSchema', 'outputSchema'] as const;
