import { useEffect } from 'preact/hooks';
import { type CallRow, ERRORS, type Overview as Numbers, type ResultPage } from '../../core/dashboard/dashboard-api.ts';
import { get } from '../api-client.ts';
import { Filters } from '../components/filters.tsx';
import { LatestCalls } from '../components/latest-calls.tsx';
import { Link } from '../components/link.tsx';
import { Empty, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { Ranking } from '../components/ranking.tsx';
import { CallsChart, DurationsChart, PeopleChart } from '../components/time-charts.tsx';
import { useNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { briefCount, duration, moment, share } from '../format.ts';
import { learn } from '../known-values.ts';
import { useLive } from '../live-data.ts';
import { endsNow, filterOf, hrefOf, kept, type Route, type RouteTarget } from '../page-router.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

const words = dashboardText.overview;

export function OverviewView({ route, me }: ViewProps) {
  const nameOf = useNameOf();
  // How the bars are divided is told by the same answer.
  const key = hrefOf({ ...route, by: 'outcome' });
  const numbers = useLive(key, (signal) => get<Numbers>('overview', filterOf(route), signal), {
    isLive: endsNow(route),
  });
  const latest = useLive(
    key,
    (signal) => {
      const filter = filterOf(route);
      filter.set('limit', '10');
      return get<ResultPage<CallRow>>('calls', filter, signal);
    },
    { isLive: endsNow(route) },
  );
  useEffect(() => {
    const { rows } = numbers.data ?? {};
    if (rows) learn({ tools: rows.tool.map(({ name }) => name), clients: rows.client.map(({ name }) => name) });
  }, [numbers.data]);
  useEffect(() => learn({ users: latest.data?.items ?? [] }), [latest.data]);

  const { data } = numbers;
  const isEveryone = me?.isAdmin && !route.user;
  const isMine = me && (!me.isAdmin || route.user === me.user);
  const isFiltered = Boolean(route.client || route.tool || route.outcome);
  const { headings } = dashboardText;
  return (
    <>
      <h1>
        {isMine
          ? headings.yourActivity
          : route.user && me
            ? headings.activityOf(nameOf(route.user))
            : headings.activity}
      </h1>
      <Filters route={route} me={me} />
      <ErrorMessage failure={numbers.failure} retrySeconds={numbers.retrySeconds} />
      {!data || !me ? (
        !numbers.failure && (
          <>
            <Skeleton kind="tile" count={4} />
            <Skeleton kind="chart" count={2} />
          </>
        )
      ) : (
        <div class="stack" aria-busy={numbers.isStale}>
          {data.completeSince !== undefined && (
            <p class="warning" role="note">
              {words.completeSince(moment(data.completeSince))}
            </p>
          )}
          <Tiles route={route} numbers={data} showsPeople={Boolean(me.isAdmin && !route.user)} />
          {data.totals.calls === 0 && !latest.data?.items.length ? (
            <section class="panel">
              <Empty heading={dashboardText.calls.empty}>
                {isFiltered || (me.isAdmin && !isMine && route.user)
                  ? dashboardText.calls.emptyFiltered
                  : dashboardText.calls.emptyNew(`${location.origin}/mcp`)}
              </Empty>
            </section>
          ) : (
            <>
              <CallsChart route={route} numbers={data} />
              <div class="columns">
                <div class="stack">
                  <DurationsChart route={route} numbers={data} />
                  <Ranking by="tool" route={route} rows={data.rows.tool} />
                  <Ranking by="client" route={route} rows={data.rows.client} />
                </div>
                <div class="stack">
                  {isEveryone && data.totals.users !== undefined && <PeopleChart route={route} numbers={data} />}
                  <LatestCalls route={route} latest={latest} showsUsers={showsUsers({ route, me })} />
                  <Ranking by="outcome" route={route} rows={data.rows.outcome} />
                </div>
              </div>
            </>
          )}
        </div>
      )}
    </>
  );
}

type TilesProps = { route: Route; numbers: Numbers; showsPeople: boolean };

function Tiles({ route, numbers: { totals, sessions }, showsPeople }: TilesProps) {
  const { durations } = totals;
  const calls: RouteTarget = { ...route, view: 'calls' };
  const about = (value: string) => (sessions?.isEstimate ? words.about(value) : value);
  return (
    <section aria-label={words.tiles}>
      <ul class="tiles">
        <Tile to={calls} name={words.calls} value={briefCount(totals.calls)} />
        <Tile
          to={{ ...calls, outcome: ERRORS }}
          name={words.errors}
          value={briefCount(totals.errors)}
          notes={[words.errorRate(share(totals.errors, totals.calls))]}
        />
        <Tile
          to={calls}
          name={words.durations}
          value={duration(durations?.p50)}
          notes={durations && [words.percentiles(duration(durations.p95), duration(durations.p99))]}
        />
        {showsPeople && totals.users !== undefined && (
          <Tile to={{ view: 'users' }} name={words.users} value={briefCount(totals.users)} notes={[words.usersNote]} />
        )}
        {sessions && (
          <Tile
            to={{ ...kept(route), view: 'sessions' }}
            name={words.sessions}
            value={about(briefCount(sessions.total))}
            notes={[
              words.sessionStates(about(briefCount(sessions.active)), about(briefCount(sessions.expired))),
              words.sessionLength(about(duration(sessions.averageMilliseconds))),
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
