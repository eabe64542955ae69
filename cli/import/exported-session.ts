import { type ImportedSession, type Initialize, isSessionId } from '../../lambda/core/sessions/session.ts';

/** A session of another server, under the field names of that server. */
export type ExportedSession = {
  /** Where the operator finds it. Without the whole id, which at some servers is the only credential. */
  name: string;
  fields: Record<string, unknown>;
  /** Of the store, if it has them; they take precedence over the fields. */
  id?: string;
  /** Epoch seconds. */
  expiresAt?: number;
};

/** An entry of the store that is not a session. */
export type UnreadableEntry = { name: string; problem: string };

/** The fields of a session, and the names that servers give them. The first one present is used. */
const usualNames = {
  id: ['id', 'session_id', 'sessionId', 'sid'],
  user: ['subject', 'sub', 'user_id', 'userId', 'user'],
  initialize: ['initialize', 'initialize_params', 'initializeParams'],
  protocolVersion: ['protocol_version', 'protocolVersion'],
  clientInfo: ['client_info', 'clientInfo'],
  clientName: ['client_name', 'clientName'],
  clientVersion: ['client_version', 'clientVersion'],
  capabilities: ['capabilities', 'client_capabilities', 'clientCapabilities'],
  startedAt: ['started_at', 'startedAt', 'created_at', 'createdAt'],
  lastSeenAt: [
    ['last_seen_at', 'lastSeenAt', 'last_active_at', 'lastActiveAt', 'last_activity', 'lastActivity'],
    ['last_accessed_at', 'lastAccessedAt', 'updated_at', 'updatedAt'],
  ].flat(),
  expiresAt: ['expires_at', 'expiresAt'],
  data: ['data', 'state'],
} satisfies Record<string, string[]>;

export type SessionField = keyof typeof usualNames;
export const sessionFields = Object.keys(usualNames) as SessionField[];

export type ReadOptions = {
  /** Where the other server keeps a field: a name, or a path such as `auth.sub` into its JSON. */
  places: Partial<Record<SessionField, string>>;
  /** The data to import. @default all except fields that are named like a credential */
  dataFields?: string[] | undefined;
  /** Lifetime after the last use, for a session without an expiry. */
  ttlSeconds: number;
  /** Epoch seconds. */
  now: number;
};

/** The result of reading a session. The user is a subject without an issuer. */
export type ReadResult =
  | {
      kind: 'live';
      subject: string;
      session: Omit<ImportedSession, 'user'>;
      data: [field: string, value: unknown][];
      /** Data fields that are omitted because they are named like a credential. */
      credentials: string[];
    }
  | { kind: 'expired' }
  | { kind: 'without-user' }
  | { kind: 'malformed'; problem: string };

/** As for any session, in characters: it is stored in one small item. */
const LARGEST_INITIALIZE = 8 * 1024;
/** The longest session lifetime that a stack allows, whatever the other server had set. */
const LONGEST_LIFE_SECONDS = 90 * 24 * 3600;

const credentialName = /token|secret|passw|credential|authorization|cookie|api_?key|private_?key/i;

class MalformedSession extends Error {}

/** Reads one session. A problem is described without values, which are private to the user. */
export function readExportedSession(session: ExportedSession, options: ReadOptions): ReadResult {
  try {
    return readSession(session, options);
  } catch (error) {
    if (error instanceof MalformedSession) return { kind: 'malformed', problem: error.message };
    throw error;
  }
}

function readSession(
  { fields, ...stored }: ExportedSession,
  { places, dataFields, ttlSeconds, now }: ReadOptions,
): ReadResult {
  const used = new Set<string>();
  const read = (field: SessionField): unknown => {
    const place = places[field] ?? usualNames[field].find((name) => isPresent(fields[name]));
    if (place === undefined) return undefined;
    const { name, value } = follow(fields, place);
    used.add(name);
    return isPresent(value) ? value : undefined;
  };

  const id = stringOf('id', read('id')) ?? stored.id;
  if (id === undefined) throw new MalformedSession('the id is missing');
  if (!isSessionId(id)) throw new MalformedSession('the id is not valid in a header: 1 to 128 visible characters');
  const [startedAt, lastSeenAt, end] = [timeAt('startedAt'), timeAt('lastSeenAt'), timeAt('expiresAt')];
  const expiresAt = stored.expiresAt ?? end ?? (lastSeenAt ?? now) + ttlSeconds;
  if (expiresAt <= now) return { kind: 'expired' };
  const subject = stringOf('user', read('user'));
  if (subject === undefined) return { kind: 'without-user' };
  const initialize = initializeOf(read);
  const data = dataOf(read('data'));
  for (const [field, value] of Object.entries(fields)) if (!used.has(field) && isPresent(value)) data.set(field, value);
  const selected = [...data].filter(([field]) => dataFields?.includes(field) ?? !credentialName.test(field));
  return {
    kind: 'live',
    subject,
    session: {
      id,
      ...(initialize && { initialize }),
      startedAt: Math.min(startedAt ?? lastSeenAt ?? now, now),
      expiresAt: Math.min(expiresAt, now + LONGEST_LIFE_SECONDS),
    },
    data: selected.map(([field, value]) => [field, parsedJson(value)]),
    credentials: dataFields ? [] : [...data.keys()].filter((field) => credentialName.test(field)),
  };

  function timeAt(field: 'startedAt' | 'lastSeenAt' | 'expiresAt'): number | undefined {
    const value = read(field);
    return value === undefined ? undefined : secondsOf(field, value);
  }
}

/** The parameters of `initialize`, as far as the other server stores them. */
function initializeOf(read: (field: SessionField) => unknown): Initialize | undefined {
  const whole = objectOf('initialize', read('initialize'));
  const clientInfo = parsedJson(read('clientInfo') ?? whole?.clientInfo);
  const info: Record<string, unknown> | undefined =
    typeof clientInfo === 'string' ? { name: clientInfo } : objectOf('clientInfo', clientInfo);
  const [name, version] = [read('clientName'), read('clientVersion')];
  const capabilities = objectOf('capabilities', read('capabilities') ?? whole?.capabilities);
  const protocolVersion = stringOf('protocolVersion', read('protocolVersion') ?? whole?.protocolVersion);
  if (!info && name === undefined && !capabilities && protocolVersion === undefined) return undefined;
  if (protocolVersion !== undefined && !/^\d{4}-\d\d-\d\d$/.test(protocolVersion)) {
    throw new MalformedSession('protocolVersion is not a revision of MCP, such as 2025-06-18');
  }
  const initialize: Initialize = {
    // The default of a missing version (MCP 2025-06-18, protocol version header).
    protocolVersion: protocolVersion ?? '2025-03-26',
    capabilities: capabilities ?? {},
    clientInfo: {
      ...info,
      name: stringOf('clientInfo.name', info?.name ?? name) ?? 'unknown',
      version: stringOf('clientInfo.version', info?.version ?? version) ?? '0',
    },
  };
  if (JSON.stringify(initialize).length > LARGEST_INITIALIZE) {
    throw new MalformedSession(`the initialize parameters have more than ${LARGEST_INITIALIZE} characters`);
  }
  return initialize;
}

/** The members of the data if it is an object; otherwise one field named `data`. */
function dataOf(value: unknown): Map<string, unknown> {
  if (value === undefined) return new Map();
  const data = parsedJson(value);
  if (!isObject(data)) return new Map([['data', data]]);
  return new Map(Object.entries(data).filter(([, member]) => isPresent(member)));
}

/** Follows a path into fields that are objects or JSON of objects. @returns the value and the name of its field */
function follow(fields: Record<string, unknown>, place: string): { name: string; value: unknown } {
  if (Object.hasOwn(fields, place)) return { name: place, value: fields[place] };
  const [name = '', ...path] = place.split('.');
  const into = (value: unknown, member: string): unknown => {
    const object = parsedJson(value);
    return isObject(object) && Object.hasOwn(object, member) ? object[member] : undefined;
  };
  return { name, value: path.reduce(into, Object.hasOwn(fields, name) ? fields[name] : undefined) };
}

const isPresent = (value: unknown) => value !== undefined && value !== null && value !== '';

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** The value of a JSON string; any other string itself. A number that JSON would round, such as a long id, stays a string. */
function parsedJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'number' && String(parsed) !== value ? value : parsed;
  } catch {
    return value;
  }
}

function stringOf(field: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new MalformedSession(`${field} is not a string`);
}

function objectOf(field: string, value: unknown): Record<string, unknown> | undefined {
  if (value === undefined) return undefined;
  const object = parsedJson(value);
  if (!isObject(object)) throw new MalformedSession(`${field} is not an object`);
  return object;
}

/** Larger numbers are milliseconds: this one is the year 5138 in seconds and 1973 in milliseconds. */
const LARGEST_SECONDS = 100_000_000_000;

/** Epoch seconds of a number (seconds or milliseconds) or of an ISO 8601 string, which is UTC without an offset. */
function secondsOf(field: string, value: unknown): number {
  const text = String(value);
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
  if (number !== undefined) return Math.floor(number > LARGEST_SECONDS ? number / 1000 : number);
  const iso = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?$/i.exec(text);
  const [, day, time, offset = 'Z'] = iso ?? [];
  const milliseconds = iso ? Date.parse(`${day}T${time}${offset.replace(/^([+-]\d\d)$/, '$1:00')}`) : Number.NaN;
  if (Number.isNaN(milliseconds)) throw new MalformedSession(`${field} is not a time in epoch seconds or ISO 8601`);
  return Math.floor(milliseconds / 1000);
}
