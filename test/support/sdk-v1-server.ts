import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  ElicitResultSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/sdk/types.js';
import type { ToolContext } from 'holdfast/server';
import * as zod3 from 'zod/v3';
import * as zod4 from 'zod/v4';

/** The state of a server of SDK v1 in a test, in place of a service behind its tools. */
export type SdkV1Control = {
  /** Whether the user has connected the account that `use_account` needs. */
  isConnected: boolean;
  /** Calls of `wait` that began, and that were aborted. */
  waiting: number;
  aborted: number;
};

export const newSdkV1Control = (): SdkV1Control => ({ isConnected: false, waiting: 0, aborted: 0 });

const text = (value: unknown) => ({
  content: [{ type: 'text' as const, text: typeof value === 'string' ? value : JSON.stringify(value) }],
});

const sizeForm = { type: 'object' as const, properties: { size: { type: 'string' as const } }, required: ['size'] };
const url = 'https://accounts.example/connect';

/** A server of SDK v1 with everything that its tools can do, as its documentation shows it. */
export function createSdkV1Server(
  context: ToolContext,
  { version = 4, control = newSdkV1Control() }: { version?: 3 | 4; control?: SdkV1Control } = {},
): McpServer {
  // The types of both versions differ, and the SDK accepts either.
  const z = (version === 3 ? zod3 : zod4) as typeof zod4;
  const server = new McpServer(
    { name: 'sdk-v1', title: 'Of SDK v1', version: '1.2.3' },
    {
      capabilities: { logging: {}, resources: { subscribe: true }, tasks: { requests: { tools: { call: {} } } } },
      instructions: 'Use the tools',
      taskStore: new InMemoryTaskStore(),
    },
  );

  server.registerTool(
    'add',
    {
      title: 'Add',
      description: 'Adds two numbers',
      inputSchema: { a: z.number(), b: z.number().default(1) },
      outputSchema: { sum: z.number() },
      annotations: { readOnlyHint: true },
    },
    async ({ a, b }) => ({ ...text(a + b), structuredContent: { sum: a + b } }),
  );
  server.registerTool('fail', {}, async () => {
    throw new Error('The printer is out of paper');
  });
  server.registerTool('count', {}, async (extra) => {
    const progressToken = extra._meta?.progressToken;
    for (const progress of progressToken === undefined ? [] : [1, 2]) {
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken: progressToken!, progress, total: 2, message: `Step ${progress}` },
      });
    }
    return text('counted');
  });
  server.registerTool('log', {}, async (extra) => {
    await server.sendLoggingMessage({ level: 'debug', data: 'in detail' }, extra.sessionId);
    await server.sendLoggingMessage({ level: 'error', data: 'failed' }, extra.sessionId);
    return text('logged');
  });
  server.registerTool('order', { inputSchema: { item: z.string() } }, async ({ item }) => {
    const sizes: unknown[] = [];
    for (const message of ['Size of the first?', 'Size of the second?']) {
      const { action, content } = await server.server.elicitInput({ message, requestedSchema: sizeForm });
      sizes.push(action === 'accept' ? content?.size : action);
    }
    return text(`${item}: ${sizes.join(', ')}`);
  });
  server.registerTool('order_both', {}, async () => {
    const answers = ['1?', '2?'].map((message) => server.server.elicitInput({ message, requestedSchema: sizeForm }));
    return text((await Promise.all(answers)).map(({ content }) => content?.size).join());
  });
  server.registerTool('open_url', {}, async () => {
    const params = { mode: 'url' as const, message: 'Connect your account', url, elicitationId: 'one' };
    return text((await server.server.elicitInput(params)).action);
  });
  server.registerTool('use_account', {}, async () => {
    if (control.isConnected) return text('connected');
    throw new UrlElicitationRequiredError([
      { mode: 'url', message: 'Connect your account', url, elicitationId: 'two' },
    ]);
  });
  server.registerTool('sample', {}, async () => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'And then?' } }];
    const { content } = await server.server.createMessage({ messages, maxTokens: 10 });
    return text((content as { text: string }).text);
  });
  server.registerTool('roots', {}, async () => text((await server.server.listRoots()).roots.map(({ uri }) => uri)));
  server.registerTool('change', {}, async () => {
    server.sendToolListChanged();
    await server.server.sendResourceUpdated({ uri: 'config://app' });
    return text('changed');
  });
  server.registerTool('wait', {}, async ({ signal }) => {
    control.waiting += 1;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    control.aborted += 1;
    return text('aborted');
  });
  server.registerTool(
    'wait_long',
    {},
    context.longRunning(async ({ signal }) => {
      control.waiting += 1;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      control.aborted += 1;
      return text('aborted');
    }),
  );
  server.experimental.tasks.registerToolTask(
    'research',
    { inputSchema: { topic: z.string() } },
    {
      createTask: async ({ topic }, { taskStore, sendRequest }) => {
        const task = await taskStore.createTask({ pollInterval: 1 });
        const work = async () => {
          await taskStore.updateTaskStatus(task.taskId, 'input_required');
          const params = { message: 'Which size?', requestedSchema: sizeForm };
          const options: RequestOptions = { relatedTask: { taskId: task.taskId } };
          const request = { method: 'elicitation/create' as const, params };
          const { content } = await sendRequest(request, ElicitResultSchema, options);
          await taskStore.storeTaskResult(task.taskId, 'completed', text(`${topic} in ${content?.size}`));
        };
        work().catch(() => taskStore.updateTaskStatus(task.taskId, 'failed'));
        return { task };
      },
      getTask: (_, { taskStore, taskId }) => taskStore.getTask(taskId),
      getTaskResult: (_, { taskStore, taskId }) => taskStore.getTaskResult(taskId) as never,
    },
  );
  server.registerTool('request', {}, async ({ requestInfo, authInfo, sessionId }) =>
    text({
      headers: requestInfo?.headers,
      url: requestInfo?.url,
      authInfo: { clientId: authInfo?.clientId, scopes: authInfo?.scopes, token: authInfo?.token },
      user: context.user.subject,
      sessionId,
      client: server.server.getClientVersion(),
      elicits: server.server.getClientCapabilities()?.elicitation !== undefined,
    }),
  );
  server.registerTool(
    'report',
    { inputSchema: { topic: z.string() }, outputSchema: { report: z.string() } },
    context.longRunning(async ({ topic }, extra) => {
      const progressToken = extra._meta?.progressToken;
      if (progressToken !== undefined) {
        await extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken, progress: 1, total: 2 },
        });
      }
      const { content } = await server.server.elicitInput({ message: 'Which size?', requestedSchema: sizeForm });
      const report = `${topic} in ${String(content?.size)}`;
      return { ...text(report), structuredContent: { report } };
    }),
  );

  server.registerResource('config', 'config://app', { mimeType: 'text/plain' }, async (uri) => ({
    contents: [{ uri: uri.href, text: 'colour=blue' }],
  }));
  server.registerResource(
    'user',
    new ResourceTemplate('users://{id}', {
      list: undefined,
      complete: { id: (value) => ['ada', 'alan', 'grace'].filter((id) => id.startsWith(value)) },
    }),
    { mimeType: 'application/json' },
    async (uri, { id }) => ({ contents: [{ uri: uri.href, text: JSON.stringify({ id }) }] }),
  );
  server.server.setRequestHandler(SubscribeRequestSchema, async () => ({}));
  server.server.setRequestHandler(UnsubscribeRequestSchema, async () => ({}));

  server.registerPrompt(
    'greet',
    {
      title: 'Greet',
      argsSchema: {
        name: completable(z.string(), (value) => ['Ada', 'Alan'].filter((name) => name.startsWith(value))),
      },
    },
    ({ name }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}` } }] }),
  );
  return server;
}
