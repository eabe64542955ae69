import { useState } from 'preact/hooks';
import type { CallOutcome } from '../../core/audit/tool-call.ts';
import { type Breakdown, ERRORS, OTHERS, type Overview } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { count, duration } from '../format.ts';
import type { Route, RouteTarget } from '../page-router.ts';
import { Link } from './link.tsx';
import { OutcomeBadge } from './outcome-badge.tsx';

/** The display name of a group. */
export function groupName(by: Breakdown, group: string): string {
  if (group === OTHERS) return dashboardText.others;
  return by === 'outcome' ? (dashboardText.outcomes[group as CallOutcome] ?? group) : group;
}

/** The target filtered by the group. `OTHERS` is not a filter, so it leaves the target as it is. */
export const filteredBy = (target: RouteTarget, by: Breakdown, group: string): RouteTarget =>
  group === OTHERS ? target : { ...target, [by]: group };

/** The number of rows before "Show all". */
const INITIAL_ROWS = 8;

type Props = { by: Breakdown; route: Route; rows: Overview['rows'][Breakdown] };

export function Ranking({ by, route, rows }: Props) {
  const { columns } = dashboardText;
  const isOutcome = by === 'outcome';
  const [showsAll, setShowsAll] = useState(false);
  const shown = showsAll ? rows : rows.slice(0, INITIAL_ROWS);
  return (
    <section class="panel" aria-labelledby={`ranking-${by}`}>
      <h2 id={`ranking-${by}`}>{dashboardText.overview.tables[by]}</h2>
      <div class="scroller">
        <table class="ranking">
          <caption class="visually-hidden">{dashboardText.overview.tables[by]}</caption>
          <thead>
            <tr>
              <th scope="col">{dashboardText.overview.breakdowns[by]}</th>
              <th scope="col" class="number">
                {columns.calls}
              </th>
              {!isOutcome && (
                <th scope="col" class="number">
                  {columns.errors}
                </th>
              )}
              <th scope="col" class="number">
                {columns.p50}
              </th>
              <th scope="col" class="number">
                {columns.p95}
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <RankingRow key={row.name} by={by} route={route} row={row} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > INITIAL_ROWS && (
        <div class="load-more">
          <button type="button" class="small" aria-expanded={showsAll} onClick={() => setShowsAll(!showsAll)}>
            {showsAll ? dashboardText.overview.showFewer : dashboardText.overview.showAll(count(rows.length))}
            <span class="visually-hidden">: {dashboardText.overview.tables[by]}</span>
          </button>
        </div>
      )}
    </section>
  );
}

type RankingRowProps = { by: Breakdown; route: Route; row: Overview['rows'][Breakdown][number] };

function RankingRow({ by, route, row: { name, calls, errors, durations } }: RankingRowProps) {
  const isOutcome = by === 'outcome';
  const target = filteredBy({ ...route, view: 'calls' }, by, name);
  return (
    <tr>
      <th scope="row">
        <Link to={target}>
          {isOutcome && name !== OTHERS ? <OutcomeBadge outcome={name as CallOutcome} /> : groupName(by, name)}
        </Link>
      </th>
      <td class="number">{count(calls)}</td>
      {!isOutcome && (
        <td class="number">
          {errors ? <Link to={{ ...target, outcome: ERRORS }}>{count(errors)}</Link> : count(errors)}
        </td>
      )}
      <td class="number nowrap">{duration(durations?.p50)}</td>
      <td class="number nowrap">{duration(durations?.p95)}</td>
    </tr>
  );
}
