import { SINGLE, type TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import type { Grant } from '../../lambda/core/access/grant.ts';
import type { RevocationStore } from '../../lambda/core/admin/revocation.ts';
import type { GrantStore } from '../../lambda/core/oauth/authorization-flow.ts';
import type { SessionStore } from '../../lambda/core/sessions/session.ts';

/**
 * Two rules that `docs/multi-region.md` proposes, around the stores: they compensate for writes that a replica has not
 * received. The algorithm of the token endpoint stays as it is.
 */

/** The refresh token of a request, which the endpoint verifies: nothing but the facade has issued its generation. */
export type PresentedToken = { grant: string; generation: number };

/**
 * A genuine generation above the stored head proves a rotation that has not replicated: it is the head.
 * @param now epoch seconds
 */
export function adoptingHeads(grants: GrantStore, presented: PresentedToken, now: () => number): GrantStore {
  let stored: number | undefined;
  return {
    ...grants,
    async findGrant(id) {
      const found = await grants.findGrant(id);
      const head = found.grant?.refresh.head ?? Number.POSITIVE_INFINITY;
      stored = presented.generation > head ? head : undefined;
      if (!found.grant || stored === undefined) return found;
      const refresh = { head: presented.generation, predecessor: stored, superseded: { [stored]: now() } };
      return { ...found, grant: { ...found.grant, refresh } };
    },
    rotate: (id, head, change, assertion) => grants.rotate(id, stored ?? head, change, assertion),
  };
}

/**
 * The end of a grant in an item that no other operation writes: the last writer of the grant cannot undo it.
 * @param now epoch seconds
 */
export function endMarks({ client, name: TableName }: TableConnection, now: () => number) {
  const keyOf = (grant: string) => ({ pk: `GE#${grant}`, sk: SINGLE });
  const mark = (grant: string) => client.put({ TableName, Item: { ...keyOf(grant), endedAt: now() } });
  const marked = async <T extends { grant?: Grant | undefined }>(id: string, found: T): Promise<T> => {
    const { Item } = await client.get({ TableName, Key: keyOf(id), ConsistentRead: true });
    return Item && found.grant ? { ...found, grant: { ...found.grant, status: 'revoked' } } : found;
  };
  return {
    grants: (store: GrantStore): GrantStore => ({
      ...store,
      findGrant: async (id) => marked(id, await store.findGrant(id)),
      async revokeGrant(id, at, assertion) {
        await mark(id);
        return store.revokeGrant(id, at, assertion);
      },
    }),
    sessions: (store: SessionStore): SessionStore => ({
      ...store,
      find: async (grant, name) => marked(grant, await store.find(grant, name)),
    }),
    revocation: (store: RevocationStore): RevocationStore => ({
      ...store,
      async revokeGrant(id, at) {
        await mark(id);
        return store.revokeGrant(id, at);
      },
    }),
  };
}
