import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit-log-writer.ts';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/sdk-table-client.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { startOf, steps } from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import { type CallOutcome, endOf, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import type { Session } from '../../lambda/core/sessions/session.ts';
import { DataFolder } from '../../local/data-folder.ts';

/** A client that a user has connected. */
export type Connected = { user: string; grant: string; client: string; clientName: string; clientVersion: string };

const tools: [name: string, typicalMilliseconds: number, errors: number][] = [
  ['search_documents', 320, 0.02],
  ['read_document', 90, 0.01],
  ['note', 45, 0.01],
  ['create_ticket', 700, 0.06],
  ['run_report', 4200, 0.09],
];

const failures: [CallOutcome, Partial<ToolCall>][] = [
  ['tool-error', {}],
  ['protocol-error', { errorCode: -32602, message: 'Invalid params' }],
  ['timed-out', { errorCode: -32603 }],
];

/**
 * Writes the audit log of a week: sessions in working hours, calls that mostly succeed; and aggregates the past days. The
 * data are equal at each run except for the dates.
 *
 * @param folder of a running local emulator
 */
export async function writeWeekOfCalls(folder: string, clients: Connected[], now = Date.now()): Promise<ToolCall[]> {
  const { dynamoDb, table: name } = DataFolder.operatorAccessTo(folder);
  const dynamodb = new DynamoDBClient({
    endpoint: dynamoDb.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: dynamoDb.accessKeyId, secretAccessKey: 'local' },
  });
  const table = { client: sdkTableClient(dynamodb), name };
  const recording = { sessions: dynamoSessionStore(table, 30 * 86_400), calls: dynamoAuditLogWriter(table) };
  const random = seeded(7);
  const recorded: ToolCall[] = [];
  const today = startOf('day', now);
  for (let day = today - 6 * steps.day; day <= today; day += steps.day) {
    for (const [index, each] of clients.entries()) {
      const begun = day + (8 + random() * 9) * steps.hour;
      if (begun > now - 2 * steps.hour || random() < 0.15) continue;
      recorded.push(...(await putSession(recording, each, begun, 6 + random() * 22, random, `${day}-${index}`)));
    }
  }
  const aggregates = dynamoAggregateStore(table);
  await aggregates.moveOn(await aggregates.countedUntil(), today - 6 * steps.day);
  const parts = {
    calls: dynamoAuditLogReader(table),
    aggregates,
    retentionDays: 30,
    now: () => now,
    log: () => undefined,
  };
  await aggregateCalls(parts, () => 1);
  dynamodb.destroy();
  return recorded;
}

type Recording = {
  sessions: ReturnType<typeof dynamoSessionStore>;
  calls: ReturnType<typeof dynamoAuditLogWriter>;
};

async function putSession(
  { sessions, calls }: Recording,
  { user, grant, client, clientName, clientVersion }: Connected,
  begun: number,
  count: number,
  random: () => number,
  id: string,
): Promise<ToolCall[]> {
  const made: ToolCall[] = [];
  let at = Math.floor(begun);
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
    made.push(call);
    at += call.milliseconds + Math.floor(random() ** 2 * 240_000);
  }
  const last = Math.max(...made.map(endOf));
  const session: Session = {
    id: `session-${id}`,
    grant,
    user,
    era: 'legacy',
    startedAt: Math.floor(begun / 1000),
    lastSeenAt: Math.floor(last / 1000),
    expiresAt: Math.floor(last / 1000) + 86_400,
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: clientName, version: clientVersion },
    },
  };
  await sessions.start(session, session.startedAt);
  await Promise.all(made.map((call) => calls.recordCall(call, Math.floor(endOf(call) / 1000) + 30 * 86_400)));
  return made;
}

/** Pseudorandom numbers from 0 to 1, equal at each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
