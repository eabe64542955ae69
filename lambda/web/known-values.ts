import { createStore } from './page-store.ts';

/** Names that answers have told so far: for suggestions, and to name a user who is given by key. */
type Known = { users: Map<string, string>; tools: Set<string>; clients: Set<string> };

export const known = createStore<Known>({ users: new Map(), tools: new Set(), clients: new Set() });

export function learn({
  users = [],
  tools = [],
  clients = [],
}: {
  users?: { user: string; userName?: string }[];
  tools?: string[];
  clients?: string[];
}): void {
  const before = known.get();
  const next: Known = {
    users: new Map([
      ...before.users,
      ...users.flatMap(({ user, userName }) => (userName ? [[user, userName] as const] : [])),
    ]),
    tools: new Set([...before.tools, ...tools]),
    clients: new Set([...before.clients, ...clients]),
  };
  const isNew = (['users', 'tools', 'clients'] as const).some((each) => next[each].size !== before[each].size);
  if (isNew) known.set(next);
}
