import type { Aggregates } from './aggregates.ts';
import { type CallFilter, mayHideMatch, rowMatchesFilter } from './call-filter.ts';
import type { CallKey } from './error-groups.ts';
import { bucketOf, callName, clientOf, isOfTool, type ToolCall, toolOf } from './tool-call.ts';

/**
 * The calls of a period whose tool, client or name in `clientInfo` occurs a few times in it, beside the aggregates of all
 * calls: a search for a rare name reads these calls alone. They expire with the calls, because they name sessions.
 */
export type RareCalls = { calls: RareCall[] };

export type RareCall = CallKey & {
  /** As in `AggregateRow`. */
  tool: string;
  client: string;
  clientInfo: string;
  /** In which it ended (`bucketOf`). */
  bucket: number;
};

/** A name with more calls in the period is not rare. */
const MOST_OF_NAME = 20;
/** The calls of less rare names are left out. */
const MOST_CALLS = 100;

/** Collects calls one by one. */
export class RareCallBuilder {
  readonly #calls: RareCall[] = [];

  add(call: ToolCall): void {
    const { session, clientName: clientInfo = '' } = call;
    const names = { tool: toolOf(call), client: clientOf(call), clientInfo };
    this.#calls.push({ ...names, session, call: callName(call), bucket: bucketOf(call) });
  }

  aggregates = async (): Promise<RareCalls> => mergeRareCalls([{ calls: this.#calls }]);
}

export function mergeRareCalls(all: readonly RareCalls[]): RareCalls {
  const calls = all.flatMap((each) => each.calls);
  const counts = new Map<string, number>();
  const namesOf = ({ tool, client, clientInfo }: RareCall) => [
    `tool ${tool}`,
    `client ${client}`,
    `info ${clientInfo}`,
  ];
  for (const name of calls.flatMap(namesOf)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const rarityOf = (call: RareCall) => Math.min(...namesOf(call).map((name) => counts.get(name)!));
  return {
    calls: calls
      .map((call) => ({ call, rarity: rarityOf(call) }))
      .filter(({ rarity }) => rarity <= MOST_OF_NAME)
      // Equal numbers are sorted by name, so that a repeated aggregation of the same calls has the same result.
      .toSorted((a, b) => a.rarity - b.rarity || (a.call.call < b.call.call ? -1 : 1))
      .slice(0, MOST_CALLS)
      .map(({ call }) => call),
  };
}

/**
 * The calls of the period that match by their names, if all are listed: as many as the aggregates count.
 * @returns undefined if some are not, or if a match may be counted among less frequent names
 */
export function rareCallsOf(
  { rows }: Aggregates,
  { calls }: RareCalls,
  { tool, client, clientInfo }: CallFilter,
): RareCall[] | undefined {
  const names = { from: 0, to: 0, tool, client, clientInfo };
  if (rows.some((row) => mayHideMatch(row, names))) return undefined;
  const listed = calls.filter(
    (call) =>
      (tool === undefined || isOfTool(call.tool, tool)) &&
      (client === undefined || call.client === client) &&
      (clientInfo === undefined || call.clientInfo === clientInfo),
  );
  const matching = rows.filter((row) => rowMatchesFilter(row, names));
  return listed.length === matching.reduce((sum, row) => sum + row.calls, 0) ? listed : undefined;
}
