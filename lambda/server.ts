import { acceptedContent, inputRequired, McpServer } from '@modelcontextprotocol/server';
import type { ToolContext } from 'holdfast/server';
import * as z from 'zod/v4';

/** Arguments of the tools. Created once, not for each request: clients list tools often, and schemas take time to convert. */
const schemas = {
  note: z.object({
    name: z
      .string()
      .regex(/^[\w.-]{1,64}$/)
      .describe('Letters, digits, dot, dash, underscore'),
    text: z.string().max(10_000).optional(),
    version: z.int().min(0).optional().describe('0: only if the note does not exist yet'),
    days: z.number().positive().max(365).optional(),
  }),
  forgetNote: z.object({
    name: z.string().max(64),
    confirmed: z.boolean().optional().describe('true when the user has agreed, for a client that cannot ask'),
  }),
  slowTask: z.object({ steps: z.int().min(1).max(60).default(5) }),
  longTask: z.object({ minutes: z.number().positive().max(10).default(1) }),
  yesOrNo: z.object({ forget: z.boolean() }),
};

/**
 * Your MCP server. This is the one file to edit: register your tools, and keep or delete these eight examples of the
 * context's use.
 *
 * Called once for each request. It must keep nothing in memory: the next request may reach another process.
 */
export function createServer(context: ToolContext): McpServer {
  const server = new McpServer(
    { name: 'holdfast', title: 'Holdfast', version: '0.1.0' },
    // The list of tools is constant; with `true`, clients would hold a stream open to wait for changes.
    { capabilities: { tools: { listChanged: false } } },
  );

  server.registerTool(
    'whoami',
    {
      title: 'Who am I?',
      description: 'Returns the user that this assistant acts for, the client, and the scopes of the access token.',
      annotations: { readOnlyHint: true },
    },
    async () => json({ user: context.user, client: context.client, scopes: context.scopes }),
  );

  server.registerTool(
    'session',
    {
      title: 'This session',
      description: 'Returns the start of this session, its expiry if no request follows, and its protocol era.',
      annotations: { readOnlyHint: true },
    },
    async () => json(context.session),
  );

  server.registerTool(
    'note',
    {
      title: 'Write or read a note',
      description:
        'Without text, reads the note of that name. With text, writes it for this user, for 30 days unless days is given. Pass the version that was read to write only if the note has not changed since.',
      inputSchema: schemas.note,
    },
    async ({ name, text, version, days }) => {
      const key = `note/${name}`;
      if (text !== undefined) {
        const options = { version, ttlSeconds: days === undefined ? undefined : Math.ceil(days * 86_400) };
        return json(await context.state.put(key, text, options));
      }
      const note = await context.state.get<string>(key);
      return note ? json(note) : failed(`There is no note named ${name}, or it has expired`);
    },
  );

  server.registerTool(
    'notes',
    {
      title: 'List notes',
      description: 'Lists the names of the notes of this user.',
      annotations: { readOnlyHint: true },
    },
    async () => {
      const { entries, next } = await context.state.list('note/');
      return json({ names: entries.map(({ key }) => key.slice('note/'.length)), more: next !== undefined });
    },
  );

  server.registerTool(
    'forget_note',
    {
      title: 'Delete a note',
      description: 'Deletes the note of that name, after the user has confirmed.',
      inputSchema: schemas.forgetNote,
      annotations: { destructiveHint: true },
    },
    // With the user's input, the tool starts again from its first line, in any process.
    async ({ name, confirmed }, { mcpReq }) => {
      if (!canElicit(server)) {
        if (!confirmed) return failed(`Ask the user whether to forget ${name}. Then call again with confirmed: true`);
        await context.state.delete(`note/${name}`);
        return json({ forgotten: true });
      }
      const answer = acceptedContent(mcpReq.inputResponses, 'confirm', schemas.yesOrNo);
      if (mcpReq.inputResponses === undefined) {
        const message = `Forget the note ${name}?`;
        return inputRequired({
          inputRequests: { confirm: inputRequired.elicit({ message, requestedSchema: yesOrNoForm }) },
        });
      }
      if (!answer?.forget) return json({ forgotten: false });
      await context.state.delete(`note/${name}`);
      return json({ forgotten: true });
    },
  );

  server.registerTool(
    'userinfo',
    {
      title: 'User info of the identity provider',
      description: 'Returns the claims of the user at the identity provider, requested with the user’s upstream token.',
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    async () => {
      const headers = { Authorization: `Bearer ${await context.upstreamToken()}` };
      const discovery = await fetch(`${context.identityProviderIssuer}/.well-known/openid-configuration`);
      const { userinfo_endpoint } = (await discovery.json()) as { userinfo_endpoint: string };
      const answer = await fetch(userinfo_endpoint, { headers });
      return answer.ok ? json(await answer.json()) : failed(`The identity provider answered ${answer.status}`);
    },
  );

  server.registerTool(
    'slow_task',
    {
      title: 'Slow task',
      description: 'Works for some seconds and reports its progress.',
      inputSchema: schemas.slowTask,
      annotations: { readOnlyHint: true },
    },
    async ({ steps }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (let step = 1; step <= steps; step++) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        if (progressToken === undefined) continue;
        const params = { progressToken, progress: step, total: steps, message: `Step ${step} of ${steps}` };
        await mcpReq.notify({ method: 'notifications/progress', params });
      }
      return json({ steps, done: true });
    },
  );

  server.registerTool(
    'long_task',
    {
      title: 'Long-running task',
      description: 'Works for some minutes, in the worker function: longer than a request may take.',
      inputSchema: schemas.longTask,
      annotations: { readOnlyHint: true },
    },
    context.longRunning(async ({ minutes }, { mcpReq }) => {
      const end = Date.now() + minutes * 60_000;
      while (Date.now() < end && !mcpReq.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1000));
      return json({ minutes, done: !mcpReq.signal.aborted });
    }),
  );

  return server;
}

/** Whether the client can show a form. If it cannot, a tool needs another way, or fails. */
function canElicit({ server }: McpServer): boolean {
  const elicitation = server.getClientCapabilities()?.elicitation;
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

const yesOrNoForm = {
  type: 'object' as const,
  properties: { forget: { type: 'boolean' as const, title: 'Forget it' } },
  required: ['forget'],
};

const json = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value, null, 2) }] });

const failed = (text: string) => ({ content: [{ type: 'text' as const, text }], isError: true });
