import type { ListedPage, ListOptions } from '../../lambda/core/admin/directory.ts';
import { matchesFilter } from '../../lambda/core/audit/call-filter.ts';
import { type CallOutcome, callName, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import { type CallRow, ERRORS, type Filter } from '../../lambda/core/dashboard/dashboard-api.ts';
import { callRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import type { Deployment } from '../target/deployment.ts';
import { userText } from '../target/user-selection.ts';
import { UsageError } from '../usage-error.ts';
import { brief } from './plain-text.ts';
import type { Column } from './text-table.ts';
import { duration, exactTime } from './time-text.ts';

/** Calls as they are looked for and shown. */

const AT_ONCE = 100;

const outcomes = ['success', 'tool-error', 'protocol-error', 'refused', 'timed-out', ERRORS] as const satisfies (
  | CallOutcome
  | typeof ERRORS
)[];

/** @throws Misuse for what is none */
export function outcome(text: string): NonNullable<Filter['outcome']> {
  const found = outcomes.find((each) => each === text);
  if (found === undefined) {
    throw new UsageError(
      `--outcome is ${JSON.stringify(text)}: write one of ${outcomes.join(', ')} (each but success)`,
    );
  }
  return found;
}

/** Calls that fit, newest first. @param session only those of this one */
export const callsOn =
  (deployment: Deployment, filter: Filter, session: string | undefined) =>
  async (options: ListOptions): Promise<ListedPage<CallRow>> => {
    const found = await (session === undefined
      ? deployment.search.page(filter, options)
      : pageOfSession(deployment, session, filter, options));
    const { items, next } = found;
    return { items: await callRows(deployment, items), ...(next !== undefined && { next }) };
  };

async function pageOfSession(
  { calls, seconds }: Deployment,
  session: string,
  filter: Filter,
  { limit, after }: ListOptions,
): Promise<ListedPage<ToolCall>> {
  const items: ToolCall[] = [];
  let before = after;
  for (;;) {
    const found = await calls.latestOf(session, { limit: AT_ONCE, before, now: seconds() });
    for (const call of found) {
      before = callName(call);
      if (matchesFilter(call, filter) && items.push(call) === limit) return { items, next: before };
    }
    if (found.length < AT_ONCE) return { items };
  }
}

const toolText = ({ tool, method }: CallRow) => brief(tool ?? method, 30);

export const callColumns: Column<CallRow>[] = [
  { title: 'TIME', text: ({ at }) => exactTime(at) },
  { title: 'USER', text: (call) => brief(userText(call), 24) },
  { title: 'CLIENT', text: ({ clientLabel }) => brief(clientLabel, 20) },
  { title: 'TOOL', text: toolText },
  { title: 'OUTCOME', text: ({ outcome }) => outcome },
  { title: 'TOOK', text: ({ milliseconds }) => duration(milliseconds), right: true },
  { title: 'SESSION', text: ({ session }) => session },
];

/** In a session, where user and client are the same. */
export const callColumnsOfSession: Column<CallRow>[] = [
  { title: 'TIME', text: ({ at }) => exactTime(at) },
  { title: 'TOOL', text: toolText },
  { title: 'OUTCOME', text: ({ outcome }) => outcome },
  { title: 'TOOK', text: ({ milliseconds }) => duration(milliseconds), right: true },
  { title: 'SAID', text: ({ message = '' }) => brief(message, 60) },
];
