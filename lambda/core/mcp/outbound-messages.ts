import type { JSONRPCMessage, JSONRPCNotification } from '@modelcontextprotocol/server';
import type { ScopeSet } from '../../shared/scope-set.ts';
import type { Logger } from '../support/logger.ts';
import { type ChangeNotifications, changeOf } from './change-notifications.ts';
import type { McpExchange } from './mcp-exchange.ts';
import { plainError } from './plain-error.ts';
import { withoutHiddenTools } from './scope-step.ts';
import type { LongRunningTools } from './tasks/long-running-tools.ts';

type Dependencies = { scopes: ScopeSet; changes: ChangeNotifications; log: Logger };

/** Processes the messages of one server on their way to the client, in both eras. */
export class OutboundMessages {
  readonly #exchange: McpExchange;
  readonly #longRunning: LongRunningTools;
  readonly #dependencies: Dependencies;
  #published: Promise<void> | undefined;

  constructor(exchange: McpExchange, longRunning: LongRunningTools, dependencies: Dependencies) {
    this.#exchange = exchange;
    this.#longRunning = longRunning;
    this.#dependencies = dependencies;
  }

  /**
   * Resolves when the changes announced so far are stored; undefined when there are none. A response waits for it, so that
   * a client which has it finds the changes.
   */
  get published(): Promise<void> | undefined {
    return this.#published;
  }

  /**
   * The message as it is sent: a long-running tool replaces its result, a list has the user's tools only, and the audit log
   * records the response.
   */
  prepare<M extends JSONRPCMessage>(message: M): M {
    const { body, context } = this.#exchange;
    const listed = withoutHiddenTools(message, body, context.user.groups, this.#dependencies.scopes);
    const prepared = plainError(this.#longRunning.replaceResponse(listed), context.session.era);
    this.#exchange.recorder.answered(this.#exchange, prepared);
    return prepared;
  }

  /**
   * Publishes the change that a notification announces, for the clients of this user that listen.
   * @returns false when it announces no change
   */
  publish(message: JSONRPCNotification): boolean {
    const change = changeOf(message);
    if (!change) return false;
    const { changes, log } = this.#dependencies;
    const publishing = changes.publish(this.#exchange.context.user.key, change).catch((error) => {
      log('change_publish_failed', { message: String(error) });
    });
    this.#published = Promise.all([this.#published, publishing]).then(() => undefined);
    return true;
  }
}
