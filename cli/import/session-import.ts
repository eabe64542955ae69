import { userKey } from '../../lambda/core/access/user-key.ts';
import { StateConflict, type StateStore, ToolState } from '../../lambda/core/mcp/tool-state.ts';
import type { SessionStore } from '../../lambda/core/sessions/session.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import {
  type ExportedSession,
  type ReadOptions,
  type ReadResult,
  readExportedSession,
  type UnreadableEntry,
} from './exported-session.ts';

/** The ports that an import writes to. */
export type ImportTarget = {
  sessions: Pick<SessionStore, 'addImported'>;
  state: StateStore;
};

/** Accepts everything and stores nothing, for a dry run. */
export const discardingTarget: ImportTarget = {
  sessions: { addImported: async () => true },
  state: {
    get: async () => undefined,
    put: async () => true,
    overwrite: async () => 1,
    delete: async () => undefined,
    list: async () => ({ entries: [] }),
  },
};

/** Results so far. */
export type Tally = {
  read: number;
  imported: number;
  alreadyThere: number;
  expired: number;
  withoutUser: number;
  malformed: number;
  /** Data fields of the imported sessions. */
  fields: { imported: number; leftOut: number };
  /** The first problems, without values of sessions. */
  examples: { malformed: string[]; leftOut: string[] };
};

export type ImportOptions = Omit<ReadOptions, 'now'> & {
  /** Issuer of the users (`iss` of their tokens). */
  issuer: string;
  target: ImportTarget;
  /** Epoch seconds. */
  now: () => number;
  /** Called after each session. */
  progress: (tally: Tally) => void;
};

/** Sessions imported in parallel. */
const CONCURRENCY = 32;
const MOST_EXAMPLES = 5;

/** The key in the user's state of a data field; without a field, of the list of fields. */
const stateKey = (session: string, field?: string) => `imported/${session}${field === undefined ? '' : `/${field}`}`;

/**
 * Stores the live sessions of another server under their users, until a client of the user sends the id.
 *
 * The list of a session's fields is written last. A session with a list is imported, even if its user has resumed it
 * since, and is not written again. So an interrupted import can be repeated.
 *
 * @throws ConfigurationError when the source or the table stops answering
 */
export async function importSessions(
  source: AsyncIterable<ExportedSession | UnreadableEntry>,
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
    await forEach(source, CONCURRENCY, async (entry) => {
      await importEntry(entry, tally, options);
      options.progress(tally);
    });
  } catch (error) {
    if (!(error instanceof ServiceUnavailableError || error instanceof ConfigurationError)) throw error;
    const reason = error instanceof ServiceUnavailableError ? `${error.message} (${error.cause})` : error.message;
    const soFar = `Stopped after ${tally.read} sessions, ${tally.imported} imported`;
    throw new ConfigurationError(`${soFar}: ${reason}\nRun the import again: imported sessions are skipped.`, {
      cause: error,
    });
  }
  return tally;
}

/** Processes items in parallel. The first failure ends it, after the pending items. */
async function forEach<T>(
  items: AsyncIterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const pending = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    const task: Promise<void> = work(item)
      .catch((error) => void failures.push(error))
      .finally(() => pending.delete(task));
    pending.add(task);
    if (pending.size >= concurrency) await Promise.race(pending);
    if (failures.length > 0) break;
  }
  await Promise.all(pending);
  if (failures.length > 0) throw failures[0];
}

async function importEntry(
  entry: ExportedSession | UnreadableEntry,
  tally: Tally,
  options: ImportOptions,
): Promise<void> {
  tally.read += 1;
  const result: ReadResult =
    'problem' in entry
      ? { kind: 'malformed', problem: entry.problem }
      : readExportedSession(entry, { ...options, now: options.now() });
  switch (result.kind) {
    case 'live':
      return importLive(result, tally, options);
    case 'expired':
      tally.expired += 1;
      return;
    case 'without-user':
      tally.withoutUser += 1;
      return;
    case 'malformed':
      tally.malformed += 1;
      addExample(tally.examples.malformed, `${entry.name}: ${result.problem}`);
  }
}

async function importLive(
  { subject, session, data, credentials }: Extract<ReadResult, { kind: 'live' }>,
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
      // Written by an interrupted import, or by one that runs in parallel.
      if (!(error instanceof StateConflict)) throw error;
    }
  };
  const fields: string[] = [];
  const leaveOut = (field: string, why: string) => {
    tally.fields.leftOut += 1;
    addExample(tally.examples.leftOut, `${field}: ${why}`);
  };
  for (const field of credentials) leaveOut(field, 'named like a credential');
  for (const [field, value] of data) {
    try {
      await put(stateKey(session.id, field), value);
      fields.push(field);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      leaveOut(field, 'its name or value is too long for the state, or the name has invisible characters');
    }
  }
  await target.sessions.addImported({ ...session, user }, now());
  await put(stateKey(session.id), { fields, importedAt: new Date(now() * 1000).toISOString() });
  tally.imported += 1;
  tally.fields.imported += fields.length;
}

/** Adds one of the first few distinct examples. */
function addExample(examples: string[], example: string): void {
  if (examples.length < MOST_EXAMPLES && !examples.includes(example)) examples.push(example);
}
