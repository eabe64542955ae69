import type { Grant } from '../../core/access/grant.ts';
import type { User } from '../../core/admin/directory.ts';
import type { DashboardSession } from '../../core/dashboard/dashboard-session.ts';
import type { EndedTokens } from '../../core/identity/upstream-revocations.ts';
import type { SealedUpstreamTokens } from '../../core/identity/upstream-tokens.ts';
import type { UpstreamState, WriteOutcome } from '../../core/oauth/authorization-flow.ts';
import type { SpentAssertion } from '../../core/oauth/clients/client-assertion.ts';
import { CURRENT, type Session, type StoredSession } from '../../core/sessions/session.ts';

type Leased<T> = T & { leaseOwner?: string; leaseUntil?: number };

/** Items that several stores read or write, as in the one table of DynamoDB. */
export type MemoryTables = {
  grants: Map<string, Grant>;
  upstreamTokens: Map<string, Leased<SealedUpstreamTokens>>;
  /** By grant. */
  endedTokens: Map<string, EndedTokens & { tokens?: Leased<SealedUpstreamTokens> }>;
  /** By `sessionKey`. */
  sessions: Map<string, StoredSession>;
  users: Map<string, User>;
  /** By the digest of the cookie. */
  dashboardSessions: Map<string, DashboardSession>;
  upstreamStates: Map<string, UpstreamState & { attempts?: Set<string> }>;
  /** Expiry of used assertions. */
  spentAssertions: Map<string, number>;
};

export const memoryTables = (): MemoryTables => ({
  grants: new Map(),
  upstreamTokens: new Map(),
  endedTokens: new Map(),
  sessions: new Map(),
  users: new Map(),
  dashboardSessions: new Map(),
  upstreamStates: new Map(),
  spentAssertions: new Map(),
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

/** Completes a sign-in. @returns false when it is unknown, expired or completed */
export function completeSignIn({ upstreamStates }: MemoryTables, stateHash: string, now: number): boolean {
  const state = upstreamStates.get(stateHash);
  if (!state || state.expiresAt <= now || state.completedAt !== undefined) return false;
  upstreamStates.set(stateHash, { ...state, completedAt: now });
  return true;
}

/** Marks the assertion as used. @returns false when it already is */
export function spend({ spentAssertions }: MemoryTables, { hash, now, expiresAt }: SpentAssertion): boolean {
  if ((spentAssertions.get(hash) ?? 0) > now) return false;
  spentAssertions.set(hash, expiresAt);
  return true;
}

/** Writes if the write is possible and no assertion is used yet. */
export function writeWithAssertion(
  tables: MemoryTables,
  given: SpentAssertion | readonly SpentAssertion[] | undefined,
  isPossible: boolean,
  write: () => void,
): WriteOutcome {
  const assertions = [given ?? []].flat();
  if (assertions.some(({ hash, now }) => (tables.spentAssertions.get(hash) ?? 0) > now)) return 'assertion-replayed';
  if (!isPossible) return 'conflict';
  for (const assertion of assertions) spend(tables, assertion);
  write();
  return 'written';
}

/** Callers own what they get, as with a store on the network. */
export const copy = <T>(value: T): T => structuredClone(value);
