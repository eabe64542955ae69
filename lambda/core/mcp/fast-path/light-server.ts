import type { CallToolResult, Implementation, McpServer, ServerCapabilities } from '@modelcontextprotocol/server';
import { serverInUse } from '../sdk/owner-server.ts';
import { completesArgument } from './light-completions.ts';
import { LightTemplate } from './light-template.ts';
import { constructOnSdk, loadedSdkPath, prepareSdk, sdkPath } from './sdk-on-demand.ts';

/**
 * Stands in for the SDK's `McpServer` in the owner's code: it notes what is registered, and creates the SDK's server from
 * these notes when something else is asked of it. From then on it passes everything on to that server.
 */

/** A Standard Schema with its JSON Schema (`StandardSchemaV1`, `StandardJSONSchemaV1`). */
export type ToolSchema = {
  '~standard': {
    validate(value: unknown): MaybePromise<{ value?: unknown; issues?: readonly unknown[] }>;
    jsonSchema: Record<'input' | 'output', (options: { target: string }) => Record<string, unknown>>;
  };
};

type MaybePromise<T> = T | Promise<T>;

// biome-ignore lint/suspicious/noExplicitAny: the callbacks of tools, prompts and resources differ in their arguments
export type Callback = (...input: any[]) => MaybePromise<CallToolResult>;

export type NotedTool = {
  readonly name: string;
  readonly config: {
    readonly title?: string;
    readonly description?: string;
    readonly inputSchema?: ToolSchema;
    readonly outputSchema?: ToolSchema;
    readonly annotations?: object;
    readonly icons?: object;
    readonly _meta?: object;
  };
  readonly callback: Callback;
};

export type NotedPrompt = {
  readonly config: {
    readonly title?: string;
    readonly description?: string;
    readonly argsSchema?: ToolSchema;
    readonly icons?: object;
    readonly _meta?: object;
  };
  readonly callback: Callback;
};

/** A resource, and its entry in the list. */
export type NotedResource = { readonly entry: object; readonly callback: Callback };

/** A template, its entry in the list, and whether it lists resources itself. */
export type NotedTemplate = { readonly entry: object; readonly lists: boolean };

type Kind = 'tools' | 'prompts' | 'resources' | 'completions';
type Method = 'registerTool' | 'registerPrompt' | 'registerResource';
type Registration<C extends object = object> = {
  readonly notes: ServerNotes;
  readonly method: Method;
  readonly name: string;
  /** Of a resource, or its template. */
  readonly uri: string | object | undefined;
  readonly config: C;
  readonly callback: Callback;
  /** Of the SDK's server. */
  handle: object | undefined;
};

/** A call that is in progress while its tool asks the server for more than the notes have. */
export interface RunningCall {
  /** The callback of the tool, and the one to register in its place: it returns the result of the call in progress. */
  readonly callback: Callback;
  readonly continuation: Callback;
  /** Prepares the SDK's server, which is not connected yet. */
  attach(server: McpServer): void;
  /** The server as the tool sees it: connected. */
  connected<T extends object>(server: T): T;
}

/** The notes of a light server. */
export type ServerNotes = {
  readonly info: Implementation;
  readonly options: ConstructorParameters<typeof McpServer>[1];
  readonly tools: NotedTool[];
  /** The tools that are expected, as long as they are registered. */
  usual: readonly CheckedTool[];
  /** Of the tools, since the first that was not expected. */
  toolNames: Set<string> | undefined;
  readonly prompts: Map<string, NotedPrompt>;
  /** By URI. */
  readonly resources: Map<string, NotedResource>;
  readonly templates: Map<string, NotedTemplate>;
  readonly registrations: Registration[];
  /** The kinds of registrations, in the order of the first of each. */
  readonly kinds: Set<Kind>;
  /** The SDK's server, once it is needed. */
  server: McpServer | undefined;
  call: RunningCall | undefined;
  /** Whether a request has it. */
  isClaimed: boolean;
};

/** The SDK's server with everything that the notes have. */
export function serverOf(notes: ServerNotes): McpServer {
  if (notes.server) return notes.server;
  const { info, options, registrations, call } = notes;
  const server = new (sdkPath().sdk.McpServer)(info, options);
  notes.server = server;
  for (const registration of registrations) {
    const { method, name, uri, config, callback } = registration;
    const place = uri === undefined ? [name] : [name, uri];
    const input = [...place, config, call && callback === call.callback ? call.continuation : callback];
    registration.handle = (server[method] as (...given: unknown[]) => object)(...input);
  }
  call?.attach(server);
  return server;
}

/** Members of the SDK's server that no note answers. */
const passedOn = [
  ...['server', 'connect', 'close', 'isConnected', 'resolveScopeChallenge', 'toolInputSchemaJson'],
  ...['sendLoggingMessage', 'sendResourceListChanged', 'sendToolListChanged', 'sendPromptListChanged'],
  ...['_registeredTools', '_registeredPrompts', '_registeredResources', '_registeredResourceTemplates'],
];

/** A tool name of which the SDK does not warn. */
const plainName = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_])?$/;

/** A tool whose name and schemas have been checked. */
type CheckedTool = { name: string; inputSchema: unknown; outputSchema: unknown };

/**
 * The tools of an earlier server, in their order. A server is created for each request, mostly with the same tools: as long
 * as it registers these, their names differ and need no further check.
 */
let usualTools: readonly CheckedTool[] = [];
const MOST_USUAL = 1_000;

export class LightServer {
  readonly #notes: ServerNotes;

  /** Typed and documented as the SDK's `McpServer`, which owners see. */
  constructor(info: Implementation, options?: ServerNotes['options']) {
    const notes: ServerNotes = {
      info,
      options,
      tools: [],
      usual: usualTools,
      toolNames: undefined,
      prompts: new Map(),
      resources: new Map(),
      templates: new Map(),
      registrations: [],
      kinds: new Set(),
      server: undefined,
      call: undefined,
      isClaimed: false,
    };
    this.#notes = notes;
    // biome-ignore lint/correctness/noConstructorReturn: a class that extends the SDK's server overrides methods that the SDK calls
    if (new.target !== LightServer) return onSdk(new.target, info, options);
    if (!isPlainObject(info) || !arePlainOptions(options)) serverOf(notes);
  }

  /** Claims a server for one request. @throws Error when an earlier request has it: its notes have the call of that user */
  static claim<S>(server: S): S {
    if (!isLight(server)) return server;
    if (server.#notes.isClaimed) throw serverInUse();
    server.#notes.isClaimed = true;
    expectAgain(server.#notes);
    return server;
  }

  /** @returns undefined for another server, and for one that is the SDK's by now */
  static notesOf(server: unknown): ServerNotes | undefined {
    return isLight(server) && !server.#notes.server ? server.#notes : undefined;
  }

  /** The SDK's server, for one that stands in for it. */
  static resolve<S>(server: S): S | McpServer {
    return isLight(server) ? serverOf(server.#notes) : server;
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    const McpServer = loadedSdkPath()?.sdk.McpServer;
    return isLight(value) || (McpServer !== undefined && value instanceof McpServer);
  }

  static has(value: object): value is LightServer {
    return #notes in value;
  }

  static member(value: object, name: string): unknown {
    if (!LightServer.has(value)) return undefined;
    const notes = value.#notes;
    const server = serverOf(notes) as unknown as Record<string, unknown>;
    if (name === 'server') return notes.call ? notes.call.connected(server.server as object) : server.server;
    const member = (notes.call ? notes.call.connected(server) : server)[name];
    return typeof member === 'function' ? member.bind(server) : member;
  }

  registerTool(name: string, config: NotedTool['config'], callback: Callback): object {
    const notes = this.#notes;
    const { tools, usual, server, call, registrations } = notes;
    const expected = usual[tools.length];
    // In one function, since each request calls it for every tool.
    const isUsual =
      expected !== undefined &&
      expected.name === name &&
      typeof callback === 'function' &&
      typeof config === 'object' &&
      config !== null &&
      Object.getPrototypeOf(config) === Object.prototype &&
      config.inputSchema === expected.inputSchema &&
      config.outputSchema === expected.outputSchema &&
      (config as { scopeChallenge?: unknown }).scopeChallenge === undefined;
    if (server || call || !(isUsual || isFurtherTool(notes, name, config, callback))) {
      return serverOf(notes).registerTool(name, config as never, callback as never);
    }
    const tool = {
      notes,
      method: 'registerTool' as const,
      name,
      uri: undefined,
      config: { ...config },
      callback,
      handle: undefined,
    };
    registrations.push(tool);
    tools.push(tool);
    if (tools.length === 1) notes.kinds.add('tools');
    return new LightHandle(tool);
  }

  registerPrompt(name: string, config: NotedPrompt['config'], callback: Callback): object {
    const notes = this.#notes;
    if (isBusy(notes) || !isPlainKey(name) || notes.prompts.has(name) || !isPlainPrompt(config)) {
      return serverOf(notes).registerPrompt(name, config as never, callback as never);
    }
    const prompt = note(notes, 'registerPrompt', name, config, callback);
    notes.prompts.set(name, prompt);
    if (completesArgument(prompt.config.argsSchema)) notes.kinds.add('completions');
    notes.kinds.add('prompts');
    return new LightHandle(prompt);
  }

  registerResource(name: string, uri: string | object, config: object, callback: Callback): object {
    const notes = this.#notes;
    const template = LightTemplate.factsOf(uri);
    const key = template ? name : uri;
    const isNew = isPlainKey(key) && !(template ? notes.templates : notes.resources).has(key);
    if (isBusy(notes) || !isNew || !isPlainResource(config)) {
      return serverOf(notes).registerResource(name, uri as string, config, callback as never);
    }
    const { cacheHint: _, scopeChallenge: __, ...metadata } = config;
    if (template) {
      const { text: uriTemplate, lists, completes } = template;
      notes.templates.set(name, { entry: { name, uriTemplate, ...metadata }, lists });
      if (completes) notes.kinds.add('completions');
    } else notes.resources.set(uri as string, { entry: { uri, name, ...metadata }, callback });
    notes.kinds.add('resources');
    return new LightHandle(note(notes, 'registerResource', name, config, callback, uri));
  }
}

const isLight = (value: unknown): value is LightServer =>
  typeof value === 'object' && value !== null && LightServer.has(value);

// The SDK accepts the stand-in wherever it accepts its own class.
prepareSdk(({ sdk: { McpServer } }) => {
  const isInstance = (value: unknown) =>
    isLight(value) || Function.prototype[Symbol.hasInstance].call(McpServer, value);
  Object.defineProperty(McpServer, Symbol.hasInstance, { value: isInstance });
});

for (const name of passedOn) {
  Object.defineProperty(LightServer.prototype, name, {
    configurable: true,
    get(this: object) {
      return LightServer.member(this, name);
    },
  });
}

/** Whether a change has to be announced: the SDK's server exists, or a call is in progress. */
const isBusy = ({ server, call }: ServerNotes) => server !== undefined || call !== undefined;

const onSdk = (target: NewableFunction, ...input: unknown[]): LightServer =>
  constructOnSdk(target, LightServer, sdkPath().sdk.McpServer, input) as unknown as LightServer;

/** As the SDK's server announces them: those of its options first, then each kind when the first of it is registered. */
export function capabilitiesOf({ options, kinds }: ServerNotes): ServerCapabilities {
  const capabilities: ServerCapabilities = { ...options?.capabilities };
  const announce = (kind: 'tools' | 'resources' | 'prompts') => {
    if (capabilities[kind]?.listChanged === undefined)
      capabilities[kind] = { ...capabilities[kind], listChanged: true };
  };
  for (const kind of ['tools', 'resources', 'prompts'] as const) if (capabilities[kind]) announce(kind);
  for (const kind of kinds) {
    if (kind === 'completions') capabilities.completions = { ...capabilities.completions };
    else announce(kind);
  }
  return capabilities;
}

function note<C extends object>(
  notes: ServerNotes,
  method: Method,
  name: string,
  config: C,
  callback: Callback,
  uri?: string | object,
): Registration<C> {
  const registration = { notes, method, name, uri, config: { ...config }, callback, handle: undefined };
  notes.registrations.push(registration);
  return registration;
}

/** The result of a registration. Every use of it needs the SDK's server. */
class LightHandle {
  readonly #registration: Registration;

  constructor(registration: Registration) {
    this.#registration = registration;
  }

  static real(handle: LightHandle): Record<string, unknown> {
    const registration = handle.#registration;
    serverOf(registration.notes);
    return registration.handle as Record<string, unknown>;
  }
}

const handleMembers = [
  ...['title', 'description', 'inputSchema', 'outputSchema', 'outputSchemaJson', 'annotations', 'icons', 'execution'],
  ...['scopeChallenge', '_meta', 'handler', 'executor', 'enabled', 'disable', 'enable', 'remove', 'update'],
  ...['argsSchema', 'name', 'metadata', 'readCallback', 'cacheHint'],
];

for (const name of handleMembers) {
  Object.defineProperty(LightHandle.prototype, name, {
    enumerable: true,
    get(this: LightHandle) {
      return LightHandle.real(this)[name];
    },
    set(this: LightHandle, value: unknown) {
      LightHandle.real(this)[name] = value;
    },
  });
}

/** The remaining options change how the SDK answers. */
function arePlainOptions(options: object | undefined): boolean {
  if (options === undefined) return true;
  if (!isPlainObject(options)) return false;
  const { capabilities, instructions, ...others } = options;
  return (
    Object.values(others).every((value) => value === undefined) &&
    (instructions === undefined || typeof instructions === 'string') &&
    (capabilities === undefined || (isPlainObject(capabilities) && Object.values(capabilities).every(isPlainObject)))
  );
}

/** Whether a tool that is not expected is plain. From then on none is. */
function isFurtherTool(notes: ServerNotes, name: string, config: unknown, callback: unknown): boolean {
  if (!isPlainTool(name, config, callback)) return false;
  notes.usual = [];
  notes.toolNames ??= new Set(notes.tools.map((tool) => tool.name));
  if (notes.toolNames.has(name)) return false;
  notes.toolNames.add(name);
  return true;
}

/** Expects the tools of a server again, if they were not expected. */
function expectAgain({ tools, toolNames }: ServerNotes): void {
  if (!toolNames || tools.length > MOST_USUAL) return;
  usualTools = tools.map(({ name, config: { inputSchema, outputSchema } }) => ({ name, inputSchema, outputSchema }));
}

function isPlainTool(name: string, config: unknown, callback: unknown): boolean {
  if (typeof callback !== 'function' || !isPlainObject(config) || config.scopeChallenge !== undefined) return false;
  const { inputSchema, outputSchema } = config;
  if (!isPlainKey(name) || !plainName.test(name) || !isPlainSchema(inputSchema) || !isPlainSchema(outputSchema))
    return false;
  return true;
}

function isPlainPrompt(config: unknown): config is NotedPrompt['config'] {
  if (!isPlainObject(config)) return false;
  const { argsSchema, scopeChallenge } = config;
  return scopeChallenge === undefined && isPlainSchema(argsSchema);
}

const isPlainResource = (config: unknown): config is Record<string, unknown> =>
  isPlainObject(config) && config.cacheHint === undefined && config.scopeChallenge === undefined;

/** Whether a record of the SDK has it in the order of its registration, and not from the start. */
const isPlainKey = (key: unknown): key is string =>
  typeof key === 'string' && !(key in Object.prototype) && !/^\d+$/.test(key);

/** Whether the schema needs no help of the SDK to become JSON Schema. */
function isPlainSchema(schema: unknown): boolean {
  if (schema === undefined) return true;
  if (typeof schema !== 'object' || schema === null) return false;
  const standard = (schema as Partial<ToolSchema>)['~standard'];
  return typeof standard?.validate === 'function' && typeof standard.jsonSchema?.input === 'function';
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
