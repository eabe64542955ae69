import { missingScopes, type ScopeSet } from '../../lambda/shared/scope-set.ts';
import { createTestServer, type InProcessOptions } from './in-process-server.ts';
import type { ConnectOptions } from './test-client.ts';

/**
 * The tools that a user sees, by name, each with the scopes that a call has the client request: none if the access token
 * suffices. Tools that require a group which the user is not in are absent.
 *
 * @param user such as `{ groups: ['finance'], scopes: ['mcp'] }`
 */
export async function visibleTools(
  options: InProcessOptions & { scopes: ScopeSet },
  user: Pick<ConnectOptions, 'era' | 'user' | 'groups' | 'scopes'> = {},
): Promise<Record<string, string[]>> {
  const { scopes } = options;
  const server = createTestServer(options);
  try {
    const client = await server.connect(user);
    const granted = user.scopes ?? Object.keys(scopes.scopes).slice(0, 1);
    const missing = (tool: string) =>
      (missingScopes(granted, tool, scopes) ?? []).filter((each) => !granted.includes(each));
    const seen: Record<string, string[]> = {};
    let cursor: string | undefined;
    do {
      const page = await client.listTools(cursor === undefined ? {} : { cursor });
      for (const { name } of page.tools) seen[name] = missing(name);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return seen;
  } finally {
    await server.close();
  }
}
