import { useEffect } from 'preact/hooks';
import type { UserActivityRow } from '../../core/dashboard/dashboard-api.ts';
import { Link } from '../components/link.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { onRowClick } from '../components/row-click.ts';
import { Timestamp } from '../components/timestamp.tsx';
import { UserName, useNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { count } from '../format.ts';
import { navigate, queryOf, type Route, sharedFilters } from '../page-router.ts';
import { usePagedList } from '../paged-list.ts';
import { addSuggestions } from '../suggestions.ts';
import type { ViewProps } from './view-props.ts';

const { columns, users: text } = dashboardText;

export function UsersView({ route, me }: ViewProps) {
  const list = usePagedList<UserActivityRow>(
    'users',
    'users',
    () => queryOf({ activity: 'true' }),
    ({ user }) => user,
    // Two queries for each user are too many for every five seconds.
    { isLive: false },
  );
  const { items, error, retrySeconds, hasMore } = list;
  useEffect(() => addSuggestions({ users: items ?? [] }), [items]);
  return (
    <>
      <h1>{dashboardText.views.users}</h1>
      {me && !me.showsNames && (
        <p class="muted">
          {text.noNames} <code>{text.namesSetting}</code>
        </p>
      )}
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      {!items ? (
        !error && <Skeleton kind="row" count={8} />
      ) : (
        <section class="panel" aria-label={text.caption}>
          {items.length === 0 && !hasMore && <EmptyState heading={text.empty} />}
          {items.length > 0 && (
            <table class="list users">
              <caption class="visually-hidden">{text.caption}</caption>
              <thead>
                <tr>
                  <th scope="col">{columns.user}</th>
                  <th scope="col" class="number">
                    {columns.calls}
                  </th>
                  <th scope="col" class="number">
                    {columns.errors}
                  </th>
                  <th scope="col">{columns.clients}</th>
                  <th scope="col">{columns.lastSeen}</th>
                  <th scope="col" class="wide-only">
                    {columns.firstSignIn}
                  </th>
                  <th scope="col">{columns.views}</th>
                </tr>
              </thead>
              <tbody>
                {items.map((row) => (
                  <UserTableRow key={row.user} route={route} row={row} />
                ))}
              </tbody>
            </table>
          )}
          <LoadMore list={list} />
        </section>
      )}
    </>
  );
}

function UserTableRow({ route, row }: { route: Route; row: UserActivityRow }) {
  const { user, userName, firstSignInAt, lastSeenAt, calls, errors, clients } = row;
  const name = useNameOf()(user, userName);
  const target = { ...sharedFilters(route), view: 'overview' as const, user };
  return (
    <tr class="clickable" onClick={onRowClick(() => navigate(target))}>
      <th scope="row" class="main">
        <Link to={target}>
          <UserName user={user} userName={userName} />
        </Link>
      </th>
      <td class="number">
        {calls === undefined ? dashboardText.none : count(calls)}
        <span class="unit"> {dashboardText.counted.calls(calls ?? 0)}</span>
      </td>
      <td class={errors ? 'number' : 'number table-only'}>
        {errors ? (
          <Link
            to={{ view: 'errors', range: '30d', user }}
            aria-label={`${count(errors)} ${dashboardText.counted.errors(errors)}: ${name}`}
          >
            {count(errors)}
          </Link>
        ) : (
          (errors ?? dashboardText.none)
        )}
        <span class="unit"> {dashboardText.counted.errors(errors ?? 0)}</span>
      </td>
      <td class="client">{clients.join(', ')}</td>
      <td>{lastSeenAt === undefined ? dashboardText.none : <Timestamp precision="minute" at={lastSeenAt} />}</td>
      <td class="wide-only">
        <Timestamp precision="day" at={firstSignInAt} />
      </td>
      <td class="wide-cell">
        <span class="actions">
          {(['calls', 'sessions', 'grants'] as const).map((view) => (
            <Link key={view} to={{ ...sharedFilters(route), view, user }} aria-label={`${text[view]}: ${name}`}>
              {text[view]}
            </Link>
          ))}
        </span>
      </td>
    </tr>
  );
}
