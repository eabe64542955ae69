import { type AuditLogReader, BUCKET_MILLISECONDS, bucketOf, endOf, type ToolCall } from '../audit/tool-call.ts';
import { DurationHistogram } from './duration-histogram.ts';

/** Sessions that are looked up in parallel. */
const AT_ONCE = 20;

type Dependencies = {
  calls: Pick<AuditLogReader, 'callsEndedIn' | 'callsOf' | 'latestOf'>;
  /** The longest of any user. */
  sessionTtlSeconds: number;
  /** Epoch milliseconds. */
  now: () => number;
};

/**
 * The metric `mcp.server.session.duration` of a period: the sessions whose last call is a TTL ago. They have expired by then,
 * or had ended before, and no session has an event at its end. Of clients with sessions in their protocol (up to 2025-11-25).
 *
 * @param at start of the period in epoch milliseconds
 */
export async function sessionDurations(
  { calls, sessionTtlSeconds, now }: Dependencies,
  at: number,
): Promise<DurationHistogram> {
  const bucket = Math.floor((at - sessionTtlSeconds * 1000) / BUCKET_MILLISECONDS);
  const seconds = Math.floor(now() / 1000);
  const candidates = new Set<string>();
  for await (const { session, era } of calls.callsEndedIn(bucket)) if (era === 'legacy') candidates.add(session);

  const durations = new DurationHistogram(
    'mcp.server.session.duration',
    'Duration of an MCP session, from its first call to the end of its last one',
  );
  const ids = [...candidates];
  for (let index = 0; index < ids.length; index += AT_ONCE) {
    await Promise.all(
      ids.slice(index, index + AT_ONCE).map(async (id) => {
        const [last] = await calls.latestOf(id, { limit: 1, now: seconds });
        if (last === undefined || bucketOf(last) !== bucket) return;
        const { calls: of } = await calls.callsOf(id, { limit: 1, now: seconds });
        const [first = last] = of;
        durations.add(attributesOf(last), (endOf(last) - first.at) / 1000);
      }),
    );
  }
  return durations;
}

const attributesOf = ({ protocolVersion }: ToolCall) => ({
  'mcp.protocol.version': protocolVersion,
  'network.transport': 'tcp',
  'network.protocol.name': 'http',
});
