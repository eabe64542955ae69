import { open } from 'node:fs/promises';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { ExportedSession, UnreadableEntry } from './exported-session.ts';

/** The store of another server, read as a stream: the sessions may not fit into memory. */
export type SessionSource = AsyncGenerator<ExportedSession | UnreadableEntry>;

/** Sessions per request. */
const PAGE = 200;

/**
 * Redis: a hash or a JSON string per session, whose key expires with the session. SCAN can return a key twice.
 *
 * @param match pattern of the keys; its `*` stands for the session id, unless a field has the id
 */
export async function* redisSessions(url: string, match: string): SessionSource {
  const { createClient } = await import('@redis/client');
  const client = createClient({
    url,
    // As in redis-cli: arguments are visible to other users of the computer.
    ...(process.env.REDISCLI_AUTH && { password: process.env.REDISCLI_AUTH }),
    socket: { reconnectStrategy: false },
  });
  // An error also rejects the pending command; without a listener it would end the process.
  client.on('error', () => undefined);
  const [before = '', ...rest] = match.split('*');
  const after = rest.at(-1) ?? '';

  async function read(key: string): Promise<ExportedSession | UnreadableEntry | undefined> {
    const isMatch = key.startsWith(before) && key.endsWith(after) && key.length > before.length + after.length;
    const id = isMatch ? key.slice(before.length, key.length - after.length) : key;
    const name = `key ${isMatch ? before : ''}${id.slice(0, 8)}…`;
    const [type, milliseconds] = await Promise.all([client.type(key), client.pTTL(key)]);
    const expiresAt = milliseconds >= 0 ? Math.floor((Date.now() + milliseconds) / 1000) : undefined;
    const entry = { name, id, ...(expiresAt !== undefined && { expiresAt }) };
    switch (type) {
      case 'hash':
        return { ...entry, fields: await client.hGetAll(key) };
      case 'string':
        return { ...entry, ...parsed(name, (await client.get(key)) ?? '{}') };
      case 'none':
        // It expired since SCAN returned its key.
        return undefined;
      default:
        return { name, problem: `a ${type}, not a hash or a string` };
    }
  }

  try {
    await client.connect();
    for await (const keys of client.scanIterator({ MATCH: match, COUNT: PAGE })) {
      for (const entry of await Promise.all(keys.map(read))) if (entry) yield entry;
    }
  } catch (error) {
    throw sourceError('Redis', error);
  } finally {
    if (client.isOpen) client.destroy();
  }
}

/**
 * PostgreSQL, of Supabase or any other: a row per session. One cursor in one transaction also works behind a pooler that
 * assigns connections by transaction.
 *
 * @param table its name, with or without schema
 */
export async function* postgresSessions(url: string, table: string): SessionSource {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, application_name: 'holdfast import' });
  client.on('error', () => undefined);
  const quoted = table.split('.').map(pg.escapeIdentifier).join('.');
  try {
    await client.connect();
    await client.query('BEGIN READ ONLY');
    await client.query(
      `DECLARE sessions NO SCROLL CURSOR FOR SELECT to_jsonb(entry)::text AS row FROM ${quoted} AS entry`,
    );
    for (let number = 1; ; ) {
      const { rows } = await client.query<{ row: string }>(`FETCH ${PAGE} FROM sessions`);
      if (rows.length === 0) return;
      for (const { row } of rows) yield { name: `row ${number++}`, fields: JSON.parse(row) };
    }
  } catch (error) {
    throw sourceError('PostgreSQL', error);
  } finally {
    await client.end();
  }
}

/** JSON Lines: a session per line. */
export async function* fileSessions(path: string): SessionSource {
  let number = 0;
  try {
    const file = await open(path);
    for await (const line of file.readLines()) {
      number += 1;
      if (line.trim() === '') continue;
      const name = `line ${number}`;
      yield { name, ...parsed(name, line) };
    }
  } catch (error) {
    throw sourceError(path, error);
  }
}

function parsed(name: string, text: string): { fields: Record<string, unknown> } | UnreadableEntry {
  try {
    const fields: unknown = JSON.parse(text);
    if (fields !== null && typeof fields === 'object' && !Array.isArray(fields)) return { fields: { ...fields } };
  } catch {
    // Reported below: the message of JSON.parse quotes the text.
  }
  return { name, problem: 'not a JSON object' };
}

/** @param error of a connection; an AggregateError for a host name with several addresses */
function sourceError(source: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ConfigurationError) return error;
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [error];
  return new ConfigurationError(`${source}: ${first?.message ?? error.message}`, { cause: error });
}
