import { useEffect } from 'preact/hooks';
import type { UserRow } from '../../core/dashboard/dashboard-api.ts';
import { Link } from '../components/link.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { Timestamp } from '../components/timestamp.tsx';
import { UserName, useNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { type Route, sharedFilters } from '../page-router.ts';
import { usePagedList } from '../paged-list.ts';
import { addSuggestions } from '../suggestions.ts';
import type { ViewProps } from './view-props.ts';

const { columns, users: text } = dashboardText;

export function UsersView({ route }: ViewProps) {
  const list = usePagedList<UserRow>(
    'users',
    'users',
    () => new URLSearchParams(),
    ({ user }) => user,
    { isLive: true },
  );
  const { items, error, retrySeconds, hasMore } = list;
  useEffect(() => addSuggestions({ users: items ?? [] }), [items]);
  return (
    <>
      <h1>{dashboardText.views.users}</h1>
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
                  <th scope="col">{columns.firstSignIn}</th>
                  <th scope="col">{columns.lastSignIn}</th>
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

function UserTableRow({ route, row }: { route: Route; row: UserRow }) {
  const { user, userName, firstSignInAt, lastSignInAt } = row;
  const name = useNameOf()(user, userName);
  return (
    <tr>
      <th scope="row" class="main">
        <Link to={{ ...sharedFilters(route), view: 'overview', user }}>
          <UserName user={user} userName={userName} />
        </Link>
      </th>
      <td class="table-only">
        <Timestamp precision="minute" at={firstSignInAt} />
      </td>
      <td>
        <Timestamp precision="minute" at={lastSignInAt} />
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
