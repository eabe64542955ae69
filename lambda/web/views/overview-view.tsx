import { useEffect } from 'preact/hooks';
import {
  type CallRow,
  ERRORS,
  type Me,
  methodIn,
  type Overview,
  type ResultPage,
} from '../../core/dashboard/dashboard-api.ts';
import { get } from '../api-client.ts';
import { Filters } from '../components/filters.tsx';
import { LatestCalls } from '../components/latest-calls.tsx';
import { Link } from '../components/link.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { Neighbours, Ranking, TopUsers } from '../components/ranking.tsx';
import { AnswersChart, CallsChart, DurationsChart, tokensIn, UsersChart } from '../components/time-charts.tsx';
import { useQuotedNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { byteSize, change, compactCount, duration, percentage, time } from '../format.ts';
import { type LiveQuery, useLiveQuery } from '../live-query.ts';
import { endsNow, filterOf, hrefOf, type Route, type RouteTarget, sharedFilters } from '../page-router.ts';
import { addSuggestions } from '../suggestions.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

const text = dashboardText.overview;
const LATEST_CALLS = 10;

export function OverviewView({ route, me }: ViewProps) {
  const { overview, latest } = useOverview(route);
  const { data, error, retrySeconds, isStale } = overview;
  return (
    <>
      <OverviewHeading route={route} me={me} />
      <Filters route={route} me={me} />
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      {!data || !me ? (
        !error && (
          <>
            <Skeleton kind="tile" count={4} />
            <Skeleton kind="chart" count={2} />
          </>
        )
      ) : (
        <div class="stack" aria-busy={isStale}>
          {data.completeSince !== undefined && (
            <p class="warning" role="note">
              {text.completeSince(time(data.completeSince))}
            </p>
          )}
          <Tiles route={route} numbers={data} showsUserCount={me.isAdmin && !route.user} />
          {data.totals.calls === 0 && !latest.data?.items.length ? (
            <section class="panel">
              <NoCalls route={route} me={me} />
            </section>
          ) : (
            <Charts route={route} me={me} numbers={data} latest={latest} />
          )}
        </div>
      )}
    </>
  );
}

function useOverview(route: Route) {
  // Without `by`: the response has every breakdown.
  const key = hrefOf({ ...route, by: 'outcome' });
  const isLive = endsNow(route);
  const overview = useLiveQuery(key, (signal) => get<Overview>('overview', filterOf(route), signal), { isLive });
  const latest = useLiveQuery(
    key,
    (signal) => {
      const filter = filterOf(route);
      filter.set('limit', String(LATEST_CALLS));
      return get<ResultPage<CallRow>>('calls', filter, signal);
    },
    { isLive },
  );
  useEffect(() => {
    const { rows } = overview.data ?? {};
    if (!rows) return;
    addSuggestions({
      tools: rows.tool.map(({ name }) => name),
      clients: rows.client.map(({ name }) => ({ clientLabel: name })),
    });
  }, [overview.data]);
  useEffect(() => addSuggestions({ users: latest.data?.items ?? [] }), [latest.data]);
  return { overview, latest };
}

const isOwnActivity = (route: Route, me: Me) => !me.isAdmin || route.user === me.user;

function OverviewHeading({ route, me }: ViewProps) {
  const nameOf = useQuotedNameOf();
  const { headings } = dashboardText;
  if (me && isOwnActivity(route, me)) return <h1>{headings.yourActivity}</h1>;
  return <h1>{route.user && me ? headings.activityOf(nameOf(route.user)) : headings.activity}</h1>;
}

function NoCalls({ route, me }: { route: Route; me: Me }) {
  const { calls } = dashboardText;
  const isFiltered = Boolean(route.client || route.clientInfo || route.tool || route.outcome);
  const isOtherUser = Boolean(route.user) && !isOwnActivity(route, me);
  return (
    <EmptyState heading={calls.empty}>
      {isFiltered || isOtherUser ? calls.emptyFiltered : calls.emptyNew(`${location.origin}/mcp`)}
    </EmptyState>
  );
}

type ChartsProps = { route: Route; me: Me; numbers: Overview; latest: LiveQuery<ResultPage<CallRow>> };

function Charts({ route, me, numbers, latest }: ChartsProps) {
  const { rows, topUsers, neighbours } = numbers;
  const targets = rows.tool.filter(({ name }) => methodIn(name));
  const tools = rows.tool.filter(({ name }) => !methodIn(name));
  return (
    <>
      <CallsChart route={route} numbers={numbers} />
      <div class="columns">
        <div class="stack">
          <DurationsChart route={route} numbers={numbers} />
          {tools.length > 0 && <Ranking by="tool" route={route} rows={tools} />}
          {targets.length > 0 && <Ranking by="tool" route={route} rows={targets} heading={text.targets} />}
          {route.tool && neighbours && <Neighbours route={route} tool={route.tool} neighbours={neighbours} />}
          <Ranking by="client" route={route} rows={rows.client} />
          <Ranking by="outcome" route={route} rows={rows.outcome} />
        </div>
        <div class="stack">
          <AnswersChart route={route} numbers={numbers} />
          {me.isAdmin && !route.user && numbers.totals.users !== undefined && (
            <UsersChart route={route} numbers={numbers} />
          )}
          {topUsers && <TopUsers route={route} users={topUsers} />}
          <LatestCalls route={route} latest={latest} showsUsers={showsUsers({ route, me })} />
        </div>
      </div>
    </>
  );
}

type TilesProps = { route: Route; numbers: Overview; showsUserCount: boolean };

function Tiles({ route, numbers: { totals, previous, sessions }, showsUserCount }: TilesProps) {
  const { durations, answers } = totals;
  const calls: RouteTarget = { ...route, view: 'calls' };
  const changeOf = (now: number | undefined, before: number | undefined) =>
    now !== undefined && before ? [text.change(change(now, before))] : [];
  const about = (value: string) => (sessions?.isEstimate ? text.about(value) : value);
  return (
    <section aria-label={text.tiles}>
      <ul class="tiles">
        <Tile
          to={calls}
          name={text.calls}
          value={compactCount(totals.calls)}
          notes={changeOf(totals.calls, previous?.calls)}
        />
        <Tile
          to={{ ...calls, outcome: ERRORS }}
          name={text.errors}
          value={compactCount(totals.errors)}
          notes={[
            text.errorRate(percentage(totals.errors, totals.calls)),
            ...changeOf(totals.errors, previous?.errors),
          ]}
        />
        <Tile
          to={calls}
          name={text.durations}
          value={duration(durations?.p50)}
          notes={
            durations && [
              text.percentiles(duration(durations.p95), duration(durations.p99)),
              ...changeOf(durations.p50, previous?.durations?.p50),
            ]
          }
        />
        {answers && (
          <Tile
            to={calls}
            name={text.answers}
            value={byteSize(answers.average)}
            notes={[
              tokensIn(answers.average),
              text.largest(byteSize(answers.largest)),
              ...changeOf(answers.average, previous?.answers?.average),
            ]}
          />
        )}
        {showsUserCount && totals.users !== undefined && (
          <Tile
            to={{ view: 'users' }}
            name={text.users}
            value={compactCount(totals.users)}
            notes={[text.usersNote, ...changeOf(totals.users, previous?.users)]}
          />
        )}
        {sessions && (
          <Tile
            to={{ ...sharedFilters(route), view: 'sessions' }}
            name={text.sessions}
            value={about(compactCount(sessions.total))}
            notes={[
              text.sessionStates(about(compactCount(sessions.active)), about(compactCount(sessions.expired))),
              text.sessionLength(about(duration(sessions.averageMilliseconds))),
              ...changeOf(totals.sessions, previous?.sessions),
            ]}
          />
        )}
      </ul>
    </section>
  );
}

type TileProps = { to: RouteTarget; name: string; value: string; notes?: string[] | undefined };

const Tile = ({ to, name, value, notes = [] }: TileProps) => (
  <li>
    <Link to={to} class="tile">
      <span class="name">{name}</span> <strong>{value}</strong>{' '}
      {notes.map((note) => (
        <span key={note} class="note">
          {note}{' '}
        </span>
      ))}
    </Link>
  </li>
);
