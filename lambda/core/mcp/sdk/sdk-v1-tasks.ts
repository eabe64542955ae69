import { type OwnerServer, protocolServerOf } from './owner-server.ts';

/** The members of the servers of SDK v1 that tasks need: of its `McpServer`, and of its `Server`. */
type ToolServer = {
  _registeredTools?: Record<string, RegisteredTool>;
  _createRegisteredTool?: (...args: unknown[]) => RegisteredTool;
};
type TaskServer = {
  request(request: unknown, schema: unknown, options?: Options): Promise<unknown>;
  notification(notification: { method: string }, options?: Options): Promise<void>;
};
type RegisteredTool = { handler?: object; execution?: { taskSupport?: string } };
type Options = { relatedTask?: unknown };

/**
 * Has a call wait for the task that its tool creates (`experimental.tasks` of SDK v1), as SDK v1 does for a tool whose task
 * is optional. The store of these tasks is in memory, so no other process could answer `tasks/get`. Input requests of the
 * task become those of the call, in place of the queue that `tasks/result` empties.
 */
export function awaitSdkV1Tasks(owned: OwnerServer): void {
  const server = owned as ToolServer;
  for (const tool of Object.values(server._registeredTools ?? {})) makeOptional(tool);
  const register = server._createRegisteredTool;
  if (register === undefined) return;
  // A server can register tools once it knows its client.
  server._createRegisteredTool = (...args) => makeOptional(register.apply(owned, args));
  const protocol = protocolServerOf(owned) as unknown as TaskServer;
  const request = protocol.request.bind(protocol);
  const notify = protocol.notification.bind(protocol);
  protocol.request = (each, schema, options) => request(each, schema, ofCall(options));
  // No client knows the task.
  protocol.notification = async (each, options) =>
    each.method === 'notifications/tasks/status' ? undefined : notify(each, ofCall(options));
}

function makeOptional(tool: RegisteredTool): RegisteredTool {
  const { handler, execution } = tool;
  if (handler && 'createTask' in handler) tool.execution = { ...execution, taskSupport: 'optional' };
  return tool;
}

function ofCall({ relatedTask, ...options }: Options = {}): Options {
  return options;
}
