import { useEffect } from 'preact/hooks';
import type { UserRow } from '../../core/dashboard/dashboard-api.ts';
import { Link } from '../components/link.tsx';
import { More } from '../components/load-more.tsx';
import { Moment } from '../components/moment.tsx';
import { Empty, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { UserName, useNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { learn } from '../known-values.ts';
import { kept } from '../page-router.ts';
import { usePages } from '../paged-list.ts';
import type { ViewProps } from './view-props.ts';

const { columns, users: words } = dashboardText;

export function UsersView({ route }: ViewProps) {
  const nameOf = useNameOf();
  const pages = usePages<UserRow>(
    'users',
    'users',
    () => new URLSearchParams(),
    ({ user }) => user,
    { isLive: true },
  );
  const { items, failure, retrySeconds, hasMore } = pages;
  useEffect(() => learn({ users: items ?? [] }), [items]);
  return (
    <>
      <h1>{dashboardText.views.users}</h1>
      <ErrorMessage failure={failure} retrySeconds={retrySeconds} />
      {!items ? (
        !failure && <Skeleton kind="row" count={8} />
      ) : (
        <section class="panel" aria-label={words.caption}>
          {items.length === 0 && !hasMore && <Empty heading={words.empty} />}
          {items.length > 0 && (
            <table class="cards">
              <caption class="unseen">{words.caption}</caption>
              <thead>
                <tr>
                  <th scope="col">{columns.user}</th>
                  <th scope="col">{columns.firstSignIn}</th>
                  <th scope="col">{columns.lastSignIn}</th>
                  <th scope="col">{columns.look}</th>
                </tr>
              </thead>
              <tbody>
                {items.map(({ user, userName, firstSignInAt, lastSignInAt }) => {
                  const name = nameOf(user, userName);
                  return (
                    <tr key={user}>
                      <th scope="row" data-label={columns.user}>
                        <Link to={{ ...kept(route), view: 'overview', user }}>
                          <UserName user={user} userName={userName} />
                        </Link>
                      </th>
                      <td data-label={columns.firstSignIn}>
                        <Moment to="minute" at={firstSignInAt} />
                      </td>
                      <td data-label={columns.lastSignIn}>
                        <Moment to="minute" at={lastSignInAt} />
                      </td>
                      <td data-label={columns.look}>
                        <span class="actions">
                          {(['calls', 'sessions', 'grants'] as const).map((view) => (
                            <Link key={view} to={{ ...kept(route), view, user }} aria-label={`${words[view]}: ${name}`}>
                              {words[view]}
                            </Link>
                          ))}
                        </span>
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          )}
          <More pages={pages} />
        </section>
      )}
    </>
  );
}
