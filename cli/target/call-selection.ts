import type { ListedPage, ListOptions } from '../../lambda/core/admin/directory.ts';
import { matchesFilter } from '../../lambda/core/audit/call-filter.ts';
import { callName, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import type { CallRow, Filter } from '../../lambda/core/dashboard/dashboard-api.ts';
import { callRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { UsageError } from '../command-errors.ts';
import type { CallSelectionOptions } from '../commands/parsed-options.ts';
import { timeToMinute } from '../output/time-text.ts';
import { type Deployment, openDeployment } from './deployment.ts';
import { resolveUserIfGiven } from './user-selection.ts';

/** Calls of a session that are read at once. */
const BATCH = 100;

/** Opens the deployment of the options and lists their calls, newest first. */
export async function selectCalls(
  options: CallSelectionOptions,
): Promise<(paging: ListOptions) => Promise<ListedPage<CallRow>>> {
  // Invalid options fail before the first request.
  const { from, to } = timeRange(options, Date.now());
  const deployment = await openDeployment(options);
  const { client, clientInfo, tool, outcome, session } = options;
  const user = await resolveUserIfGiven(deployment, options.user);
  const filter: Filter = { from, to, user, client, clientInfo, tool, outcome };
  return async (paging) => {
    const { items, next } = await (session === undefined
      ? deployment.search.page(filter, paging)
      : pageOfSession(deployment, session, filter, paging));
    return { items: await callRows(deployment, items), ...(next !== undefined && { next }) };
  };
}

/**
 * The time range of `--since` and `--until`, by default everything until now.
 *
 * @throws UsageError when it is empty
 */
export function timeRange(
  { since = 0, until }: { since?: number; until?: number },
  now: number,
): { from: number; to: number } {
  const to = until ?? now + 1;
  if (since >= to) {
    const end = until === undefined ? 'now' : timeToMinute(to);
    throw new UsageError(`--since ${timeToMinute(since)} is not before ${end}`);
  }
  return { from: since, to };
}

async function pageOfSession(
  { calls, seconds }: Deployment,
  session: string,
  filter: Filter,
  { limit, after }: ListOptions,
): Promise<ListedPage<ToolCall>> {
  const items: ToolCall[] = [];
  let before = after;
  for (;;) {
    const batch = await calls.latestOf(session, { limit: BATCH, before, now: seconds() });
    for (const call of batch) {
      before = callName(call);
      if (matchesFilter(call, filter) && items.push(call) === limit) return { items, next: before };
    }
    if (batch.length < BATCH) return { items };
  }
}
