import type { StateEntry, StateStore } from '../../core/mcp/tool-state.ts';
import { copy } from './memory-tables.ts';

export function memoryStateStore(): StateStore {
  const entries = new Map<string, StateEntry>();
  return {
    async get(user, key, now) {
      const found = entries.get(`${user}\n${key}`);
      return found && found.expiresAt > now ? copy(found) : undefined;
    },
    async put(user, entry, expected, now) {
      const found = await this.get(user, entry.key, now);
      if ((found?.version ?? 0) !== expected) return false;
      entries.set(`${user}\n${entry.key}`, copy(entry));
      return true;
    },
    async overwrite(user, value) {
      const name = `${user}\n${value.key}`;
      const version = (entries.get(name)?.version ?? 0) + 1;
      entries.set(name, copy({ ...value, version }));
      return version;
    },
    async delete(user, key) {
      entries.delete(`${user}\n${key}`);
    },
    async list(user, prefix, limit, after = '', now) {
      const live = [...entries]
        .filter(([name, { expiresAt }]) => name.startsWith(`${user}\n${prefix}`) && expiresAt > now)
        .map(([, entry]) => entry)
        .filter(({ key }) => key > after)
        .toSorted((a, b) => (a.key < b.key ? -1 : 1));
      const page = live.slice(0, limit);
      return copy({ entries: page, ...(live.length > limit && { next: page.at(-1)!.key }) });
    },
  };
}
