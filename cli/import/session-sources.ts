import { open } from 'node:fs/promises';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { ExportedSession, Unreadable } from './exported-session.ts';

/** Where other servers keep their sessions, read piece by piece: there may be more of them than fit into memory. */
export type Source = AsyncGenerator<ExportedSession | Unreadable>;

/** How many sessions are asked for at once. */
const PAGE = 200;

/**
 * Redis: a hash for each session, or a text that is JSON, each under a key that ends when the session does. A key that
 * Redis moves while it is read may come twice.
 *
 * @param match the pattern of the keys; what its `*` stands for is the session's id, unless a field says otherwise
 */
export async function* redisSessions(url: string, match: string): Source {
  const { createClient } = await import('@redis/client');
  const client = createClient({
    url,
    // As redis-cli has it, so that the password need not be among the arguments, which everybody on the machine can read.
    ...(process.env.REDISCLI_AUTH && { password: process.env.REDISCLI_AUTH }),
    socket: { reconnectStrategy: false },
  });
  // What goes wrong fails the command that is under way as well; without a listener it would end the process.
  client.on('error', () => undefined);
  const [before = '', ...rest] = match.split('*');
  const after = rest.at(-1) ?? '';

  async function read(key: string): Promise<ExportedSession | Unreadable | undefined> {
    const isMatch = key.startsWith(before) && key.endsWith(after) && key.length > before.length + after.length;
    const id = isMatch ? key.slice(before.length, key.length - after.length) : key;
    const name = `key ${isMatch ? before : ''}${id.slice(0, 8)}…`;
    const [type, milliseconds] = await Promise.all([client.type(key), client.pTTL(key)]);
    const expiresAt = milliseconds >= 0 ? Math.floor((Date.now() + milliseconds) / 1000) : undefined;
    const known = { name, id, ...(expiresAt !== undefined && { expiresAt }) };
    switch (type) {
      case 'hash':
        return { ...known, fields: await client.hGetAll(key) };
      case 'string':
        return { ...known, ...parsed(name, (await client.get(key)) ?? '{}') };
      case 'none':
        // It has ended since its key was read.
        return undefined;
      default:
        return { name, problem: `it is a ${type}, not a hash or a text` };
    }
  }

  try {
    await client.connect();
    for await (const keys of client.scanIterator({ MATCH: match, COUNT: PAGE })) {
      for (const kept of await Promise.all(keys.map(read))) if (kept) yield kept;
    }
  } catch (error) {
    throw unreachable('Redis', error);
  } finally {
    if (client.isOpen) client.destroy();
  }
}

/**
 * PostgreSQL, of Supabase or any other: a row for each session. One cursor in one transaction, which also holds behind a
 * pooler that hands out connections by the transaction.
 *
 * @param table its name, with its schema or without
 */
export async function* postgresSessions(url: string, table: string): Source {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, application_name: 'holdfast import-sessions' });
  client.on('error', () => undefined);
  const quoted = table.split('.').map(pg.escapeIdentifier).join('.');
  try {
    await client.connect();
    await client.query('BEGIN READ ONLY');
    await client.query(
      `DECLARE sessions NO SCROLL CURSOR FOR SELECT to_jsonb(kept)::text AS row FROM ${quoted} AS kept`,
    );
    for (let number = 1; ; ) {
      const { rows } = await client.query<{ row: string }>(`FETCH ${PAGE} FROM sessions`);
      if (rows.length === 0) return;
      for (const { row } of rows) yield { name: `row ${number++}`, fields: JSON.parse(row) };
    }
  } catch (error) {
    throw unreachable('PostgreSQL', error);
  } finally {
    await client.end();
  }
}

/** A file with a session in JSON on each line. */
export async function* fileSessions(path: string): Source {
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
    throw unreachable(path, error);
  }
}

function parsed(name: string, text: string): { fields: Record<string, unknown> } | Unreadable {
  try {
    const fields: unknown = JSON.parse(text);
    if (fields !== null && typeof fields === 'object' && !Array.isArray(fields)) return { fields: { ...fields } };
  } catch {
    // Said below: the message of JSON.parse would quote the text.
  }
  return { name, problem: 'it is no JSON object' };
}

/** @param error of a connection, which may be several where a name has several addresses */
function unreachable(what: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ConfigurationError) return error;
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [error];
  return new ConfigurationError(`${what}: ${first?.message ?? error.message}`, { cause: error });
}
