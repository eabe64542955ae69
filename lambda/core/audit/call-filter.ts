import type { AggregateRow, Aggregates } from './aggregates.ts';
import type { ErrorGroup } from './error-groups.ts';
import {
  type CallOutcome,
  clientOf,
  ERRORS,
  endOf,
  isError,
  isOfTool,
  methodIn,
  OTHERS,
  type ToolCall,
  toolOf,
} from './tool-call.ts';

/**
 * Selects calls by their end and their properties. An absent or undefined member excludes nothing. Times are epoch
 * milliseconds.
 */
export type CallFilter = {
  from: number;
  to: number;
  user?: string | undefined;
  /** Id of a grant. */
  grant?: string | undefined;
  /** As `clientOf` names it. */
  client?: string | undefined;
  /** The name that the client states in `clientInfo`. */
  clientInfo?: string | undefined;
  /** As `toolOf` names it. */
  tool?: string | undefined;
  outcome?: CallOutcome | typeof ERRORS | undefined;
  /** Fingerprint of an error. */
  error?: string | undefined;
};

export function matchesFilter(call: ToolCall, filter: CallFilter): boolean {
  const { from, to, user, grant, client, clientInfo, tool, outcome, error } = filter;
  const end = endOf(call);
  return (
    end >= from &&
    end < to &&
    (user === undefined || call.user === user) &&
    (grant === undefined || call.grant === grant) &&
    (client === undefined || clientOf(call) === client) &&
    (clientInfo === undefined || call.clientName === clientInfo) &&
    (tool === undefined || isOfTool(toolOf(call), tool)) &&
    (error === undefined || call.errorFingerprint === error) &&
    matchesOutcome(call.outcome, outcome)
  );
}

/** Whether only errors match. */
export const selectsErrors = ({ outcome, error }: CallFilter): boolean =>
  error !== undefined || outcome === ERRORS || (outcome !== undefined && isError(outcome));

/** By tool, outcome and fingerprint: a group states no user, and its most frequent clients alone. */
export const groupMatchesFilter = (
  group: Pick<ErrorGroup, 'tool' | 'outcome' | 'fingerprint'>,
  { tool, outcome, error }: Partial<CallFilter>,
): boolean =>
  (tool === undefined || isOfTool(group.tool, tool)) &&
  (error === undefined || group.fingerprint === error) &&
  matchesOutcome(group.outcome, outcome);

/** Whether the group may contain a call that matches. */
export const groupMayMatch = (group: ErrorGroup, filter: CallFilter): boolean =>
  groupMatchesFilter(group, filter) || (group.tool === OTHERS && matchesOutcome(group.outcome, filter.outcome));

/** By client, tool and outcome: a row states no user, no grant and no fingerprint. */
export const rowMatchesFilter = (
  row: AggregateRow,
  { client, clientInfo, tool, outcome }: Partial<CallFilter>,
): boolean =>
  (client === undefined || row.client === client) &&
  (clientInfo === undefined || (row.clientInfo ?? row.client) === clientInfo) &&
  (tool === undefined || isOfTool(row.tool, tool)) &&
  matchesOutcome(row.outcome, outcome);

/** Whether the aggregated calls may contain one that matches. */
export const mayContainMatch = ({ rows }: Aggregates, filter: CallFilter): boolean =>
  rows.some((row) => rowMatchesFilter(row, filter) || mayHideMatch(row, filter));

/** Whether the row counts less frequent names together, of which one may match. */
export const mayHideMatch = (row: AggregateRow, filter: CallFilter): boolean =>
  (row.client === OTHERS && matchesOutcome(row.outcome, filter.outcome)) ||
  (filter.tool !== undefined &&
    row.tool === methodIn(filter.tool) &&
    rowMatchesFilter(row, { ...filter, tool: row.tool }));

const matchesOutcome = (outcome: CallOutcome, wanted: CallFilter['outcome']) =>
  wanted === undefined || (wanted === ERRORS ? isError(outcome) : outcome === wanted);
