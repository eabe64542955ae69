import type { Branding } from '../../shared/branding.ts';
import type { ScopeSet } from '../../shared/scope-set.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import { ChangeNotifications, type ChangeStore } from './change-notifications.ts';
import type { Execution, ExecutionStore } from './execution.ts';
import { LegacyRequests } from './legacy/legacy-requests.ts';
import type { SavePreferences } from './legacy/session-preferences.ts';
import type { McpExchange, PendingResponse } from './mcp-exchange.ts';
import { ModernRequests } from './modern/modern-requests.ts';
import type { RequestStates } from './modern/request-state.ts';
import type { CreateServer } from './sdk/owner-server.ts';
import { ServerBuilder } from './server-builder.ts';
import type { EventPosition } from './sse.ts';
import { Tasks, type WorkerStarter } from './tasks/tasks.ts';

export type ServerStepDependencies = {
  create: CreateServer;
  branding: Branding;
  /** The groups that tools require. */
  scopes: ScopeSet;
  executions: ExecutionStore;
  requestStates: Pick<RequestStates, 'seal' | 'open'>;
  starter: WorkerStarter;
  changes: ChangeStore;
  /** How long a client that listens for changes is held; 0 rejects listeners. */
  listenSeconds: number;
  /** How long a task and its result are available. */
  taskTtlSeconds: number;
  /** How long a client of the 2025 era waits for a long-running tool. */
  holdSeconds: number;
  savePreferences: SavePreferences;
  clock: Clock;
  log: Logger;
};

/** Step 3 of the pipeline: the owner's tools, on the stock SDK, in either era of the protocol. */
export class ServerStep {
  readonly #changes: ChangeNotifications;
  readonly #legacy: LegacyRequests;
  readonly #modern: ModernRequests;

  constructor(dependencies: ServerStepDependencies) {
    const { create, branding, scopes, executions, requestStates, starter, clock, log } = dependencies;
    const tasks = new Tasks({ store: executions, starter, ttlSeconds: dependencies.taskTtlSeconds, clock, log });
    this.#changes = new ChangeNotifications({
      store: dependencies.changes,
      seconds: dependencies.listenSeconds,
      clock,
    });
    const builder = new ServerBuilder({ create, branding, scopes, tasks, changes: this.#changes, log });
    this.#modern = new ModernRequests({ builder, requestStates, changes: this.#changes, clock, log });
    this.#legacy = new LegacyRequests({
      builder,
      store: executions,
      starter,
      changes: this.#changes,
      holdSeconds: dependencies.holdSeconds,
      savePreferences: dependencies.savePreferences,
      clock,
      log,
    });
  }

  /** Answers a request of 2026-07-28, which carries everything that the server needs. */
  modern(exchange: McpExchange): Promise<PendingResponse> {
    return this.#modern.answer(exchange);
  }

  /** Answers a request of a session of the 2025 era, which another process may have begun. */
  legacy(exchange: McpExchange): Promise<PendingResponse> {
    return this.#legacy.post(exchange);
  }

  /** Whether clients of the 2025 era can listen for changes. */
  get announcesChanges(): boolean {
    return this.#changes.isOn;
  }

  /** Sends a client of the 2025 era the changes of its user. */
  listen(exchange: McpExchange): Promise<PendingResponse> {
    return this.#legacy.listen(exchange);
  }

  /** Continues a response of the 2025 era after the last event that its client has received. */
  resume(
    request: Pick<McpExchange, 'session' | 'recorder' | 'context'>,
    position: EventPosition,
  ): Promise<PendingResponse> {
    return this.#legacy.resume(request, position);
  }

  /** Executes a long-running tool of the 2025 era, in the task worker. */
  execute(exchange: McpExchange, execution: Execution, milliseconds: number): Promise<void> {
    return this.#legacy.execute(exchange, execution, milliseconds);
  }
}
