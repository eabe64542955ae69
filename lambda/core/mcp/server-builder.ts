import type { Implementation, McpServer } from '@modelcontextprotocol/server';
import type { Branding } from '../../shared/branding.ts';
import type { Logger } from '../support/logger.ts';
import { type ChangeNotifications, withoutChangeNotifications } from './change-notifications.ts';
import type { McpExchange } from './mcp-exchange.ts';
import { OutboundMessages } from './outbound-messages.ts';
import { completeServerInfo, rejectForeignCursors, replaceCapabilities } from './sdk/sdk-internals.ts';
import './sdk/schema-cache.ts';
import { LongRunningTools, type WaitingClient } from './tasks/long-running-tools.ts';
import type { Tasks } from './tasks/tasks.ts';
import type { ToolContext } from './tool-context.ts';

/** Builds the owner's server for one request: the export of `lambda/server.ts`. */
export type CreateServer = (context: ToolContext) => McpServer | Promise<McpServer>;

export type BuiltServer = { server: McpServer; outbound: OutboundMessages };

type Dependencies = {
  create: CreateServer;
  branding: Branding;
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

  /** @param client the client of the 2025 era that waits for the response; a long-running tool can hold its stream */
  async build(exchange: McpExchange, client?: WaitingClient): Promise<BuiltServer> {
    const { create, branding, tasks, changes, log } = this.#dependencies;
    const longRunning = new LongRunningTools(exchange, { tasks, client, log });
    const server = await create({ ...exchange.context, longRunning: longRunning.wrap });
    longRunning.register(server);
    for (const method of listsWithCursor(exchange.body)) rejectForeignCursors(server, method);
    completeServerInfo(server, brandedInfo(branding, exchange.body));
    if (!changes.isOn) replaceCapabilities(server, withoutChangeNotifications);
    return { server, outbound: new OutboundMessages(exchange, longRunning, { changes, log }) };
  }
}

/**
 * Each result of 2026-07-28 states the server. The icon is in those only in which clients look for it.
 * @param body undefined for a client that listens
 */
function brandedInfo({ name, icon }: Branding, body: unknown): Partial<Implementation> {
  const { method } = (body ?? {}) as { method?: unknown };
  const isIntroduction = method === 'initialize' || method === 'server/discover';
  return { ...(name && { title: name }), ...(icon && isIntroduction && { icons: [{ src: icon }] }) };
}

/** The lists that the messages request from a later page on. */
function listsWithCursor(body: unknown): string[] {
  const messages = [body].flat() as { method?: unknown; params?: { cursor?: unknown } }[];
  return messages.flatMap((message) => {
    const { method, params } = message ?? {};
    return typeof method === 'string' && method.endsWith('/list') && params?.cursor !== undefined ? [method] : [];
  });
}
