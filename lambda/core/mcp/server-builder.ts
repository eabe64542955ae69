import type { McpServer, Server } from '@modelcontextprotocol/server';
import { awaitSdkV1Tasks, bridgeSdkV1 } from '#sdk-v1-bridge';
import type { Branding } from '../../shared/branding.ts';
import type { ScopeSet } from '../../shared/scope-set.ts';
import { nameOfSession } from '../sessions/session.ts';
import type { Logger } from '../support/logger.ts';
import { type ChangeNotifications, withoutChangeNotifications } from './change-notifications.ts';
import type { McpExchange } from './mcp-exchange.ts';
import { messagesIn } from './message-reader.ts';
import { OutboundMessages } from './outbound-messages.ts';
import { brandedInfo } from './sdk/branded-info.ts';
import { type CreateServer, isOfSdkV1, type OwnerServer, protocolServerOf, serverInUse } from './sdk/owner-server.ts';
import {
  completeServerInfo,
  observeToolErrors,
  rejectForeignCursors,
  replaceCapabilities,
} from './sdk/sdk-internals.ts';
import './sdk/schema-cache.ts';
import { LongRunningTools, type WaitingClient } from './tasks/long-running-tools.ts';
import type { Tasks } from './tasks/tasks.ts';

export type BuiltServer<S extends OwnerServer = OwnerServer> = { server: S; outbound: OutboundMessages };

type Dependencies = {
  create: CreateServer;
  branding: Branding;
  scopes: ScopeSet;
  tasks: Tasks;
  changes: ChangeNotifications;
  log: Logger;
};

/** Builds the owner's server, a new one for each request: nothing of one user reaches another through it. */
export class ServerBuilder {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * The server for a request of the 2025 era, which the servers of both SDKs answer.
   *
   * @param client waits for the response; a long-running tool can hold its stream
   */
  async build(exchange: McpExchange, client?: WaitingClient): Promise<BuiltServer> {
    const { server, longRunning } = await this.#create(exchange, client);
    longRunning.registerResultTool(server);
    return this.#finish(exchange, server, longRunning);
  }

  /** The server for a request of 2026-07-28, which SDK v2 knows; a server of SDK v1 answers it through a bridge. */
  async buildModern(exchange: McpExchange): Promise<BuiltServer<McpServer | Server>> {
    const { server: created, longRunning } = await this.#create(exchange);
    const server = isOfSdkV1(created)
      ? bridgeSdkV1(created, nameOfSession(exchange.session))
      : (created as McpServer | Server);
    longRunning.registerTasks(server);
    return this.#finish(exchange, server, longRunning);
  }

  async #create(exchange: McpExchange, client?: WaitingClient) {
    const { create, tasks, log } = this.#dependencies;
    const longRunning = new LongRunningTools(exchange, { tasks, client, log });
    const { prepared } = exchange;
    const server = prepared
      ? prepared.server(longRunning)
      : await create({ ...exchange.context, longRunning: longRunning.wrap });
    if (protocolServerOf(server).transport) throw serverInUse();
    observeToolErrors(server, (request, error) => exchange.recorder.threw(exchange, request, error));
    if (isOfSdkV1(server)) {
      // The tasks of SDK v1 are another protocol than the extension of 2026-07-28, and their store is in memory.
      replaceCapabilities(server, ({ tasks: _, ...others }) => others);
      awaitSdkV1Tasks(server);
    }
    return { server, longRunning };
  }

  #finish<S extends OwnerServer>(exchange: McpExchange, server: S, longRunning: LongRunningTools): BuiltServer<S> {
    const { branding, scopes, changes, log } = this.#dependencies;
    for (const method of listsWithCursor(exchange.body)) rejectForeignCursors(server, method);
    completeServerInfo(server, brandedInfo(branding, exchange.body));
    if (!changes.isOn) replaceCapabilities(server, withoutChangeNotifications);
    return { server, outbound: new OutboundMessages(exchange, longRunning, { scopes, changes, log }) };
  }
}

/** The lists that the messages request from a later page on. */
function listsWithCursor(body: unknown): string[] {
  const messages = messagesIn(body) as { method?: unknown; params?: { cursor?: unknown } }[];
  return messages.flatMap((message) => {
    const { method, params } = message ?? {};
    return typeof method === 'string' && method.endsWith('/list') && params?.cursor !== undefined ? [method] : [];
  });
}
