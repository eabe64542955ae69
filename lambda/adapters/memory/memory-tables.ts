import type { Grant } from '../../core/access/grant.ts';
import type { User } from '../../core/admin/directory.ts';
import type { SealedUpstreamTokens } from '../../core/identity/upstream-tokens.ts';
import { CURRENT, type Session, type StoredSession } from '../../core/sessions/session.ts';

type Leased<T> = T & { leaseOwner?: string; leaseUntil?: number };

/** Items that several stores read or write, as in the one table of DynamoDB. */
export type MemoryTables = {
  grants: Map<string, Grant>;
  upstreamTokens: Map<string, Leased<SealedUpstreamTokens>>;
  /** By `sessionKey`. */
  sessions: Map<string, StoredSession>;
  users: Map<string, User>;
};

export const memoryTables = (): MemoryTables => ({
  grants: new Map(),
  upstreamTokens: new Map(),
  sessions: new Map(),
  users: new Map(),
});

/** @param name a legacy session id, `CURRENT` or `formerName` */
export const sessionKey = (grant: string, name: string): string => `${grant}\n${name}`;

export const keyOfSession = ({ grant, era, id }: Session): string => sessionKey(grant, era === 'modern' ? CURRENT : id);

/** Records a sign-in of the user. */
export function saveSignIn(users: MemoryTables['users'], user: string, sealedName: string | undefined, now: number) {
  users.set(user, {
    user,
    ...(sealedName && { sealedName }),
    firstSignInAt: users.get(user)?.firstSignInAt ?? now,
    lastSignInAt: now,
  });
}

/** Callers own what they get, as with a store on the network. */
export const copy = <T>(value: T): T => structuredClone(value);
