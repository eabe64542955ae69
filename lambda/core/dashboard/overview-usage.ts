import type { CallFilter } from '../audit/call-filter.ts';
import { type AuditLogReader, callName, isOfTool, OTHERS } from '../audit/tool-call.ts';
import type { UsageAggregates } from '../audit/usage-aggregates.ts';
import type { Overview } from './dashboard-api.ts';
import { callsByName } from './overview-numbers.ts';

const MOST_USERS = 10;
const MOST_NEIGHBOURS = 10;

/** A user without a stored call is left out: the call has expired, or the user is erased. */
export async function topUsersOf(
  { users }: UsageAggregates,
  { calls, now }: { calls: Pick<AuditLogReader, 'callsOfKeys'>; now: () => number },
): Promise<NonNullable<Overview['topUsers']>> {
  const top = users.slice(0, MOST_USERS);
  const keys = top.map(({ last }) => last);
  const found = await calls.callsOfKeys(keys, Math.floor(now() / 1000));
  return top.flatMap(({ last, calls: count, errors }) => {
    const call = found.find((each) => each.session === last.session && callName(each) === last.call);
    return call ? [{ user: call.user, calls: count, errors }] : [];
  });
}

/** Calls by version, which the aggregates know of clients alone. */
export function versionsOf({ versions }: UsageAggregates, { client, clientInfo, tool, outcome }: CallFilter) {
  if ([clientInfo, tool, outcome].some((member) => member !== undefined)) return [];
  return versions
    .filter((row) => client === undefined || row.client === client)
    .map(({ client: name, clientVersion, protocolVersion, calls }) => ({
      version: name === OTHERS ? OTHERS : `${name} ${clientVersion}`.trim(),
      protocol: protocolVersion,
      calls,
    }));
}

export function neighboursOf(
  { pairs }: UsageAggregates,
  { client, clientInfo, tool, outcome }: CallFilter,
): Overview['neighbours'] {
  if (tool === undefined || [client, clientInfo, outcome].some((member) => member !== undefined)) return undefined;
  return {
    before: callsByName(
      pairs.filter(({ after }) => isOfTool(after, tool)),
      ({ before }) => before,
    ).slice(0, MOST_NEIGHBOURS),
    after: callsByName(
      pairs.filter(({ before }) => isOfTool(before, tool)),
      ({ after }) => after,
    ).slice(0, MOST_NEIGHBOURS),
  };
}
