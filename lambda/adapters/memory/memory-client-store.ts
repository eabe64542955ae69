import type { ClientStore, RegisteredClient } from '../../core/oauth/clients/client-registration.ts';
import { copy } from './memory-tables.ts';

export function memoryClientStore(): ClientStore {
  const clients = new Map<string, RegisteredClient>();
  return {
    async register(client) {
      const found = clients.get(client.id);
      const registered = {
        ...client,
        createdAt: found?.createdAt ?? client.createdAt,
        expiresAt: Math.max(found?.expiresAt ?? 0, client.expiresAt),
      };
      clients.set(client.id, copy(registered));
      return registered;
    },
    async find(id, now) {
      const found = clients.get(id);
      return found && found.expiresAt > now ? copy(found) : undefined;
    },
    async extend(id, now, expiresAt) {
      const found = clients.get(id);
      if (!found || found.expiresAt <= now) return false;
      clients.set(id, { ...found, expiresAt });
      return true;
    },
  };
}
