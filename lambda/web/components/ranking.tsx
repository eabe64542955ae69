import { useState } from 'preact/hooks';
import type { CallOutcome } from '../../core/audit/tool-call.ts';
import {
  type BarBreakdown,
  type Breakdown,
  ERRORS,
  type GroupRow,
  methodIn,
  OTHERS,
  type Overview,
} from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { byteSize, count, duration } from '../format.ts';
import { type Route, type RouteTarget, sharedFilters } from '../page-router.ts';
import { Link } from './link.tsx';
import { type NumberColumn, NumberTable } from './number-table.tsx';
import { OutcomeBadge } from './outcome-badge.tsx';
import { UserName } from './user-name.tsx';

/** The display name of a group. */
export function groupName(by: BarBreakdown, group: string): string {
  if (group === OTHERS) return dashboardText.others;
  if (group === '') return dashboardText.overview.notStated;
  return by === 'outcome' ? (dashboardText.outcomes[group as CallOutcome] ?? group) : group;
}

/** The target filtered by the group. `OTHERS` and versions are not filters, so they leave the target as it is. */
export const filteredBy = (target: RouteTarget, by: BarBreakdown, group: string): RouteTarget =>
  group === OTHERS || by === 'version' || by === 'protocol' ? target : { ...target, [by]: group };

/** The number of rows before "Show all". */
const INITIAL_ROWS = 8;

type Props = { by: Breakdown; route: Route; rows: GroupRow[]; heading?: string };

export function Ranking({ by, route, rows, heading = dashboardText.overview.tables[by] }: Props) {
  const id = `ranking-${heading}`;
  const [showsAll, setShowsAll] = useState(false);
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>{heading}</h2>
      <div class="scroller">
        <NumberTable
          class="ranking"
          caption={heading}
          items={showsAll ? rows : rows.slice(0, INITIAL_ROWS)}
          keyOf={({ name }) => name}
          columns={columnsOf(by, { ...route, view: 'calls' })}
        />
      </div>
      {rows.length > INITIAL_ROWS && (
        <div class="load-more">
          <button type="button" class="small" aria-expanded={showsAll} onClick={() => setShowsAll(!showsAll)}>
            {showsAll ? dashboardText.overview.showFewer : dashboardText.overview.showAll(count(rows.length))}
            <span class="visually-hidden">: {heading}</span>
          </button>
        </div>
      )}
    </section>
  );
}

function columnsOf(by: Breakdown, calls: RouteTarget): NumberColumn<GroupRow>[] {
  const { columns, overview, none } = dashboardText;
  const errors: NumberColumn<GroupRow> = {
    name: columns.errors,
    cell: ({ name, errors }) =>
      errors ? <Link to={{ ...filteredBy(calls, by, name), outcome: ERRORS }}>{count(errors)}</Link> : count(errors),
  };
  const answer: NumberColumn<GroupRow> = {
    name: columns.answer,
    isSecondary: true,
    cell: ({ answers }) => (answers ? byteSize(answers.average) : none),
  };
  return [
    {
      name: overview.breakdowns[by],
      cell: ({ name }) => (
        <Link to={filteredBy(calls, by, name)}>
          <GroupName by={by} name={name} />
        </Link>
      ),
    },
    { name: columns.calls, cell: ({ calls }) => count(calls) },
    ...(by === 'outcome' ? [] : [errors]),
    { name: columns.p50, isSecondary: true, cell: ({ durations }) => duration(durations?.p50) },
    { name: columns.p95, cell: ({ durations }) => duration(durations?.p95) },
    ...(by === 'tool' ? [answer] : []),
  ];
}

/** An outcome as a badge, and a prompt or a resource without its method. */
function GroupName({ by, name }: { by: Breakdown; name: string }) {
  if (by === 'outcome' && name !== OTHERS) return <OutcomeBadge outcome={name as CallOutcome} />;
  const method = by === 'tool' ? methodIn(name) : undefined;
  if (method === undefined) return <>{groupName(by, name)}</>;
  return (
    <>
      <span class="muted">{dashboardText.overview.targetKinds[method]}</span> {name.slice(method.length + 1)}
    </>
  );
}

/** The users with the most calls. */
export function TopUsers({ route, users }: { route: Route; users: NonNullable<Overview['topUsers']> }) {
  if (users.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="top-users">
      <h2 id="top-users">{dashboardText.overview.topUsers}</h2>
      <div class="scroller">
        <NumberTable
          class="ranking short"
          caption={dashboardText.overview.topUsers}
          items={users}
          keyOf={({ user }) => user}
          columns={[
            {
              name: dashboardText.columns.user,
              cell: ({ user, userName }) => (
                <Link to={{ ...route, user }}>
                  <UserName user={user} userName={userName} />
                </Link>
              ),
            },
            { name: dashboardText.columns.calls, cell: ({ calls }) => count(calls) },
            {
              name: dashboardText.columns.errors,
              cell: ({ user, errors }) =>
                errors ? (
                  <Link to={{ ...sharedFilters(route), view: 'errors', user }}>{count(errors)}</Link>
                ) : (
                  count(errors)
                ),
            },
          ]}
        />
      </div>
    </section>
  );
}

type NeighboursProps = { route: Route; tool: string; neighbours: NonNullable<Overview['neighbours']> };

/** The tools that sessions call before and after a tool. */
export const Neighbours = ({ route, tool, neighbours }: NeighboursProps) => (
  <section class="panel" aria-labelledby="neighbours">
    <h2 id="neighbours">{dashboardText.overview.neighbours(tool)}</h2>
    <div class="columns even">
      {(['before', 'after'] as const).map((side) =>
        neighbours[side].length === 0 ? (
          <p key={side} class="note">
            {dashboardText.overview[side]}: {dashboardText.overview.noNeighbours}
          </p>
        ) : (
          <div key={side} class="scroller">
            <NumberTable
              class="ranking short"
              caption={dashboardText.overview[side]}
              items={neighbours[side]}
              keyOf={({ name }) => name}
              columns={[
                {
                  name: dashboardText.overview[side],
                  cell: ({ name }) =>
                    name === OTHERS ? (
                      dashboardText.others
                    ) : (
                      <Link to={{ ...route, tool: name }}>{groupName('tool', name)}</Link>
                    ),
                },
                { name: dashboardText.columns.calls, cell: ({ calls }) => count(calls) },
              ]}
            />
          </div>
        ),
      )}
    </div>
    <p class="note">{dashboardText.overview.neighboursNote}</p>
  </section>
);
