import type { Caller } from '../access/caller.ts';
import { directGrant, type Grant, type GrantSummary, isLiveGrant } from '../access/grant.ts';
import { randomId } from '../support/crypto.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';

/** One stretch of work of one client under one grant. Times are epoch seconds. */
export type Session = {
  id: string;
  grant: string;
  user: string;
  /** `legacy`: named by `Mcp-Session-Id`. `modern`: the calls of a grant until they pause for longer than the TTL. */
  era: 'legacy' | 'modern';
  startedAt: number;
  lastSeenAt: number;
  expiresAt: number;
  /** Set once the client has ended the session (DELETE) or somebody revoked it. */
  endedAt?: number;
  /** Set where it was not its client that ended it. */
  endedBy?: 'revocation';
  /** Legacy: the `initialize` parameters, so that any process can take the session up. */
  initialize?: Initialize;
  /** Legacy: the least severe log message that the client wants (`logging/setLevel`). */
  logLevel?: string;
  /** Legacy: the resources whose changes the client wants to hear of (`resources/subscribe`). */
  subscriptions?: Set<string>;
};

/** A wish of a legacy client that the server has agreed to. */
export type SessionPreferences = { logLevel: string } | { subscribed: string } | { unsubscribed: string };

/** Parameters of the `initialize` request (MCP 2025-11-25, lifecycle), as far as a server depends on them. */
export type Initialize = {
  protocolVersion: string;
  capabilities: Record<string, unknown>;
  clientInfo: { name: string; version: string; [member: string]: unknown };
};

/** What stands in the store under a session's name. */
export type StoredSession = Session | { renewedAs: string; expiresAt: number };

/** A session that another server kept, imported (`cli/import/session-import.ts`). It waits here for its user to come with its id. */
export type ImportedSession = {
  id: string;
  user: string;
  /** Absent where the other server had not kept it. */
  initialize?: Initialize;
  startedAt: number;
  expiresAt: number;
};

/** Where sessions live. Any method throws `Outage` when the store does not answer, and then nothing has changed. */
export interface SessionStore {
  /**
   * The grant and what stands under the name, in one consistent round trip.
   * @param name a legacy session id, or `CURRENT`
   */
  find(grant: string, name: string): Promise<{ grant?: Grant; stored?: StoredSession }>;
  /**
   * Puts the session under its name (modern: `CURRENT`), unless something that has not expired stands there.
   * @param former what stood there and has expired: put under `formerName`, so that its calls can be found
   * @returns false when something stands there: read again
   */
  start(session: Session, now: number, former?: Session): Promise<boolean>;
  /**
   * Puts the session and, under the stale name, the pointer to it: both or neither.
   * @returns false when something that has not expired stands under the stale name: read again
   */
  renew(session: Session, staleName: string, now: number): Promise<boolean>;
  /** Moves `lastSeenAt` and `expiresAt` of a session that is live and still the same; else does nothing. */
  slide(session: Session, lastSeenAt: number, expiresAt: number): Promise<void>;
  /** Adds a wish to a legacy session that is live; else, and where it has too many already, does nothing. */
  note(session: Session, notes: SessionPreferences, now: number): Promise<void>;
  /** Marks the legacy session as ended; one that is unknown or expired stays as it is. */
  end(grant: string, id: string, now: number): Promise<void>;
  /**
   * Puts a session that another server kept.
   * @returns false when one that has not expired waits under that id already
   */
  addImported(imported: ImportedSession, now: number): Promise<boolean>;
  findImported(user: string, id: string): Promise<ImportedSession | undefined>;
  /**
   * Puts the session under its id and takes the imported one away: both or neither.
   * @returns false when it no longer waits, or something that has not expired stands under its id: read again
   */
  takeUp(session: Session, now: number): Promise<boolean>;
}

/** The name under which a grant's current modern session stands. No legacy id contains a space. */
export const CURRENT = ' current';

/** The name under which a modern session stands that another has followed. */
export const formerName = ({ id }: Pick<Session, 'id'>): string => ` ${id}`;

/** How many resources a session may hear of: it is a small item. */
export const MOST_SUBSCRIPTIONS = 100;

/** A session is written at most this often, however many requests it has (and in time where the TTL is short). */
const slideEverySeconds = (ttlSeconds: number) => Math.min(60, ttlSeconds / 10);

/** How often a station reads again when somebody else wrote first; each time the other has made progress. */
const ATTEMPTS = 5;

const legacyId = /^[\x21-\x7e]{1,128}$/;

/** Whether a client can name a session so (MCP 2025-11-25, session management: visible ASCII). */
export const isSessionId = (text: string): boolean => legacyId.test(text);

export type SessionRules = {
  ttlSeconds: number;
  /**
   * For users of these groups instead. Whoever is in several has the shortest, so that a strict rule cannot be undone by
   * another group.
   * @default - the same for everybody
   */
  ttlSecondsByGroup?: Readonly<Record<string, number>>;
  /** What an expired or unknown id of an authenticated caller gets: a fresh session, or 404. */
  stale: 'renew' | 'reject';
};

/** Why the session station lets a request go no further. */
export type SessionRejection =
  /** The token has expired or its grant has ended: sign in again. */
  | 'unauthorized'
  /** The session was ended, or (`stale: 'reject'`) is not known. */
  | 'session-not-found';

export type SessionAccess = {
  grant: GrantSummary;
  session: Session;
  /** Resolves when the session's slide is stored; must be awaited before the function may freeze. */
  slid: Promise<void>;
};

/**
 * Station 2: caller and id → live session, slid, or refused.
 *
 * A session is looked up in its caller's own grant, so someone else's id is simply not there: it behaves as unknown.
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
    const grant = this.#granted(caller, (await this.#store.find(caller.grant, id)).grant);
    if (!grant) return 'unauthorized';
    const session = { ...this.#fresh(caller, grant, 'legacy', initialize), id };
    await this.#store.start(session, this.#now());
    return { grant, session, slid: Promise.resolve() };
  }

  /** The session that a legacy request names. */
  async resume(
    caller: Caller,
    id: string,
    protocolVersion: string | undefined,
  ): Promise<SessionAccess | SessionRejection> {
    if (!isSessionId(id)) return 'session-not-found';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { grant: found, stored } = await this.#store.find(caller.grant, id);
      const grant = this.#granted(caller, found);
      if (!grant) return 'unauthorized';
      const live = stored && stored.expiresAt > this.#now() ? stored : undefined;
      if (live && 'renewedAs' in live) {
        id = live.renewedAs;
        continue;
      }
      if (live) return live.endedAt === undefined ? this.#admit(grant, live) : 'session-not-found';
      const imported = await this.#imported(caller, id);
      if (imported) {
        const session = this.#goingOn(caller, grant, imported, protocolVersion);
        if (await this.#store.takeUp(session, this.#now())) return { grant, session, slid: Promise.resolve() };
        continue;
      }
      if (this.#rules.stale === 'reject') return 'session-not-found';
      const known = stored && 'initialize' in stored ? stored.initialize : undefined;
      const session = this.#fresh(caller, grant, 'legacy', known ?? anonymous(protocolVersion));
      if (await this.#store.renew(session, id, this.#now())) return { grant, session, slid: Promise.resolve() };
    }
    throw contended(id);
  }

  /** The session that a modern request falls into. */
  async current(caller: Caller): Promise<SessionAccess | SessionRejection> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { grant: found, stored } = await this.#store.find(caller.grant, CURRENT);
      const grant = this.#granted(caller, found);
      if (!grant) return 'unauthorized';
      const former = stored && 'id' in stored ? stored : undefined;
      if (former && former.expiresAt > this.#now()) return this.#admit(grant, former);
      const session = this.#fresh(caller, grant, 'modern');
      if (await this.#store.start(session, this.#now(), former)) return { grant, session, slid: Promise.resolve() };
    }
    throw contended(caller.grant);
  }

  /** Ends a legacy session at its client's wish (DELETE). */
  async end(caller: Caller, id: string): Promise<SessionRejection | undefined> {
    if (!isSessionId(id)) return 'session-not-found';
    const { grant: found, stored } = await this.#store.find(caller.grant, id);
    const grant = this.#granted(caller, found);
    if (!grant) return 'unauthorized';
    if (!stored || stored.expiresAt <= this.#now()) {
      const imported = await this.#imported(caller, id);
      if (!imported) return 'session-not-found';
      await this.#store.takeUp(this.#goingOn(caller, grant, imported), this.#now());
      await this.#store.end(caller.grant, id, this.#now());
      return undefined;
    }
    if ('renewedAs' in stored) return this.end(caller, stored.renewedAs);
    if (stored.endedAt !== undefined) return 'session-not-found';
    await this.#store.end(caller.grant, id, this.#now());
    return undefined;
  }

  /** Keeps what the client of a legacy session wants from now on. */
  async note(session: Session, notes: SessionPreferences): Promise<void> {
    await this.#store.note(session, notes, this.#now());
  }

  /** Whether the caller's grant still holds, for requests that name no session. */
  async isAuthorized(caller: Caller): Promise<boolean> {
    const { grant } = await this.#store.find(caller.grant, CURRENT);
    return this.#granted(caller, grant) !== undefined;
  }

  /** What the caller has been granted, if it still holds, for work that outlives the token that it was asked for with. */
  async granted(caller: Caller): Promise<GrantSummary | undefined> {
    const { grant } = await this.#store.find(caller.grant, CURRENT);
    return this.#granted({ ...caller, expiresAt: Number.POSITIVE_INFINITY }, grant);
  }

  /**
   * What the caller has been granted, if it holds: by the grant in the table, or in direct mode by the identity provider,
   * unless something in the table takes it back.
   */
  #granted(caller: Caller, grant: Grant | undefined): GrantSummary | undefined {
    const now = this.#now();
    if (caller.expiresAt <= now) return undefined;
    if (!grant && caller.identity) return directGrant(caller, caller.identity);
    return isLiveGrant(grant, now) && grant.user === caller.user && grant.client === caller.client ? grant : undefined;
  }

  /** Looked for under the caller's user, since its grant did not exist when it was imported; and only where an id is unknown. */
  async #imported({ user }: Caller, id: string): Promise<ImportedSession | undefined> {
    const imported = await this.#store.findImported(user, id);
    return imported && imported.expiresAt > this.#now() ? imported : undefined;
  }

  #goingOn(
    caller: Caller,
    grant: GrantSummary,
    { id, initialize, startedAt }: ImportedSession,
    protocolVersion?: string,
  ): Session {
    return { ...this.#fresh(caller, grant, 'legacy', initialize ?? anonymous(protocolVersion)), id, startedAt };
  }

  #admit(grant: GrantSummary, session: Session): SessionAccess {
    const now = this.#now();
    const ttlSeconds = this.#ttlSeconds(grant);
    if (now - session.lastSeenAt < slideEverySeconds(ttlSeconds)) return { grant, session, slid: Promise.resolve() };
    const slidden = { ...session, lastSeenAt: now, expiresAt: now + ttlSeconds };
    return { grant, session: slidden, slid: this.#store.slide(session, slidden.lastSeenAt, slidden.expiresAt) };
  }

  #ttlSeconds({ groups }: GrantSummary): number {
    const { ttlSeconds, ttlSecondsByGroup = {} } = this.#rules;
    const own = groups
      .filter((group) => Object.hasOwn(ttlSecondsByGroup, group))
      .map((group) => ttlSecondsByGroup[group]!);
    return own.length > 0 ? Math.min(...own) : ttlSeconds;
  }

  #fresh(caller: Caller, grant: GrantSummary, era: Session['era'], initialize?: Initialize): Session {
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

/** Stands in for the `initialize` parameters of a session that the store no longer knows. */
function anonymous(protocolVersion = '2025-03-26'): Initialize {
  return { protocolVersion, capabilities: {}, clientInfo: { name: 'unknown', version: '0' } };
}

const contended = (name: string) =>
  new ServiceUnavailableError('The store', new Error(`${name} changed ${ATTEMPTS} times while it was read`));
