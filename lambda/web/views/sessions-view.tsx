import { useEffect } from 'preact/hooks';
import type { SessionRow } from '../../core/dashboard/dashboard-api.ts';
import { ClientName } from '../components/client-name.tsx';
import { Filters } from '../components/filters.tsx';
import { Link } from '../components/link.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { onRowClick } from '../components/row-click.ts';
import { StateBadge } from '../components/state-badge.tsx';
import { Timestamp } from '../components/timestamp.tsx';
import { UserName } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { count, duration } from '../format.ts';
import { endsNow, filterOf, hrefOf, navigate } from '../page-router.ts';
import { usePagedList } from '../paged-list.ts';
import { addSuggestions } from '../suggestions.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

const { columns, sessions: text } = dashboardText;

/** A count of a session, marked as a minimum if the server did not count all calls. */
export const sessionCount = (number: number, { isPartial }: SessionRow): string =>
  isPartial ? `${text.atLeast} ${count(number)}` : count(number);

export function SessionsView({ route, me }: ViewProps) {
  // Sessions have neither a tool nor an outcome.
  const key = hrefOf({ ...route, tool: undefined, outcome: undefined, by: undefined });
  const list = usePagedList<SessionRow>(
    'sessions',
    key,
    () => filterOf(route),
    ({ id }) => id,
    { isLive: endsNow(route) },
  );
  const { items, error, retrySeconds, isStale, hasMore } = list;
  useEffect(() => addSuggestions({ users: items ?? [], clients: items ?? [] }), [items]);
  const isFiltered = Boolean(route.client || route.clientInfo || route.grant || (me?.isAdmin && route.user));
  return (
    <>
      <h1>{dashboardText.views.sessions}</h1>
      <Filters
        route={{ ...route, tool: undefined, outcome: undefined }}
        me={me}
        names={['client', 'clientInfo']}
        hasOutcome={false}
      />
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      {!items || !me ? (
        !error && <Skeleton kind="row" count={10} />
      ) : (
        <section class="panel" aria-label={text.caption} aria-busy={isStale}>
          {items.length === 0 && !hasMore && (
            <EmptyState heading={text.empty}>
              {isFiltered || !endsNow(route)
                ? dashboardText.calls.emptyFiltered
                : dashboardText.calls.emptyNew(`${location.origin}/mcp`)}
            </EmptyState>
          )}
          {items.length > 0 && <SessionsTable sessions={items} withUsers={showsUsers({ route, me })} />}
          <LoadMore list={list} />
        </section>
      )}
    </>
  );
}

const SessionsTable = ({ sessions, withUsers }: { sessions: SessionRow[]; withUsers: boolean }) => (
  <table class="list sessions">
    <caption class="visually-hidden">{text.caption}</caption>
    <thead>
      <tr>
        <th scope="col">{columns.client}</th>
        {withUsers && <th scope="col">{columns.user}</th>}
        <th scope="col">{columns.state}</th>
        <th scope="col" class="wide-only">
          {columns.firstActivity}
        </th>
        <th scope="col">{columns.lastActivity}</th>
        <th scope="col" class="number">
          {columns.length}
        </th>
        <th scope="col" class="number">
          {columns.calls}
        </th>
        <th scope="col" class="number">
          {columns.errors}
        </th>
        <th scope="col" class="wide-only">
          {columns.era}
        </th>
      </tr>
    </thead>
    <tbody>
      {sessions.map((session) => (
        <SessionTableRow key={session.id} session={session} withUsers={withUsers} />
      ))}
    </tbody>
  </table>
);

const SessionTableRow = ({ session, withUsers }: { session: SessionRow; withUsers: boolean }) => (
  <tr class="clickable" onClick={onRowClick(() => navigate({ view: 'session', id: session.id }))}>
    <th scope="row" class="main">
      <Link to={{ view: 'session', id: session.id }} title={session.id}>
        <ClientName client={session} />
      </Link>
    </th>
    {withUsers && (
      <td>
        <UserName user={session.user} userName={session.userName} />
      </td>
    )}
    <td class="first">
      <StateBadge isActive={!session.ended}>{text.states[session.ended ?? 'active']}</StateBadge>
    </td>
    <td class="nowrap wide-only">
      <Timestamp at={session.firstCallAt} />
    </td>
    <td class="nowrap">
      <Timestamp at={session.lastCallAt} />
    </td>
    <td class="number nowrap table-only">{duration(session.lastCallAt - session.firstCallAt)}</td>
    <td class="number">
      {sessionCount(session.calls, session)}
      <span class="unit"> {dashboardText.counted.calls(session.calls)}</span>
    </td>
    <td class={session.errors ? 'number' : 'number table-only'}>
      {sessionCount(session.errors, session)}
      <span class="unit"> {dashboardText.counted.errors(session.errors)}</span>
    </td>
    <td class="wide-only">{dashboardText.eras[session.era]}</td>
  </tr>
);
