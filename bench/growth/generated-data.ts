import type { Grant } from '../../lambda/core/access/grant.ts';
import { steps } from '../../lambda/core/audit/aggregates.ts';
import type { CallOutcome, ToolCall } from '../../lambda/core/audit/tool-call.ts';
import type { Session } from '../../lambda/core/sessions/session.ts';
import { mixed, numbered, numberOf, share } from './mixed-numbers.ts';

/** The amount of generated data. */
export type DataSize = {
  sessions: number;
  users: number;
  /** The sessions are spread over so many days until now. */
  days: number;
  /** The number of calls in the longest session. */
  longest: number;
};

/** The time of the measurement: ten minutes and fifty seconds after the start of the last aggregated five minutes. */
export const NOW = Date.UTC(2026, 9, 20, 14, 40, 50);

/** One of 16 letters for each partition of the list of sessions, one of 4 for each of those of grants and users. */
const sessionShape = { letters: 16, length: 22 };
const grantShape = { letters: 4, length: 22 };
const userShape = { letters: 4, length: 43 };

const GRANTS_OF_A_USER = 2;
const SESSION_SECONDS = 24 * 3600;
export const RETENTION_DAYS = 30;

/** The measured user and its two grants have the same number of sessions at every size. */
const MEASURED = 0;
const MEASURED_SESSIONS = 20;
/** The index of the longest session among them. */
const LONG = 10;
/** The number of calls of the rare tool, at every size. */
const RARE_CALLS = 40;

const MOST_CALLS = 19;
const LONG_GAP_MILLISECONDS = 5_000;
const LONGEST_CALL_MILLISECONDS = 20_000;
/** Assistants call several tools in succession. */
const SHORTEST_GAP_MILLISECONDS = 2_000;
const LONGEST_GAP_MILLISECONDS = 14_000;

const clients = ['claude-code', 'codex', 'gemini-cli', 'vscode', 'cursor', 'inspector', 'mcp-remote', 'own-agent'];
const tools: [name: string, typicalMilliseconds: number][] = [
  ['search_documents', 320],
  ['read_document', 90],
  ['note', 45],
  ['create_ticket', 700],
  ['run_report', 4200],
];
export const RARE_TOOL = 'export_archive';
/** The fingerprint of the errors of the rare tool. */
export const RARE_ERROR = 'rare-failure';
export const COMMON_TOOL = 'note';
/** The number of places at which each other tool fails. */
const ERRORS_OF_A_TOOL = 3;

/**
 * Users, grants, sessions and calls, each computed from its number, so that ten million calls need no memory. Sessions end
 * at equal intervals, and belong to the users in turn.
 */
export class GeneratedData {
  readonly size: DataSize;
  /** The end of the first session, in epoch milliseconds. */
  readonly start: number;
  readonly grants: number;
  readonly #stride: number;

  constructor(size: DataSize) {
    this.size = size;
    this.start = NOW - size.days * steps.day;
    this.grants = size.users * GRANTS_OF_A_USER;
    this.#stride = Math.floor(size.sessions / MEASURED_SESSIONS);
  }

  // Users and their grants. The second grant of a user is its last sign-in.

  readonly userKey = (user: number): string => numbered(user, userShape);
  readonly userNumber = (key: string): number | undefined => this.#within(numberOf(key, userShape), this.size.users);
  readonly grantId = (grant: number): string => numbered(grant, grantShape);
  readonly grantNumber = (id: string): number | undefined => this.#within(numberOf(id, grantShape), this.grants);
  readonly grantsOf = (user: number): number[] => [user, this.size.users + user];

  get measuredUser(): string {
    return this.userKey(MEASURED);
  }

  /** Epoch seconds. All grants precede the first session, in the order of their numbers. */
  grantedAt(grant: number): number {
    return Math.floor((NOW - 75 * steps.day + (grant * 40 * steps.day) / this.grants) / 1000);
  }

  grant(number: number): Grant {
    const createdAt = this.grantedAt(number);
    const client = clients[number % clients.length]!;
    return {
      id: this.grantId(number),
      status: 'active',
      user: this.userKey(number % this.size.users),
      issuer: 'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_000000000',
      subject: `00000000-0000-4000-8000-${String(number % this.size.users).padStart(12, '0')}`,
      client: clientId(number),
      clientName: client,
      scopes: ['mcp:tools'],
      groups: ['staff'],
      createdAt,
      absoluteExpiresAt: createdAt + 90 * 86_400,
      idleExpiresAt: Math.floor(NOW / 1000) + 14 * 86_400 - (number % 86_400),
      refresh: { head: 12, predecessor: 11, superseded: { '11': createdAt + 3600 } },
    };
  }

  // Sessions.

  readonly sessionId = (session: number): string => numbered(session, sessionShape);
  readonly sessionNumber = (id: string) => this.#within(numberOf(id, sessionShape), this.size.sessions);

  /** The numbers of a user's sessions, the oldest first. */
  sessionsOf(user: number): number[] {
    const { sessions, users } = this.size;
    if (user === MEASURED) return Array.from({ length: MEASURED_SESSIONS }, (_, index) => this.#measured(index));
    const own: number[] = [];
    for (let session = user - 1; session < sessions; session += users - 1) {
      if (this.#measuredIndex(session) === undefined) own.push(session);
    }
    return own;
  }

  grantOf(session: number): number {
    const { users } = this.size;
    const measured = this.#measuredIndex(session);
    const turn = measured ?? Math.floor(session / (users - 1));
    const user = measured === undefined ? 1 + (session % (users - 1)) : MEASURED;
    return this.grantsOf(user)[turn % GRANTS_OF_A_USER]!;
  }

  /** The sessions of a grant, the oldest first. */
  sessionsUnder(grant: number): number[] {
    return this.sessionsOf(grant % this.size.users).filter((session) => this.grantOf(session) === grant);
  }

  /** The first grant of a user belongs to a client of the legacy era, the second to one of the modern era. */
  eraOf = (session: number): Session['era'] => (this.grantOf(session) < this.size.users ? 'legacy' : 'modern');

  session(number: number): Session {
    const grant = this.grantOf(number);
    const lastSeenAt = Math.floor(this.lastCallAt(number) / 1000);
    const era = this.eraOf(number);
    return {
      id: this.sessionId(number),
      grant: this.grantId(grant),
      user: this.userKey(grant % this.size.users),
      era,
      startedAt: Math.floor(this.callAt(number, 0) / 1000),
      lastSeenAt,
      expiresAt: lastSeenAt + SESSION_SECONDS,
      ...(era === 'legacy' && {
        initialize: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: clients[grant % clients.length]!, version: '1.0.0' },
        },
      }),
    };
  }

  get longSession(): number {
    return this.#measured(LONG);
  }

  // Calls.

  callCount = (session: number): number =>
    session === this.longSession ? this.size.longest : 1 + (mixed(session, 1) % MOST_CALLS);

  /** Epoch milliseconds. */
  lastCallAt(session: number): number {
    const { sessions, days } = this.size;
    return this.start + Math.floor(((session + 1) * days * steps.day) / sessions) - LONGEST_CALL_MILLISECONDS;
  }

  callAt(session: number, index: number): number {
    return this.lastCallAt(session) - (this.callCount(session) - 1 - index) * this.#gap(session);
  }

  call(session: number, index: number): ToolCall {
    const grant = this.grantOf(session);
    const era = this.eraOf(session);
    const seed = mixed(session, index + 7);
    const isRare = this.#isRare(session, index);
    const [tool, typical] = isRare
      ? ([RARE_TOOL, 900] as const)
      : tools[Math.floor(share(seed, 2) ** 1.6 * tools.length)]!;
    const outcome = isRare ? 'tool-error' : outcomeOf(share(seed, 3));
    return {
      id: `${String.fromCharCode(65 + (seed % 16))}${String(session).padStart(12, '0')}x${String(index).padStart(8, '0')}`,
      at: this.callAt(session, index),
      user: this.userKey(grant % this.size.users),
      client: clientId(grant),
      clientName: clients[grant % clients.length]!,
      clientVersion: '1.0.0',
      grant: this.grantId(grant),
      session: this.sessionId(session),
      era,
      protocolVersion: era === 'legacy' ? '2025-11-25' : '2026-07-28',
      method: 'tools/call',
      tool,
      outcome,
      ...(outcome === 'tool-error' && {
        errorClass: 'Error',
        errorFingerprint: isRare ? RARE_ERROR : `${tool}-${seed % ERRORS_OF_A_TOOL}`.slice(0, 12),
        errorPlace: `src/${tool}.ts:${12 + (seed % ERRORS_OF_A_TOOL)}`,
      }),
      ...(outcome === 'protocol-error' && { errorCode: -32602, message: 'Invalid params' }),
      milliseconds: Math.round(typical * (0.4 + share(seed, 4) ** 3 * 4)),
      bytesIn: 120 + Math.floor(share(seed, 5) * 400),
      bytesOut: 300 + Math.floor(share(seed, 6) * 9000),
    };
  }

  /** The calls that ended in a period, in epoch milliseconds, and some that ended soon after it. */
  *callsAround(from: number, to: number): Generator<ToolCall> {
    const earliest = from - LONGEST_CALL_MILLISECONDS;
    const longest = MOST_CALLS * LONGEST_GAP_MILLISECONDS;
    const first = this.#firstSeenFrom(earliest);
    const last = Math.min(this.#firstSeenFrom(to + longest) + 4, this.size.sessions);
    for (let session = first; session < last; session++) yield* this.#callsOfAround(session, earliest, to);
    const long = this.longSession;
    if (long < first || long >= last) yield* this.#callsOfAround(long, earliest, to);
  }

  *#callsOfAround(session: number, from: number, to: number): Generator<ToolCall> {
    const [last, gap, count] = [this.lastCallAt(session), this.#gap(session), this.callCount(session)];
    const before = Math.floor((last - from) / gap);
    for (let index = Math.max(0, count - 1 - before); index < count; index++) {
      if (last - (count - 1 - index) * gap >= to) return;
      yield this.call(session, index);
    }
  }

  /** The first session whose last call started at this time or later, approximately: one or two sessions too early. */
  #firstSeenFrom(time: number): number {
    const { sessions, days } = this.size;
    const about = Math.floor(((time - this.start + LONGEST_CALL_MILLISECONDS) * sessions) / (days * steps.day)) - 2;
    return Math.max(0, about);
  }

  #gap = (session: number): number =>
    session === this.longSession
      ? LONG_GAP_MILLISECONDS
      : SHORTEST_GAP_MILLISECONDS + (mixed(session, 2) % (LONGEST_GAP_MILLISECONDS - SHORTEST_GAP_MILLISECONDS));

  #measured = (index: number): number => index * this.#stride + this.#stride - 1;

  #measuredIndex(session: number): number | undefined {
    const index = (session + 1) / this.#stride - 1;
    return Number.isInteger(index) && index < MEASURED_SESSIONS ? index : undefined;
  }

  #isRare(session: number, index: number): boolean {
    const stride = Math.floor(this.size.sessions / RARE_CALLS);
    return index === 0 && session % stride === Math.floor(stride / 2);
  }

  #within = (number: number | undefined, end: number): number | undefined =>
    number !== undefined && number < end ? number : undefined;
}

/** Each installation of a client has its own registration. */
const clientId = (grant: number) => `client_${String(grant).padStart(22, '0')}`;

function outcomeOf(chance: number): CallOutcome {
  if (chance < 0.96) return 'success';
  if (chance < 0.98) return 'tool-error';
  return chance < 0.995 ? 'protocol-error' : 'timed-out';
}
