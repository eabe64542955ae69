import type { ChangeStore, PublishedChange } from '../../core/mcp/change-notifications.ts';
import { copy } from './memory-tables.ts';

export function memoryChangeStore(): ChangeStore {
  const changes = new Map<string, PublishedChange[]>();
  const listeners = new Map<string, string>();
  return {
    async publishChange(user, published) {
      changes.set(user, [...(changes.get(user) ?? []), copy(published)]);
    },
    async listen(user, session, listener) {
      listeners.set(`${user}\n${session}`, listener);
    },
    async changesSince(user, session, since) {
      const listener = listeners.get(`${user}\n${session}`);
      const published = (changes.get(user) ?? []).filter(({ at }) => at >= since);
      return copy({ changes: published, ...(listener !== undefined && { listener }) });
    },
  };
}
