/** The inside of a check (server-check.ts). It runs in a worker thread, with the environment of the function. */
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { isOfSdkV1, type OwnerServer, protocolServerOf } from '../../lambda/core/mcp/sdk/owner-server.ts';
import { ownerFrame } from '../lambda/owner-frame.ts';
import { streamifyResponse, withPrelude } from '../lambda/response-stream.ts';
import type { CheckData, Finding } from './server-check.ts';
import { isTrialServer, type ListedTool, listTools, type TrialServer } from './trial-client.ts';
import { trialContext } from './trial-context.ts';

if (parentPort === null) throw new Error('server-check-worker.ts runs only in a worker thread');
const port = parentPort;
const { bundle, server, scopes, hasSdkV1Bridge } = workerData as CheckData;

/** Ends the check. */
class Mistake extends Error {
  readonly isFatal: boolean;

  constructor(text: string, isFatal = true) {
    super(text);
    this.isFatal = isFatal;
  }
}

/** Errors of other services, which may answer the next time. */
const outages = ['ServiceUnavailableError', 'UpstreamError'];

/** The error of both SDKs for the second tool, prompt or resource of a name. */
const isRepeated = (error: unknown) => error instanceof Error && error.message.endsWith(' is already registered');

const nameOf = (error: unknown) => (error instanceof Error ? error.name : '');
const placeOf = (error: unknown) => ownerFrame(error instanceof Error ? error.stack : undefined) ?? server;

/** @param error its stack has the place, if it is in the owner's modules */
function sentence(what: string, error: unknown): string {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `${placeOf(error)}: ${what}: ${reason}`;
}

async function check(): Promise<Finding[]> {
  const { createServer } = await load();
  if (typeof createServer !== 'function') throw new Mistake(`${server} exports no function createServer`);
  const create = async (): Promise<TrialServer> => {
    const { context, isRead } = trialContext(scopes);
    try {
      const created: unknown = await createServer(context);
      if (isTrialServer(created)) return created;
      throw new Mistake(`${server}: createServer returns ${described(created)}; return an McpServer`);
    } catch (error) {
      if (error instanceof Mistake) throw error;
      // A server may depend on the user, and reject this one.
      const isFatal = isRepeated(error) || (!isRead() && !outages.includes(nameOf(error)));
      throw new Mistake(sentence('createServer throws', error), isFatal);
    }
  };
  const created = await create();
  if ((await create()) === created) {
    throw new Mistake(`${server}: createServer returns one server again and again; create one for each request`);
  }
  const refused = [...refusals(created as OwnerServer)];
  if (refused.length > 0) return refused;
  const listed = await listTools(created).catch((error: Error) => error);
  const found =
    listed instanceof Error ? [await failedList(create, listed)] : await toolFindings(listed, created, create);
  return [...found, ...silentSubscriptions(created as OwnerServer)];
}

/** Servers that fail at each request are rejected here. */
function* refusals(created: OwnerServer): Generator<Finding> {
  const fatal = (text: string): Finding => ({ text: `${server}: ${text}`, isFatal: true });
  if (protocolServerOf(created).transport) {
    yield fatal('createServer returns a connected server; do not call connect');
  }
  if (isOfSdkV1(created) && !hasSdkV1Bridge) {
    yield fatal('the server is of SDK v1, which the bundle lacks; import @modelcontextprotocol/sdk/types.js');
  }
}

/** Clients do not see a capability that is switched off (lambda/core/mcp/change-notifications.ts). */
function silentSubscriptions(created: OwnerServer): Finding[] {
  const { resources } = protocolServerOf(created).getCapabilities();
  if (!resources?.subscribe || process.env.LISTEN_SECONDS !== undefined) return [];
  const text = `${server}: no client can subscribe to the server's resources; set listenTimeout`;
  return [{ text, isFatal: false }];
}

async function load(): Promise<{ createServer?: unknown }> {
  try {
    const module = await import(pathToFileURL(bundle).href);
    return module.default ?? module;
  } catch (error) {
    throw new Mistake(sentence('the server does not load', error));
  }
}

const described = (value: unknown) => (value === undefined ? 'nothing' : `a value of type ${typeof value}`);

const validName = /^[A-Za-z0-9._-]{1,128}$/;

async function toolFindings(
  tools: ListedTool[],
  created: TrialServer,
  create: () => Promise<TrialServer>,
): Promise<Finding[]> {
  const names = tools.map(({ name }) => name);
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  const invalid = names.filter((name) => !validName.test(name));
  const needTasks = tools.filter(requiresTask).map(({ name }) => name);
  const lack = taskRemedy(created as OwnerServer);
  if (repeated.size + invalid.length === 0 && (needTasks.length === 0 || lack === undefined)) return [];
  const { places } = await registrations(create);
  const at = (name: string) => `${places.get(name) ?? server}: the tool ${JSON.stringify(name)}`;
  return [
    ...[...repeated].map((name) => ({ text: `${at(name)} is listed twice; rename one`, isFatal: true })),
    ...invalid.map((name) => ({
      text: `${at(name)} has a name that clients reject; use up to 128 of A-Z a-z 0-9 _ - .`,
      isFatal: false,
    })),
    ...(lack === undefined ? [] : needTasks).map((name) => ({
      text: `${at(name)} requires a task of SDK v1, which no client can request; ${lack}`,
      isFatal: true,
    })),
  ];
}

const requiresTask = ({ execution }: ListedTool) => execution?.taskSupport === 'required';

/**
 * Clients are offered no tasks of SDK v1, because their store is in memory. A call of an `McpServer` waits for its task
 * (lambda/core/mcp/sdk/sdk-v1-tasks.ts).
 *
 * @returns undefined if its tools that require a task can be called
 */
function taskRemedy(created: OwnerServer): string | undefined {
  const remedy = 'use context.longRunning';
  if (!isOfSdkV1(created) || !('server' in created)) return remedy;
  const { _taskStore: store } = created.server as { _taskStore?: unknown };
  return store === undefined ? 'create the server with a taskStore' : undefined;
}

/** Lists each tool alone, to find the one that the list fails for. */
async function failedList(create: () => Promise<TrialServer>, error: Error): Promise<Finding> {
  const { created, places, handles } = await registrations(create);
  for (const [name, handle] of handles) {
    for (const other of handles.values()) other.disable();
    handle.enable();
    const failure = await listTools(created).then(
      () => undefined,
      (reason: Error) => reason,
    );
    if (failure === undefined) continue;
    const text = `${places.get(name) ?? server}: the tool ${JSON.stringify(name)} cannot be listed: ${failure.message}`;
    return { text, isFatal: true };
  }
  return { text: `${server}: tools/list fails: ${error.message}`, isFatal: false };
}

type ToolHandle = { enable(): void; disable(): void };

type Register = (...args: unknown[]) => ToolHandle;

/**
 * Creates a server again, and notes where it registers its tools. The servers of both SDKs have `registerTool`, and SDK v1
 * has other methods, which all call its private one.
 */
async function registrations(create: () => Promise<TrialServer>) {
  const prototype = Object.getPrototypeOf(await create()) as { [name in string]?: Register };
  const method = prototype._createRegisteredTool === undefined ? 'registerTool' : '_createRegisteredTool';
  const register = prototype[method];
  const places = new Map<string, string>();
  const handles = new Map<string, ToolHandle>();
  if (register !== undefined) {
    prototype[method] = function (...args) {
      const name = String(args[0]);
      places.set(name, placeOf(new Error('the place of the call')));
      const handle = register.apply(this, args);
      handles.set(name, handle);
      return handle;
    };
  }
  return { created: await create(), places, handles };
}

const post = (findings: Finding[]) => port.postMessage(findings);
const fail = (error: unknown) => {
  const { message, isFatal } =
    error instanceof Mistake ? error : new Mistake(sentence('an error ends the process', error));
  post([{ text: message, isFatal }]);
};

Object.assign(globalThis, { awslambda: { streamifyResponse, HttpResponseStream: { from: withPrelude } } });
// The variable is for Node.js, and not for the function.
delete process.env.NODE_COMPILE_CACHE;
process.on('uncaughtException', fail).on('unhandledRejection', fail);
await check().then(post, fail);
