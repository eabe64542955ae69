import { acceptedContent, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { StateConflict, type ToolContext } from 'holdfast/server';
import * as z from 'zod/v4';

/** Created once per process: `tools/list` is frequent, and the conversion of a schema takes time. */
const schemas = {
  note: z.object({
    name: z
      .string()
      .regex(/^[\w.-]{1,64}$/)
      .describe('Letters, digits, dot, dash, underscore'),
    text: z.string().max(10_000).optional(),
    version: z.int().min(0).optional().describe('0: only if the note does not exist'),
    days: z.number().positive().max(365).optional(),
  }),
  forgetNote: z.object({
    name: z.string().max(64),
    confirmed: z.boolean().optional().describe('true when the user has agreed, for a client that cannot ask'),
  }),
  slowTask: z.object({ steps: z.int().min(1).max(60).default(5) }),
  longTask: z.object({ milliseconds: z.int().positive().max(60_000).default(100) }),
  countUp: z.object({ counter: z.string().max(64) }),
  confirmation: z.object({ forget: z.boolean() }),
};

/**
 * The MCP server of the tests. `imports` in package.json resolve `#server` to this file under the condition `fixture`,
 * which jest.config.js sets: an owner may replace `lambda/server.ts` without breaking a test.
 *
 * `FIXTURE_LIST_CHANGED` in the environment of the MCP function declares `listChanged`, and `FIXTURE_END_PROCESS` adds a tool
 * that ends its process.
 */
export function createServer(context: ToolContext): McpServer {
  const listChanged = process.env.FIXTURE_LIST_CHANGED === 'true';
  const server = new McpServer(
    { name: 'fixture', title: 'Fixture', version: '0.1.0' },
    { capabilities: { tools: { listChanged } } },
  );

  server.registerTool('whoami', { title: 'Who am I?', description: 'Returns the caller.' }, async () =>
    json({ user: context.user, client: context.client, scopes: context.scopes }),
  );

  server.registerTool(
    'session',
    { title: 'This session', description: 'Returns the session.', annotations: { readOnlyHint: true } },
    async () => json(context.session),
  );

  server.registerTool(
    'note',
    {
      title: 'Store or read a note',
      description: 'With text, stores a note of the user. Without text, reads it.',
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

  server.registerTool('notes', { title: 'List notes', description: 'Lists the notes of the user.' }, async () => {
    const { entries, next } = await context.state.list('note/');
    return json({ names: entries.map(({ key }) => key.slice('note/'.length)), more: next !== undefined });
  });

  server.registerTool(
    'forget_note',
    {
      title: 'Delete a note',
      description: 'Deletes a note after the user has confirmed it.',
      inputSchema: schemas.forgetNote,
      annotations: { destructiveHint: true },
    },
    async ({ name, confirmed }, { mcpReq }) => {
      if (!canElicit(server)) {
        if (!confirmed) return failed(`Ask the user whether to forget ${name}. Then call again with confirmed: true`);
        await context.state.delete(`note/${name}`);
        return json({ forgotten: true });
      }
      const answer = acceptedContent(mcpReq.inputResponses, 'confirm', schemas.confirmation);
      if (mcpReq.inputResponses === undefined) {
        const message = `Forget the note ${name}?`;
        return inputRequired({
          inputRequests: { confirm: inputRequired.elicit({ message, requestedSchema: confirmationForm }) },
        });
      }
      if (!answer?.forget) return json({ forgotten: false });
      await context.state.delete(`note/${name}`);
      return json({ forgotten: true });
    },
  );

  server.registerTool(
    'count_up',
    { title: 'Count up', description: 'Increments a counter of the user.', inputSchema: schemas.countUp },
    async ({ counter }) => json(await countUp(context, `counter/${counter}`)),
  );

  server.registerTool(
    'userinfo',
    { title: 'User info', description: 'Calls the provider’s userinfo endpoint with the upstream token.' },
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
      title: 'A slow task',
      description: 'Reports its progress after each step of 100 ms.',
      inputSchema: schemas.slowTask,
    },
    async ({ steps }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (let step = 1; step <= steps; step++) {
        await pause(100);
        if (progressToken === undefined) continue;
        const params = { progressToken, progress: step, total: steps, message: `Step ${step} of ${steps}` };
        await mcpReq.notify({ method: 'notifications/progress', params });
      }
      return json({ steps, done: true });
    },
  );

  server.registerTool(
    'long_task',
    { title: 'A long-running task', description: 'Runs in the worker function.', inputSchema: schemas.longTask },
    context.longRunning(async ({ milliseconds }, { mcpReq }) => {
      await pause(milliseconds);
      return json({ milliseconds, done: !mcpReq.signal.aborted });
    }),
  );

  server.registerTool(
    'request_details',
    { title: 'This request', description: 'Returns the HTTP headers and the authentication that a tool can read.' },
    async ({ http }) => json({ headers: Object.fromEntries(http!.req!.headers), info: http!.authInfo }),
  );

  server.registerTool(
    'imported_session',
    { title: 'Imported session', description: 'Returns the imported state of the session.' },
    async () => {
      const imported = (field?: string) =>
        context.state.get(`imported/${context.session.id}${field === undefined ? '' : `/${field}`}`);
      const { session } = context;
      return json({
        session: session.id,
        startedAt: session.startedAt,
        client: server.server.getClientVersion(),
        capabilities: server.server.getClientCapabilities(),
        cart: (await imported('cart'))?.value,
        theme: (await imported('theme'))?.value,
        token: (await imported('access_token'))?.value,
        fields: ((await imported())?.value as { fields: string[] } | undefined)?.fields.toSorted(),
      });
    },
  );

  if (process.env.FIXTURE_END_PROCESS === 'true') {
    server.registerTool('end_process', { description: 'Ends its process.' }, async () => process.exit(1));
  }

  if (listChanged) {
    server.registerTool('change', { description: 'Sends notifications/tools/list_changed.' }, async () => {
      server.sendToolListChanged();
      return json('changed');
    });
  }

  return server;
}

/** The loop of docs/bring-your-server.md. */
async function countUp({ state }: ToolContext, key: string): Promise<number> {
  for (;;) {
    const entry = await state.get<number>(key);
    const next = (entry?.value ?? 0) + 1;
    try {
      await state.put(key, next, { version: entry?.version ?? 0 });
      return next;
    } catch (error) {
      if (!(error instanceof StateConflict)) throw error;
    }
  }
}

function canElicit({ server }: McpServer): boolean {
  const elicitation = server.getClientCapabilities()?.elicitation;
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

const confirmationForm = {
  type: 'object' as const,
  properties: { forget: { type: 'boolean' as const, title: 'Forget it' } },
  required: ['forget'],
};

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const json = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value, null, 2) }] });

const failed = (text: string) => ({ content: [{ type: 'text' as const, text }], isError: true });
