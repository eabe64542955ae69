import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/audit/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
import { signedTableClient } from '../../lambda/adapters/dynamodb/client/signed-table-client.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { startOf, steps } from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import { bucketOf, type CallOutcome, endOf, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import type { Session } from '../../lambda/core/sessions/session.ts';
import { DataFolder } from '../../local/data-folder.ts';

/** An app that a user has connected. */
export type ConnectedApp = { user: string; grant: string; client: string; clientName: string; clientVersion: string };

const tools: [name: string, typicalMilliseconds: number, errors: number][] = [
  ['search_documents', 320, 0.02],
  ['read_document', 90, 0.01],
  ['note', 45, 0.01],
  ['create_ticket', 700, 0.06],
  ['run_report', 4200, 0.09],
];

const failures: [CallOutcome, Partial<ToolCall>][] = [
  ['tool-error', { errorClass: 'TimeoutError', errorFingerprint: 'QmVzdEVycm9y', errorPlace: 'src/documents.ts:42' }],
  ['protocol-error', { errorCode: -32602, message: 'Invalid params' }],
  ['timed-out', { errorCode: -32603 }],
];

/**
 * Writes a week of sessions and calls to the audit log, and aggregates it: sessions in working hours, calls that mostly
 * succeed. Deterministic, except for the days, which end today.
 *
 * @param folder the data folder of a running emulator
 */
export async function writeWeekOfCalls(folder: string, clients: ConnectedApp[], now = Date.now()): Promise<ToolCall[]> {
  const { dynamoDb, marker } = DataFolder.operatorAccessTo(folder)!;
  const client = signedTableClient(new URL(dynamoDb.endpoint), 'us-east-1', {
    accessKeyId: dynamoDb.accessKeyId,
    secretAccessKey: 'local',
    sessionToken: undefined,
  });
  const table = { client, name: marker.table };
  const stores = { sessions: dynamoSessionStore(table, 30 * 86_400), calls: dynamoAuditLogWriter(table) };
  const random = seeded(7);
  const written: ToolCall[] = [];
  const today = startOf('day', now);
  for (let day = today - 6 * steps.day; day <= today; day += steps.day) {
    for (const [index, each] of clients.entries()) {
      const startedAt = day + (8 + random() * 9) * steps.hour;
      if (startedAt > now - 2 * steps.hour || random() < 0.15) continue;
      written.push(...(await writeSession(stores, each, startedAt, 6 + random() * 22, random, `${day}-${index}`)));
    }
  }
  const log = dynamoAuditLogReader(table);
  const periods = new Set(written.map(bucketOf));
  // The program under test has written its calls in the last hour.
  const isEmpty = (period: number) => !periods.has(period) && period < bucketOf({ at: now, milliseconds: -steps.hour });
  const aggregates = dynamoAggregateStore(table);
  await aggregates.moveOn(await aggregates.countedUntil(), today - 6 * steps.day);
  const dependencies = {
    // Most of the 2,000 periods of a week are empty, and each would be read.
    calls: { callsEndedIn: (period: number) => (isEmpty(period) ? noCalls() : log.callsEndedIn(period)) },
    aggregates,
    retentionDays: 30,
    now: () => now,
    log: () => undefined,
  };
  await aggregateCalls(dependencies, () => 1);
  return written;
}

async function* noCalls(): AsyncGenerator<ToolCall> {}

type Stores = {
  sessions: ReturnType<typeof dynamoSessionStore>;
  calls: ReturnType<typeof dynamoAuditLogWriter>;
};

async function writeSession(
  { sessions, calls }: Stores,
  { user, grant, client, clientName, clientVersion }: ConnectedApp,
  startedAt: number,
  count: number,
  random: () => number,
  id: string,
): Promise<ToolCall[]> {
  const written: ToolCall[] = [];
  let at = Math.floor(startedAt);
  for (let index = 0; index < count; index++) {
    const [tool, typical, errors] = tools[Math.floor(random() ** 1.6 * tools.length)]!;
    const failure = random() < errors ? failures[Math.floor(random() ** 2 * failures.length)] : undefined;
    const call: ToolCall = {
      id: `${id}-${index}`,
      at,
      user,
      client,
      clientName,
      clientVersion,
      grant,
      session: `session-${id}`,
      era: 'legacy',
      protocolVersion: '2025-11-25',
      method: 'tools/call',
      tool,
      outcome: failure?.[0] ?? 'success',
      ...failure?.[1],
      milliseconds: Math.round(typical * (0.4 + random() ** 3 * 4)),
      bytesIn: 120 + Math.floor(random() * 400),
      bytesOut: 300 + Math.floor(random() * 9000),
    };
    written.push(call);
    at += call.milliseconds + Math.floor(random() ** 2 * 240_000);
  }
  const lastEnd = Math.max(...written.map(endOf));
  const session: Session = {
    id: `session-${id}`,
    grant,
    user,
    era: 'legacy',
    startedAt: Math.floor(startedAt / 1000),
    lastSeenAt: Math.floor(lastEnd / 1000),
    expiresAt: Math.floor(lastEnd / 1000) + 86_400,
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: clientName, version: clientVersion },
    },
  };
  await sessions.start(session, session.startedAt);
  await Promise.all(written.map((call) => calls.recordCall(call, Math.floor(endOf(call) / 1000) + 30 * 86_400)));
  return written;
}

/** A deterministic pseudo-random number generator from 0 to 1 (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
