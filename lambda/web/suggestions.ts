import type { CallRow } from '../core/dashboard/dashboard-api.ts';
import { createStore } from './page-store.ts';

/** Names from API responses: suggestions for the filters, and names of users that a response identifies by key. */
type Suggestions = { users: Map<string, string>; tools: Set<string>; clients: Set<string>; clientInfos: Set<string> };

export const suggestions = createStore<Suggestions>({
  users: new Map(),
  tools: new Set(),
  clients: new Set(),
  clientInfos: new Set(),
});

export function addSuggestions({
  users = [],
  tools = [],
  clients = [],
}: {
  users?: { user: string; userName?: string }[];
  tools?: string[];
  clients?: Pick<CallRow, 'clientLabel' | 'clientName'>[];
}): void {
  const before = suggestions.get();
  const next: Suggestions = {
    users: new Map([
      ...before.users,
      ...users.flatMap(({ user, userName }) => (userName ? [[user, userName] as const] : [])),
    ]),
    tools: new Set([...before.tools, ...tools]),
    clients: new Set([...before.clients, ...clients.map(({ clientLabel }) => clientLabel)]),
    clientInfos: new Set([...before.clientInfos, ...clients.flatMap(({ clientName }) => clientName ?? [])]),
  };
  const hasNew = (['users', 'tools', 'clients', 'clientInfos'] as const).some(
    (kind) => next[kind].size !== before[kind].size,
  );
  if (hasNew) suggestions.set(next);
}
