import { useState } from 'preact/hooks';
import type { CallOutcome } from '../../core/audit/tool-call.ts';
import { type Breakdown, ERRORS, OTHERS, type Overview } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { count, duration } from '../format.ts';
import type { Route, RouteTarget } from '../page-router.ts';
import { Link } from './link.tsx';
import { OutcomeBadge } from './outcome-badge.tsx';

/** How a group is called. */
export function groupName(by: Breakdown, group: string): string {
  if (group === OTHERS) return dashboardText.others;
  return by === 'outcome' ? (dashboardText.outcomes[group as CallOutcome] ?? group) : group;
}

/** The rows behind a group; those of all the others cannot be asked for at once. */
export const narrowed = (target: RouteTarget, by: Breakdown, group: string): RouteTarget =>
  group === OTHERS ? target : { ...target, [by]: group };

/** So many are shown before one asks for all. */
const SHORT = 8;

type Props = { by: Breakdown; route: Route; rows: Overview['rows'][Breakdown] };

export function Ranking({ by, route, rows }: Props) {
  const { columns } = dashboardText;
  const calls: RouteTarget = { ...route, view: 'calls' };
  const isOutcome = by === 'outcome';
  const [isAll, setAll] = useState(false);
  const shown = isAll ? rows : rows.slice(0, SHORT);
  return (
    <section class="panel" aria-labelledby={`ranking-${by}`}>
      <h2 id={`ranking-${by}`}>{dashboardText.overview.tables[by]}</h2>
      <div class="scroller">
        <table class="ranking">
          <caption class="unseen">{dashboardText.overview.tables[by]}</caption>
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
            {shown.map(({ name, calls: number, errors, durations }) => (
              <tr key={name}>
                <th scope="row">
                  <Link to={narrowed(calls, by, name)}>
                    {isOutcome && name !== OTHERS ? (
                      <OutcomeBadge outcome={name as CallOutcome} />
                    ) : (
                      groupName(by, name)
                    )}
                  </Link>
                </th>
                <td class="number">{count(number)}</td>
                {!isOutcome && (
                  <td class="number">
                    {errors ? (
                      <Link to={{ ...narrowed(calls, by, name), outcome: ERRORS }}>{count(errors)}</Link>
                    ) : (
                      count(errors)
                    )}
                  </td>
                )}
                <td class="number nowrap">{duration(durations?.p50)}</td>
                <td class="number nowrap">{duration(durations?.p95)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > SHORT && (
        <div class="more">
          <button type="button" class="small" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
            {isAll ? dashboardText.overview.fewer : dashboardText.overview.all(count(rows.length))}
            <span class="unseen">: {dashboardText.overview.tables[by]}</span>
          </button>
        </div>
      )}
    </section>
  );
}
