import { type ImportedSession, type Initialize, isSessionId } from '../../lambda/core/sessions/session.ts';

/** A session as another server kept it, whatever it kept it in: what it has, under the names that it has there. */
export type ExportedSession = {
  /** How its owner finds it, without the whole id, which at some servers is all that a client has to show. */
  name: string;
  fields: Record<string, unknown>;
  /** Where the store knows its id and end better than its fields do. Epoch seconds. */
  id?: string;
  expiresAt?: number;
};

/** Something in the store that is no session. */
export type Unreadable = { name: string; problem: string };

/** What is looked for in a session, and the names under which servers keep it. The first that is there counts. */
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

export type SessionPart = keyof typeof usualNames;
export const parts = Object.keys(usualNames) as SessionPart[];

export type Reading = {
  /** Where the owner's server keeps a part: the name of a field, or a path such as `auth.sub` into its JSON. */
  places: Partial<Record<SessionPart, string>>;
  /** What of the data is taken. @default all that is not named like a credential */
  dataFields?: string[];
  /** How long a session lives after it was last seen, where nothing says when it ends. */
  ttlSeconds: number;
  /** Epoch seconds. */
  now: number;
};

/** What a kept session has come to. The user is still the subject alone. */
export type Verdict =
  | {
      kind: 'live';
      subject: string;
      session: Omit<ImportedSession, 'user'>;
      data: [field: string, value: unknown][];
      /** Fields of the data that stay behind because they are named like credentials. */
      credentials: string[];
    }
  | { kind: 'expired' }
  | { kind: 'without-user' }
  | { kind: 'malformed'; problem: string };

/** As for any session: it has to fit into a small item. */
const LARGEST_INITIALIZE = 8 * 1024;
/** No session lives longer without a request, whatever its server had promised: the longest that the stack can be set to. */
const LONGEST_LIFE_SECONDS = 90 * 24 * 3600;

const credentialName = /token|secret|passw|credential|authorization|cookie|api_?key|private_?key/i;

class Malformed extends Error {}

/** Reads a kept session. What is wrong with one is said without its values: they are its user's. */
export function readExportedSession(kept: ExportedSession, reading: Reading): Verdict {
  try {
    return read(kept, reading);
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'malformed', problem: error.message };
    throw error;
  }
}

function read({ fields, ...known }: ExportedSession, { places, dataFields, ttlSeconds, now }: Reading): Verdict {
  const used = new Set<string>();
  const at = (part: SessionPart): unknown => {
    const given = places[part];
    const place = given ?? usualNames[part].find((name) => isThere(fields[name]));
    if (place === undefined) return undefined;
    const { name, value } = follow(fields, place);
    used.add(name);
    return isThere(value) ? value : undefined;
  };

  const id = textOf('id', at('id')) ?? known.id;
  if (id === undefined) throw new Malformed('it has no id');
  if (!isSessionId(id)) throw new Malformed('its id is none that a header can carry: 1 to 128 visible characters');
  const [startedAt, lastSeenAt, end] = [timeAt('startedAt'), timeAt('lastSeenAt'), timeAt('expiresAt')];
  const expiresAt = known.expiresAt ?? end ?? (lastSeenAt ?? now) + ttlSeconds;
  if (expiresAt <= now) return { kind: 'expired' };
  const subject = textOf('user', at('user'));
  if (subject === undefined) return { kind: 'without-user' };
  const initialize = initializeOf(at);
  const data = dataOf(at('data'));
  for (const [field, value] of Object.entries(fields)) if (!used.has(field) && isThere(value)) data.set(field, value);
  const taken = [...data].filter(([field]) => dataFields?.includes(field) ?? !credentialName.test(field));
  return {
    kind: 'live',
    subject,
    session: {
      id,
      ...(initialize && { initialize }),
      startedAt: Math.min(startedAt ?? lastSeenAt ?? now, now),
      expiresAt: Math.min(expiresAt, now + LONGEST_LIFE_SECONDS),
    },
    data: taken.map(([field, value]) => [field, jsonOr(value)]),
    credentials: dataFields ? [] : [...data.keys()].filter((field) => credentialName.test(field)),
  };

  function timeAt(part: 'startedAt' | 'lastSeenAt' | 'expiresAt'): number | undefined {
    const value = at(part);
    return value === undefined ? undefined : secondsOf(part, value);
  }
}

/** The parameters of `initialize`, as far as the other server has kept them. */
function initializeOf(at: (part: SessionPart) => unknown): Initialize | undefined {
  const whole = objectOf('initialize', at('initialize'));
  const kept = jsonOr(at('clientInfo') ?? whole?.clientInfo);
  const info: Record<string, unknown> | undefined =
    typeof kept === 'string' ? { name: kept } : objectOf('clientInfo', kept);
  const [name, version] = [at('clientName'), at('clientVersion')];
  const capabilities = objectOf('capabilities', at('capabilities') ?? whole?.capabilities);
  const protocolVersion = textOf('protocolVersion', at('protocolVersion') ?? whole?.protocolVersion);
  if (!info && name === undefined && !capabilities && protocolVersion === undefined) return undefined;
  if (protocolVersion !== undefined && !/^\d{4}-\d\d-\d\d$/.test(protocolVersion)) {
    throw new Malformed('protocolVersion is no revision of MCP, such as 2025-06-18');
  }
  const initialize: Initialize = {
    // What is meant where nobody says so (MCP 2025-06-18, protocol version header).
    protocolVersion: protocolVersion ?? '2025-03-26',
    capabilities: capabilities ?? {},
    clientInfo: {
      ...info,
      name: textOf('clientInfo.name', info?.name ?? name) ?? 'unknown',
      version: textOf('clientInfo.version', info?.version ?? version) ?? '0',
    },
  };
  if (JSON.stringify(initialize).length > LARGEST_INITIALIZE) {
    throw new Malformed(`the parameters of initialize have more than ${LARGEST_INITIALIZE} characters`);
  }
  return initialize;
}

/** The members of the data where it is an object; otherwise it is one field, named `data`. */
function dataOf(value: unknown): Map<string, unknown> {
  if (value === undefined) return new Map();
  const data = jsonOr(value);
  if (!isObject(data)) return new Map([['data', data]]);
  return new Map(Object.entries(data).filter(([, member]) => isThere(member)));
}

/** Follows a path into fields that are objects, or the JSON of objects. @returns the value, and the field it is in */
function follow(fields: Record<string, unknown>, place: string): { name: string; value: unknown } {
  if (Object.hasOwn(fields, place)) return { name: place, value: fields[place] };
  const [name = '', ...path] = place.split('.');
  const into = (value: unknown, member: string): unknown => {
    const object = jsonOr(value);
    return isObject(object) && Object.hasOwn(object, member) ? object[member] : undefined;
  };
  return { name, value: path.reduce(into, Object.hasOwn(fields, name) ? fields[name] : undefined) };
}

const isThere = (value: unknown) => value !== undefined && value !== null && value !== '';

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** What a text is the JSON of; else the text itself. A number that JSON would round, such as a long id, stays a text. */
function jsonOr(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'number' && String(parsed) !== value ? value : parsed;
  } catch {
    return value;
  }
}

function textOf(part: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new Malformed(`${part} is no text`);
}

function objectOf(part: string, value: unknown): Record<string, unknown> | undefined {
  if (value === undefined) return undefined;
  const object = jsonOr(value);
  if (!isObject(object)) throw new Malformed(`${part} is no object`);
  return object;
}

/** Larger numbers are milliseconds: as seconds this is the year 5138, as milliseconds 1973. */
const LARGEST_SECONDS = 100_000_000_000;

/** Epoch seconds of a number (seconds or milliseconds) or an ISO 8601 text, which without an offset is UTC. */
function secondsOf(part: string, value: unknown): number {
  const text = String(value);
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
  if (number !== undefined) return Math.floor(number > LARGEST_SECONDS ? number / 1000 : number);
  const iso = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?$/i.exec(text);
  const [, day, time, offset = 'Z'] = iso ?? [];
  const milliseconds = iso ? Date.parse(`${day}T${time}${offset.replace(/^([+-]\d\d)$/, '$1:00')}`) : Number.NaN;
  if (Number.isNaN(milliseconds)) throw new Malformed(`${part} is no time: write epoch seconds or ISO 8601`);
  return Math.floor(milliseconds / 1000);
}
