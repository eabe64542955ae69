import type { ServerCapabilities } from '@modelcontextprotocol/server';
import { missingGroups } from '../../../shared/scope-set.ts';
import { withoutChangeNotifications } from '../change-notifications.ts';
import type { Execution } from '../execution.ts';
import { jsonText } from '../json-text.ts';
import { type McpExchange, type PendingResponse, respond } from '../mcp-exchange.ts';
import { McpHeaders, McpResponse } from '../mcp-http.ts';
import { plainError } from '../plain-error.ts';
import { brandedInfo } from '../sdk/branded-info.ts';
import type { OwnerServer } from '../sdk/owner-server.ts';
import type { ServerStep, ServerStepDependencies } from '../server-step.ts';
import { STREAM_AFTER_MILLISECONDS } from '../sse.ts';
import { resultTool, TASKS_EXTENSION } from '../tasks/task-offers.ts';
import type { TaskWorker } from '../tasks/task-worker.ts';
import { DeferredLongRunning } from './deferred-long-running.ts';
import { LightCall } from './light-call.ts';
import { capabilitiesOf, LightServer, type ServerNotes, type ToolSchema } from './light-server.ts';
import type * as onSdk from './no-fast-path.ts';
import { callMethods, type PlainCall, plainCall } from './plain-call.ts';
import { plainList } from './plain-lists.ts';
import { isPlainInitialized, type PlainRequest, plainLegacyRequest, plainModernRequest } from './plain-message.ts';
import {
  discoverResult,
  type Era,
  initializeResult,
  type Result,
  responseOf,
  type ServerInfo,
} from './plain-results.ts';
import { sdkPath } from './sdk-on-demand.ts';

type Answers = Pick<ServerStep, keyof ServerStep>;

export const openServerStep: typeof onSdk.openServerStep = (dependencies) => new FastServerStep(dependencies);

/** The worker executes calls that have waited, on the SDK. */
export const openTaskWorker: typeof onSdk.openTaskWorker = (dependencies) => {
  let worker: TaskWorker | undefined;
  return {
    work: (...job) => {
      worker ??= new (sdkPath().TaskWorker)(dependencies);
      return worker.work(...job);
    },
  };
};

/** Step 3 of the pipeline without the SDK, for the messages and results in their common form. The SDK has the others. */
class FastServerStep implements Answers {
  readonly #dependencies: ServerStepDependencies;
  #onSdk: ServerStep | undefined;

  constructor(dependencies: ServerStepDependencies) {
    this.#dependencies = dependencies;
  }

  get announcesChanges(): boolean {
    return this.#dependencies.listenSeconds > 0;
  }

  modern(exchange: McpExchange): Promise<PendingResponse> {
    const request = exchange.isWorker ? undefined : plainModernRequest(exchange);
    return request ? this.#answer('modern', exchange, request) : this.#sdk.modern(exchange);
  }

  legacy(exchange: McpExchange): Promise<PendingResponse> {
    const request = plainLegacyRequest(exchange);
    if (request) return this.#answer('legacy', exchange, request);
    return isPlainInitialized(exchange) ? this.#begin(exchange) : this.#sdk.legacy(exchange);
  }

  listen(exchange: McpExchange): Promise<PendingResponse> {
    return this.#sdk.listen(exchange);
  }

  resume(...input: Parameters<ServerStep['resume']>): Promise<PendingResponse> {
    return this.#sdk.resume(...input);
  }

  execute(exchange: McpExchange, execution: Execution, milliseconds: number): Promise<void> {
    return this.#sdk.execute(exchange, execution, milliseconds);
  }

  get #sdk(): ServerStep {
    if (!this.#onSdk) {
      const { create, ...others } = this.#dependencies;
      const createOnSdk: typeof create = async (context) =>
        LightServer.resolve(LightServer.claim(await create(context)));
      this.#onSdk = new (sdkPath().ServerStep)({ ...others, create: createOnSdk });
    }
    return this.#onSdk;
  }

  /** The notification that a session has begun. */
  async #begin(exchange: McpExchange): Promise<PendingResponse> {
    const { notes, answerBySdk } = await this.#create('legacy', exchange);
    return notes ? respond(new McpResponse(null, { status: 202 })) : answerBySdk();
  }

  async #answer(era: Era, exchange: McpExchange, request: PlainRequest): Promise<PendingResponse> {
    const { notes, longRunning, answerBySdk } = await this.#create(era, exchange);
    if (!notes) return answerBySdk();
    const serverInfo = () => ({ ...brandedInfo(this.#dependencies.branding, exchange.body), ...notes.info });
    if (callMethods.includes(request.method)) {
      const called = plainCall(notes, request, era);
      if (!called || longRunning.has(called.callback)) return answerBySdk();
      const hasLongRunning = longRunning.hasTools;
      return this.#call(era, exchange, request, { notes, called, serverInfo, hasLongRunning, answerBySdk });
    }
    const result = this.#result(era, exchange, request, { notes, serverInfo, hasLongRunning: longRunning.hasTools });
    return result ? this.#respond(exchange, request, result) : answerBySdk();
  }

  /** The owner's server, created once, whichever path answers. */
  async #create(era: Era, exchange: McpExchange) {
    const { create, clock } = this.#dependencies;
    const longRunning = new DeferredLongRunning();
    const startedAt = clock.now();
    let created: { server: OwnerServer } | { error: unknown };
    try {
      created = { server: LightServer.claim(await create({ ...exchange.context, longRunning: longRunning.wrap })) };
    } catch (error) {
      created = { error };
    }
    const answerBySdk = () => {
      const server: NonNullable<McpExchange['prepared']>['server'] = (tools) => {
        if (!('server' in created)) throw created.error;
        longRunning.apply(tools);
        return LightServer.resolve(created.server);
      };
      return this.#sdk[era]({ ...exchange, prepared: { server, startedAt } });
    };
    return { notes: 'server' in created ? LightServer.notesOf(created.server) : undefined, longRunning, answerBySdk };
  }

  #result(
    era: Era,
    { context }: McpExchange,
    { method, params }: PlainRequest,
    { notes, serverInfo, hasLongRunning }: { notes: ServerNotes; serverInfo: ServerInfo; hasLongRunning: boolean },
  ): Result | undefined {
    const capabilities = () => this.#capabilitiesOf(notes, era === 'modern' && hasLongRunning);
    switch (method) {
      case 'initialize':
        return initializeResult(notes, capabilities(), serverInfo, params.protocolVersion);
      case 'server/discover':
        return discoverResult(notes, capabilities(), serverInfo);
      case 'ping':
        return {};
      default: {
        const further = era === 'legacy' && hasLongRunning ? resultTool : undefined;
        const isVisible = (name: string) =>
          missingGroups(context.user.groups, name, this.#dependencies.scopes) === undefined;
        return plainList(notes, method, { era, serverInfo, isVisible, further });
      }
    }
  }

  #capabilitiesOf(notes: ServerNotes, hasTasks: boolean): ServerCapabilities {
    const capabilities = capabilitiesOf(notes);
    const extensions = { ...capabilities.extensions, [TASKS_EXTENSION]: {} };
    const all = hasTasks ? { ...capabilities, extensions } : capabilities;
    return this.announcesChanges ? all : withoutChangeNotifications(all);
  }

  async #call(
    era: Era,
    exchange: McpExchange,
    request: PlainRequest,
    {
      notes,
      called,
      serverInfo,
      hasLongRunning,
      answerBySdk,
    }: {
      notes: ServerNotes;
      called: PlainCall;
      serverInfo: ServerInfo;
      hasLongRunning: boolean;
      answerBySdk: () => Promise<PendingResponse>;
    },
  ): Promise<PendingResponse> {
    const { callback, schema, uri, resultOf } = called;
    const input: unknown[] = uri ? [uri] : [];
    if (schema) {
      const checked = await validate(schema, request.params.arguments ?? {});
      if (checked.issues && checked.issues.length > 0) return answerBySdk();
      input.push(checked.value);
    }
    const capabilities = () => this.#capabilitiesOf(notes, era === 'modern' && hasLongRunning);
    const endsStream = era === 'legacy' && (exchange.session.initialize?.protocolVersion ?? '') >= '2025-11-25';
    const call = new LightCall(callback, { request, exchange, capabilities, endsStream, answerBySdk });
    notes.call = call;
    const late = this.#dependencies.clock.after(
      STREAM_AFTER_MILLISECONDS,
      () => void call.handOver().catch(() => undefined),
    );
    try {
      const result = await call.run(input);
      const plain = call.isHandedOver ? undefined : await resultOf(result, serverInfo).catch(() => undefined);
      if (!plain || call.isHandedOver) return await call.handOver();
      const response = this.#tryRespond(exchange, request, plain);
      if (!response) return await call.handOver();
      call.end();
      return response;
    } finally {
      late.cancel();
    }
  }

  /** @returns undefined for a result that JSON cannot express */
  #tryRespond(exchange: McpExchange, request: PlainRequest, result: Result): PendingResponse | undefined {
    try {
      jsonText(result);
    } catch {
      return undefined;
    }
    return this.#respond(exchange, request, result);
  }

  #respond(exchange: McpExchange, { id }: PlainRequest, result: Result): PendingResponse {
    const message = plainError(responseOf(id, result) as never, exchange.context.session.era);
    exchange.recorder.answered(exchange, message);
    return respond(new McpResponse(jsonText(message), { headers: jsonHeaders }));
  }
}

async function validate(schema: ToolSchema, value: unknown) {
  try {
    return await schema['~standard'].validate(value);
  } catch {
    // The SDK repeats it, and answers with the error.
    return { issues: [{}], value: undefined };
  }
}

/** Constant: the headers of most responses. */
const jsonHeaders = new McpHeaders({ 'Content-Type': 'application/json' });
