import { acceptedContent, inputRequired, McpServer } from '@modelcontextprotocol/server';
import type { ToolContext } from 'holdfast/server';
import * as z from 'zod';

/** Created once, and not for each request: clients list tools often, and schemas take time to convert. */
const schemas = {
  item: z.object({ item: z.string().min(1).max(100) }),
  confirmation: z.object({ clear: z.boolean() }),
};

/**
 * Your MCP server. Replace these tools, which keep a shopping list for each user.
 *
 * Called once for each request. It must keep nothing in memory: the next request may reach another process.
 */
export function createServer(context: ToolContext): McpServer {
  const server = new McpServer({ name: 'my-server', version: '0.1.0' });

  server.registerTool(
    'whoami',
    { description: 'Returns the user and the client of this call.', annotations: { readOnlyHint: true } },
    async () => text(JSON.stringify({ user: context.user, client: context.client })),
  );

  server.registerTool(
    'add_item',
    {
      description: 'Adds an item to the shopping list of this user, and returns the whole list.',
      inputSchema: schemas.item,
    },
    async ({ item }) => {
      const list = await context.state.get<string[]>('list');
      const items = [...(list?.value ?? []), item];
      // Fails if another call has changed the list since it was read, so that no item is lost.
      await context.state.put('list', items, { version: list?.version ?? 0 });
      return text(items.join('\n'));
    },
  );

  server.registerTool(
    'clear_list',
    {
      description: 'Deletes the shopping list of this user, after the user has confirmed.',
      annotations: { destructiveHint: true },
    },
    // With the response of the user, the tool starts again from its first line, in any process.
    async ({ mcpReq }) => {
      if (mcpReq.inputResponses === undefined) {
        return inputRequired({
          inputRequests: {
            confirmation: inputRequired.elicit({
              message: 'Delete the whole shopping list?',
              requestedSchema: {
                type: 'object',
                properties: { clear: { type: 'boolean', title: 'Delete it' } },
                required: ['clear'],
              },
            }),
          },
        });
      }
      const answer = acceptedContent(mcpReq.inputResponses, 'confirmation', schemas.confirmation);
      if (!answer?.clear) return text('The list is unchanged.');
      await context.state.delete('list');
      return text('The list is empty.');
    },
  );

  return server;
}

const text = (text: string) => ({ content: [{ type: 'text' as const, text }] });
