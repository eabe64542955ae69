import { McpServer } from '@modelcontextprotocol/server';
import { visibleTools } from 'holdfast/testing';
import { declareScopes } from '../../lambda/shared/scope-set.ts';

/** `visibleTools` of `holdfast/testing`. */

function createServer(): McpServer {
  const server = new McpServer({ name: 'owner', version: '1.0.0' });
  for (const tool of ['read', 'write', 'close_books']) server.registerTool(tool, {}, async () => ({ content: [] }));
  return server;
}

const scopes = declareScopes({
  scopes: { mcp: { description: 'Read' }, write: { description: 'Write' } },
  tools: { write: ['write'], close_books: { scopes: ['write'], groups: ['finance', 'audit'] } },
});

describe.each(['modern', 'legacy'] as const)('a client of the %s era', (era) => {
  test.each([
    ['of no group, with the first scope', {}, { read: [], write: ['write'] }],
    ['of another group', { groups: ['sales'], scopes: ['mcp', 'write'] }, { read: [], write: [] }],
    ['of a required group', { groups: ['audit'] }, { read: [], write: ['write'], close_books: ['write'] }],
    [
      'of a required group, with the scope',
      { groups: ['finance'], scopes: ['mcp', 'write'] },
      { read: [], write: [], close_books: [] },
    ],
  ])('of a user %s sees the tools of that user, with the scopes to request', async (_, user, seen) => {
    expect(await visibleTools({ createServer, scopes }, { era, ...user })).toEqual(seen);
  });
});
