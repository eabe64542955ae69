import type { Caller } from '../access/caller.ts';
import { directGrant, type Grant, type GrantSummary, isLiveGrant } from '../access/grant.ts';
import { randomId } from '../support/crypto.ts';
import { retry, retryOnConflict } from '../support/retry-on-conflict.ts';
import {
  CURRENT,
  type ImportedSession,
  type Initialize,
  isSessionId,
  REPLACEMENT,
  SEEN_LATE_SECONDS,
  type Session,
  type SessionPreferences,
  type SessionStore,
} from './session.ts';

export type SessionRules = {
  ttlSeconds: number;
  /**
   * For users of these groups instead. A user in several of them has the shortest TTL, so that no group weakens the
   * strict rule of another.
   * @default - `ttlSeconds` for every user
   */
  ttlSecondsByGroup?: Readonly<Record<string, number>>;
  /** The result of an expired or unknown id of an authenticated caller: a new session, or 404. */
  stale: 'renew' | 'reject';
};

/** The rules of a deployment, from the variables of its functions. @param hoursByGroup numbers as text */
export const sessionRules = (
  hours: number,
  hoursByGroup: Readonly<Record<string, string>> | undefined,
  stale: SessionRules['stale'],
): SessionRules => ({
  ttlSeconds: hours * 3600,
  ttlSecondsByGroup: Object.fromEntries(
    Object.entries(hoursByGroup ?? {}).map(([group, each]) => [group, +each * 3600]),
  ),
  stale,
});

/** Why the session step rejects a request. */
export type SessionRejection =
  /** The token has expired or its grant has ended: sign in again. */
  | 'unauthorized'
  /** The session has ended, or (`stale: 'reject'`) is unknown. */
  | 'session-not-found';

export type SessionAccess = {
  grant: GrantSummary;
  session: Session;
  /** Resolves when the slide of the session is stored; to be awaited before the function may freeze. Absent when none is due. */
  slid?: Promise<void>;
};

/** The item under a name that leads to another session. */
type Pointer = { name: string; renewedAs: string };

/** The items under a name, and under those to which pointers lead. */
type Found = { grant: Grant | undefined; session: Session | undefined; pointer: Pointer | undefined };

/** An id without an unexpired session, and what is known of it. */
type StaleId = {
  id: string;
  session: Session | undefined;
  pointer: Pointer | undefined;
  protocolVersion: string | undefined;
};

/** Each renewal of a session under its newest id adds a pointer to the way from its first id. */
const MOST_HOPS = 10;

/**
 * Bounds the writes of a busy session: a session slides after a twenty-fourth of its TTL, or a minute if that is longer; after
 * a tenth of a short TTL, so that it still slides in time.
 */
export const slideEverySeconds = (ttlSeconds: number): number =>
  Math.min(Math.max(60, ttlSeconds / 24), SEEN_LATE_SECONDS, ttlSeconds / 10);

/**
 * Step 2 of a request: caller and session id → live session, slid, or a rejection.
 *
 * A session is looked up under its caller's own grant, so the id of another user's session behaves as an unknown one.
 */
export class Sessions {
  readonly #store: SessionStore;
  readonly #rules: SessionRules;
  readonly #now: () => number;

  /** @param now epoch seconds */
  constructor(store: SessionStore, rules: SessionRules, now: () => number) {
    this.#store = store;
    this.#rules = rules;
    this.#now = now;
  }

  /** Starts the session of an `initialize` request. */
  async initialize(caller: Caller, initialize: Initialize): Promise<SessionAccess | SessionRejection> {
    const id = randomId();
    const grant = this.#validGrant(caller, (await this.#store.find(caller.grant, id)).grant);
    if (!grant) return 'unauthorized';
    const session = { ...this.#newSession(caller, grant, 'legacy', initialize), id };
    await this.#store.start(session, this.#now());
    return { grant, session };
  }

  /** The session that a legacy request names. */
  resume(caller: Caller, id: string, protocolVersion: string | undefined): Promise<SessionAccess | SessionRejection> {
    if (!isSessionId(id)) return Promise.resolve('session-not-found');
    return retryOnConflict(contended(id), async () => {
      const { grant: found, session, pointer } = await this.#lookUp(caller.grant, id);
      const grant = this.#validGrant(caller, found);
      if (!grant) return 'unauthorized';
      if (!session || !this.#isUnexpired(session)) {
        return this.#replaceStale(caller, grant, { id, session, pointer, protocolVersion });
      }
      return session.endedAt === undefined ? this.#admit(grant, session, pointer) : 'session-not-found';
    });
  }

  /** The session under the name, or the one to which the pointers there lead. Its own expiry counts, not theirs. */
  async #lookUp(grantId: string, name: string): Promise<Found> {
    const { grant, stored } = await this.#store.find(grantId, name);
    const pointer = stored && 'renewedAs' in stored ? { name, renewedAs: stored.renewedAs } : undefined;
    let item = stored;
    for (let hops = 0; item && 'renewedAs' in item && hops < MOST_HOPS; hops++) {
      item = (await this.#store.find(grantId, item.renewedAs)).stored;
    }
    const session = item && 'id' in item ? item : undefined;
    return { grant, session, pointer };
  }

  #isUnexpired({ expiresAt }: Session): boolean {
    return expiresAt > this.#now();
  }

  /** An id without an unexpired session: an imported session takes its place, or a new one if the rules allow. */
  async #replaceStale(
    caller: Caller,
    grant: GrantSummary,
    { id, session: former, pointer, protocolVersion }: StaleId,
  ): Promise<SessionAccess | SessionRejection | typeof retry> {
    const imported = await this.#liveImported(caller, id);
    if (imported) {
      const session = this.#adopted(caller, grant, imported, protocolVersion);
      return (await this.#store.adoptImported(session, imported.id, this.#now())) ? { grant, session } : retry;
    }
    if (this.#rules.stale === 'reject') return 'session-not-found';
    if (!former && !pointer) return this.#replaceUnknown(caller, grant, protocolVersion);
    const initialize = former?.initialize ?? unknownClient(protocolVersion);
    const session = this.#newSession(caller, grant, 'legacy', initialize);
    return (await this.#store.renew(session, id, this.#now(), pointer?.renewedAs)) ? { grant, session } : retry;
  }

  /**
   * An id that was no session of this grant. Clients continue with the ids of a previous grant or server, and may send any
   * number of them, so one session takes the place of all.
   */
  async #replaceUnknown(
    caller: Caller,
    grant: GrantSummary,
    protocolVersion: string | undefined,
  ): Promise<SessionAccess | typeof retry> {
    const { session: current, pointer } = await this.#lookUp(caller.grant, REPLACEMENT);
    if (current && this.#isUnexpired(current) && current.endedAt === undefined) {
      return this.#admit(grant, current, pointer);
    }
    const session = this.#newSession(caller, grant, 'legacy', unknownClient(protocolVersion));
    const isStored = await this.#store.renew(session, REPLACEMENT, this.#now(), pointer?.renewedAs);
    return isStored ? { grant, session } : retry;
  }

  /** The session that a modern request belongs to. */
  current(caller: Caller): Promise<SessionAccess | SessionRejection> {
    return retryOnConflict(contended(caller.grant), async () => {
      const { grant: found, stored } = await this.#store.find(caller.grant, CURRENT);
      const grant = this.#validGrant(caller, found);
      if (!grant) return 'unauthorized';
      const former = stored && 'id' in stored ? stored : undefined;
      if (former && former.expiresAt > this.#now()) return this.#admit(grant, former);
      const session = this.#newSession(caller, grant, 'modern');
      return (await this.#store.start(session, this.#now(), former)) ? { grant, session } : retry;
    });
  }

  /** Ends a legacy session at its client's request (DELETE). */
  async end(caller: Caller, id: string): Promise<SessionRejection | undefined> {
    if (!isSessionId(id)) return 'session-not-found';
    const { grant: found, session, pointer } = await this.#lookUp(caller.grant, id);
    const grant = this.#validGrant(caller, found);
    if (!grant) return 'unauthorized';
    if (session && this.#isUnexpired(session)) return this.#end(session);
    const imported = await this.#liveImported(caller, id);
    if (imported) {
      const adopted = this.#adopted(caller, grant, imported);
      await this.#store.adoptImported(adopted, id, this.#now());
      return this.#end(adopted);
    }
    if (session || pointer) return 'session-not-found';
    const { session: replacement } = await this.#lookUp(caller.grant, REPLACEMENT);
    return replacement && this.#isUnexpired(replacement) ? this.#end(replacement) : 'session-not-found';
  }

  async #end({ grant, id, endedAt }: Session): Promise<SessionRejection | undefined> {
    if (endedAt !== undefined) return 'session-not-found';
    await this.#store.end(grant, id, this.#now());
    return undefined;
  }

  async savePreferences(session: Session, preferences: SessionPreferences): Promise<void> {
    await this.#store.savePreferences(session, preferences, this.#now());
  }

  /** Whether the caller's grant is valid, for requests that name no session. */
  async isAuthorized(caller: Caller): Promise<boolean> {
    const { grant } = await this.#store.find(caller.grant, CURRENT);
    return this.#validGrant(caller, grant) !== undefined;
  }

  /** The caller's grant if it is valid, for work that outlives the access token of its request. */
  async grantOf(caller: Caller): Promise<GrantSummary | undefined> {
    const { grant } = await this.#store.find(caller.grant, CURRENT);
    return this.#validGrant({ ...caller, expiresAt: Number.POSITIVE_INFINITY }, grant);
  }

  /**
   * The caller's grant if it is valid: the one in the table, or in direct mode the one that the identity provider's token
   * states, unless the table holds a revoked one in its place.
   */
  #validGrant(caller: Caller, grant: Grant | undefined): GrantSummary | undefined {
    const now = this.#now();
    if (caller.expiresAt <= now) return undefined;
    if (!grant && caller.identity) return directGrant(caller, caller.identity);
    return isLiveGrant(grant, now) && grant.user === caller.user && grant.client === caller.client ? grant : undefined;
  }

  /** Imported sessions belong to users, since their grants did not exist at the import. Read only for unknown ids. */
  async #liveImported({ user }: Caller, id: string): Promise<ImportedSession | undefined> {
    const imported = await this.#store.findImported(user, id);
    return imported && imported.expiresAt > this.#now() ? imported : undefined;
  }

  #adopted(
    caller: Caller,
    grant: GrantSummary,
    { id: importedId, initialize, startedAt }: ImportedSession,
    protocolVersion?: string,
  ): Session {
    return {
      ...this.#newSession(caller, grant, 'legacy', initialize ?? unknownClient(protocolVersion)),
      importedId,
      startedAt,
    };
  }

  /** @param pointer led to the session, and lives as long */
  #admit(grant: GrantSummary, session: Session, pointer?: Pointer): SessionAccess {
    const now = this.#now();
    const ttlSeconds = this.#ttlSeconds(grant);
    // A session that lasts longer than the TTL of the user's present groups is shortened at once.
    const isDue = now - session.lastSeenAt >= slideEverySeconds(ttlSeconds) || session.expiresAt > now + ttlSeconds;
    if (!isDue) return { grant, session };
    const slidden = { ...session, lastSeenAt: now, expiresAt: now + ttlSeconds };
    const slid = this.#store.slide(session, slidden.lastSeenAt, slidden.expiresAt, pointer?.name);
    return { grant, session: slidden, slid };
  }

  #ttlSeconds({ groups }: GrantSummary): number {
    const { ttlSeconds, ttlSecondsByGroup = {} } = this.#rules;
    const ofGroups = groups
      .filter((group) => Object.hasOwn(ttlSecondsByGroup, group))
      .map((group) => ttlSecondsByGroup[group]!);
    return ofGroups.length > 0 ? Math.min(...ofGroups) : ttlSeconds;
  }

  #newSession(caller: Caller, grant: GrantSummary, era: Session['era'], initialize?: Initialize): Session {
    const now = this.#now();
    return {
      id: randomId(),
      grant: caller.grant,
      user: caller.user,
      era,
      startedAt: now,
      lastSeenAt: now,
      expiresAt: now + this.#ttlSeconds(grant),
      ...(initialize && { initialize }),
    };
  }
}

/** Takes the place of `initialize` parameters that are no longer stored. */
function unknownClient(protocolVersion = '2025-03-26'): Initialize {
  return { protocolVersion, capabilities: {}, clientInfo: { name: 'unknown', version: '0' } };
}

const contended = (name: string) => ({ service: 'The session table', item: `session ${name}` });
