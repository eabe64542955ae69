import type { Grant } from '../access/grant.ts';

/** A period of use of one client under one grant. Times are epoch seconds. */
export type Session = {
  /** Chosen here: partitions of the table are named by it. */
  id: string;
  /** Of an imported session: the id that its client and the owner's tools know. */
  importedId?: string;
  grant: string;
  user: string;
  /** `legacy`: named by `Mcp-Session-Id`. `modern`: the calls of a grant until they pause for longer than the TTL. */
  era: 'legacy' | 'modern';
  startedAt: number;
  lastSeenAt: number;
  expiresAt: number;
  /** Set when the client has ended the session (DELETE) or it was revoked. */
  endedAt?: number;
  /** Set when it was revoked. */
  endedBy?: 'revocation';
  /** Legacy: the `initialize` parameters, so that any process can continue the session. */
  initialize?: Initialize;
  /** Legacy: the least severe log message that the client requests (`logging/setLevel`). */
  logLevel?: string;
  /** Legacy: the resources whose updates the client requests (`resources/subscribe`). */
  subscriptions?: Set<string> | undefined;
};

/** The id of the session for its client and for the owner's tools. */
export const nameOfSession = ({ id, importedId }: Session): string => importedId ?? id;

/** One change of what a legacy client requests for the rest of its session. */
export type SessionPreferences = { logLevel: string } | { subscribed: string } | { unsubscribed: string };

/** Parameters of the `initialize` request (MCP 2025-11-25, lifecycle), as far as a server depends on them. */
export type Initialize = {
  protocolVersion: string;
  capabilities: Record<string, unknown>;
  clientInfo: { name: string; version: string; [member: string]: unknown };
};

/** The item under a session's name: the session, or a pointer to the session that has replaced it. */
export type StoredSession = Session | { renewedAs: string; expiresAt: number };

/** A session of another server (`cli/import/session-import.ts`), stored until its user sends a request with its id. */
export type ImportedSession = {
  id: string;
  user: string;
  /** Absent when the other server did not store it. */
  initialize?: Initialize;
  startedAt: number;
  expiresAt: number;
};

/**
 * Storage of sessions. Every method throws `ServiceUnavailableError` when the store does not answer, and then nothing
 * has changed.
 */
export interface SessionStore {
  /**
   * The grant and the item under the name, in one consistent round trip.
   * @param name a legacy session id, or `CURRENT`
   */
  find(grant: string, name: string): Promise<{ grant?: Grant | undefined; stored?: StoredSession | undefined }>;
  /**
   * Puts the session under its name (modern: `CURRENT`) unless an unexpired item is there.
   * @param former the expired session under that name: moved to `formerName`, so that its calls can be found
   * @returns false when an unexpired item is there: read again
   */
  start(session: Session, now: number, former?: Session): Promise<boolean>;
  /**
   * Puts the session and, under the stale name, a pointer to it: both or neither.
   * @param former the id to which a pointer under that name leads
   * @returns false when an unexpired item is under the stale name, other than the pointer to `former`: read again
   */
  renew(session: Session, staleName: string, now: number, former?: string): Promise<boolean>;
  /**
   * Updates `lastSeenAt` and `expiresAt` of the session if it is live and unchanged, and the expiry of the pointer that led
   * to it; otherwise does nothing.
   */
  slide(session: Session, lastSeenAt: number, expiresAt: number, pointer?: string): Promise<void>;
  /** Applies the change to a live legacy session; does nothing to another one, or beyond `MOST_SUBSCRIPTIONS`. */
  savePreferences(session: Session, preferences: SessionPreferences, now: number): Promise<void>;
  /** Marks the legacy session as ended; an unknown or expired one stays as it is. */
  end(grant: string, id: string, now: number): Promise<void>;
  /**
   * Puts an imported session.
   * @returns false when an unexpired one has the same id
   */
  addImported(imported: ImportedSession, now: number): Promise<boolean>;
  findImported(user: string, id: string): Promise<ImportedSession | undefined>;
  /**
   * Puts the session, a pointer to it under the id of the imported one, and deletes the imported one: all or none. The
   * previous server, and so perhaps a stranger, chose that id: two users can have the same.
   * @returns false when the imported one is gone, or an unexpired item is under its id: read again
   */
  adoptImported(session: Session, importedId: string, now: number): Promise<boolean>;
}

/** The name of a grant's current modern session. No legacy id contains a space. */
export const CURRENT = ' current';

/** The name of the pointer to the session that takes the place of all unknown ids of a grant. */
export const REPLACEMENT = ' replacement';

/** The name of a modern session that another has followed. */
export const formerName = ({ id }: Pick<Session, 'id'>): string => ` ${id}`;

/**
 * Most seconds by which `lastSeenAt` is behind the last request. Each slide costs four write units, because both indexes list
 * the session; the audit log has the exact times.
 */
export const SEEN_LATE_SECONDS = 60 * 60;

/** Most subscriptions of a session: its item is read with every request. */
export const MOST_SUBSCRIPTIONS = 100;

const legacyId = /^[\x21-\x7e]{1,128}$/;

/** Whether the id is valid (MCP 2025-11-25, session management: visible ASCII). */
export const isSessionId = (id: string): boolean => legacyId.test(id);
