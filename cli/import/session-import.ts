import { userKey } from '../../lambda/core/access/user-key.ts';
import { StateConflict, type StateStore, ToolState } from '../../lambda/core/mcp/tool-state.ts';
import type { SessionStore } from '../../lambda/core/sessions/session.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import {
  type ExportedSession,
  type Reading,
  readExportedSession,
  type Unreadable,
  type Verdict,
} from './exported-session.ts';

/** Where sessions are imported to. */
export type ImportTarget = {
  sessions: Pick<SessionStore, 'addImported'>;
  state: StateStore;
};

/** Takes everything and keeps nothing: for trying out. */
export const nowhere: ImportTarget = {
  sessions: { addImported: async () => true },
  state: {
    get: async () => undefined,
    put: async () => true,
    delete: async () => undefined,
    list: async () => ({ entries: [] }),
  },
};

/** What has come of the sessions so far. */
export type Tally = {
  read: number;
  imported: number;
  alreadyThere: number;
  expired: number;
  withoutUser: number;
  malformed: number;
  /** Fields of the imported sessions' data. */
  fields: { imported: number; leftOut: number };
  /** The first ones that something is wrong with, in words without values. */
  examples: { malformed: string[]; leftOut: string[] };
};

export type ImportOptions = Omit<Reading, 'now'> & {
  /** The issuer of the users, as its tokens name it. */
  issuer: string;
  target: ImportTarget;
  /** Epoch seconds. */
  now: () => number;
  /** Called after each session. */
  progress: (tally: Tally) => void;
};

const AT_ONCE = 32;
const MOST_EXAMPLES = 5;

/** Where a session's data is in its user's state; without a field, which fields there are. */
const stateKey = (session: string, field?: string) => `imported/${session}${field === undefined ? '' : `/${field}`}`;

/**
 * Has the live sessions of another server wait here for their users.
 *
 * The entry that lists a session's fields is written last: where it stands, the session has been imported, even if it has
 * been taken up since, and stays as it is. So the import can be run again, whatever it was interrupted by.
 *
 * @throws Mistake when the source or the table no longer answers
 */
export async function importSessions(
  source: AsyncIterable<ExportedSession | Unreadable>,
  options: ImportOptions,
): Promise<Tally> {
  const tally: Tally = {
    read: 0,
    imported: 0,
    alreadyThere: 0,
    expired: 0,
    withoutUser: 0,
    malformed: 0,
    fields: { imported: 0, leftOut: 0 },
    examples: { malformed: [], leftOut: [] },
  };
  try {
    await forEach(source, AT_ONCE, async (kept) => {
      await importOne(kept, tally, options);
      options.progress(tally);
    });
  } catch (error) {
    if (!(error instanceof ServiceUnavailableError || error instanceof ConfigurationError)) throw error;
    const reason = error instanceof ServiceUnavailableError ? `${error.message} (${error.cause})` : error.message;
    const soFar = `Stopped after ${tally.read} sessions, ${tally.imported} of them imported`;
    throw new ConfigurationError(`${soFar}: ${reason}\nIt can be run again: what has been imported stays.`, {
      cause: error,
    });
  }
  return tally;
}

/** Does the work for each item as it comes, for so many at once. The first failure ends it, when what is under way has. */
async function forEach<T>(items: AsyncIterable<T>, atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    const begun: Promise<void> = work(item)
      .catch((error) => void failures.push(error))
      .finally(() => underWay.delete(begun));
    underWay.add(begun);
    if (underWay.size >= atOnce) await Promise.race(underWay);
    if (failures.length > 0) break;
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
}

async function importOne(kept: ExportedSession | Unreadable, tally: Tally, options: ImportOptions): Promise<void> {
  tally.read += 1;
  const verdict: Verdict =
    'problem' in kept
      ? { kind: 'malformed', problem: kept.problem }
      : readExportedSession(kept, { ...options, now: options.now() });
  switch (verdict.kind) {
    case 'live':
      return importLive(verdict, tally, options);
    case 'expired':
      tally.expired += 1;
      return;
    case 'without-user':
      tally.withoutUser += 1;
      return;
    case 'malformed':
      tally.malformed += 1;
      note(tally.examples.malformed, `${kept.name}: ${verdict.problem}`);
  }
}

async function importLive(
  { subject, session, data, credentials }: Extract<Verdict, { kind: 'live' }>,
  tally: Tally,
  { issuer, target, now }: ImportOptions,
): Promise<void> {
  const user = await userKey(issuer, subject);
  const state = new ToolState(target.state, user, now);
  if (await state.get(stateKey(session.id))) {
    tally.alreadyThere += 1;
    return;
  }
  const put = async (key: string, value: unknown) => {
    try {
      await state.put(key, value, { version: 0, ttlSeconds: session.expiresAt - now() });
    } catch (error) {
      // It stands there since an earlier import, which was interrupted, or goes on beside this one.
      if (!(error instanceof StateConflict)) throw error;
    }
  };
  const fields: string[] = [];
  const leaveOut = (field: string, why: string) => {
    tally.fields.leftOut += 1;
    note(tally.examples.leftOut, `${field}: ${why}`);
  };
  for (const field of credentials) leaveOut(field, 'named like a credential');
  for (const [field, value] of data) {
    try {
      await put(stateKey(session.id, field), value);
      fields.push(field);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      leaveOut(field, 'its name or its value is longer than state can keep, or the name is not of visible characters');
    }
  }
  await target.sessions.addImported({ ...session, user }, now());
  await put(stateKey(session.id), { fields, importedAt: new Date(now() * 1000).toISOString() });
  tally.imported += 1;
  tally.fields.imported += fields.length;
}

/** Keeps the first few that differ. */
function note(examples: string[], example: string): void {
  if (examples.length < MOST_EXAMPLES && !examples.includes(example)) examples.push(example);
}
