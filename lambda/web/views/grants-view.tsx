import { useEffect, useState } from 'preact/hooks';
import type { GrantRow, RevokedCount } from '../../core/dashboard/dashboard-api.ts';
import { post } from '../api-client.ts';
import { Confirm } from '../components/confirm.tsx';
import { Chips } from '../components/filters.tsx';
import { Link } from '../components/link.tsx';
import { More } from '../components/load-more.tsx';
import { Moment } from '../components/moment.tsx';
import { Empty, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { SessionState } from '../components/session-state.tsx';
import { announce } from '../components/status-line.tsx';
import { UserName, useNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { learn } from '../known-values.ts';
import { queryOf } from '../page-router.ts';
import { usePages } from '../paged-list.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

const { columns, grants: words } = dashboardText;

export function ConnectedAppsView({ route, me }: ViewProps) {
  const { user } = route;
  const nameOf = useNameOf();
  const [asked, setAsked] = useState<GrantRow | 'all'>();
  const pages = usePages<GrantRow>(
    'grants',
    `grants ${user}`,
    () => queryOf({ user }),
    ({ id }) => id,
    {
      isLive: true,
    },
  );
  const { items, failure, retrySeconds, isStale, hasMore, refresh } = pages;
  useEffect(() => learn({ users: items ?? [] }), [items]);

  const withUsers = showsUsers({ route, me });
  const other = me?.isAdmin && user && user !== me.user ? user : undefined;
  const ofAll = other ?? me?.user;
  const hasAny = items?.some(({ status, user: whose }) => status === 'active' && whose === ofAll);
  return (
    <>
      <div class="title">
        <h1>{dashboardText.views.grants}</h1>
        {hasAny && (
          <button type="button" class="danger outline" onClick={() => setAsked('all')}>
            {other ? words.revokeAllOf(nameOf(other)) : words.revokeAllMine}
          </button>
        )}
      </div>
      <p class="quiet">{withUsers ? words.introEveryone : words.intro}</p>
      <Chips route={{ view: 'grants', range: route.range, by: route.by, user }} me={me} />
      <ErrorMessage failure={failure} retrySeconds={retrySeconds} />
      {!items || !me ? (
        !failure && <Skeleton kind="row" count={6} />
      ) : (
        <section class="panel" aria-label={words.caption} aria-busy={isStale}>
          {items.length === 0 && !hasMore && (
            <Empty heading={words.empty}>{dashboardText.calls.emptyNew(`${location.origin}/mcp`)}</Empty>
          )}
          {items.length > 0 && (
            <table class="cards grants">
              <caption class="unseen">{words.caption}</caption>
              <thead>
                <tr>
                  <th scope="col">{columns.client}</th>
                  {withUsers && <th scope="col">{columns.user}</th>}
                  <th scope="col">{columns.state}</th>
                  <th scope="col">{columns.scopes}</th>
                  <th scope="col">{columns.connectedAt}</th>
                  <th scope="col">{columns.actions}</th>
                </tr>
              </thead>
              <tbody>
                {items.map((grant) => (
                  <tr key={grant.id} class={grant.id === route.id ? 'found' : undefined}>
                    <th scope="row" data-label={columns.client}>
                      <span>
                        {grant.clientName}
                        <code class="quiet" title={grant.client}>
                          {grant.client.replace('https://', '')}
                        </code>
                      </span>
                    </th>
                    {withUsers && (
                      <td data-label={columns.user}>
                        <UserName user={grant.user} userName={grant.userName} />
                      </td>
                    )}
                    <td data-label={columns.state}>
                      <span class="lines">
                        <SessionState isActive={grant.status === 'active'}>{words.states[grant.status]}</SessionState>
                        {grant.revokedAt !== undefined && (
                          <span class="note">
                            {' '}
                            <Moment to="day" at={grant.revokedAt} />
                          </span>
                        )}
                      </span>
                    </td>
                    <td data-label={columns.scopes}>
                      <span class="lines">
                        {grant.scopes.map((scope) => (
                          <code key={scope}>{scope}</code>
                        ))}
                      </span>
                    </td>
                    <td data-label={columns.connectedAt}>
                      <span class="lines">
                        <Moment to="day" at={grant.createdAt} />
                        <span class="note">
                          {words.renewed} <Moment to="minute" at={grant.renewedAt} />
                        </span>
                        {grant.status === 'active' && (
                          <span class="note">
                            {words.ends} <Moment to="day" at={grant.endsAt} />
                          </span>
                        )}
                      </span>
                    </td>
                    <td data-label={columns.actions}>
                      <span class="actions">
                        {(['calls', 'sessions'] as const).map((view) => (
                          <Link
                            key={view}
                            to={{ view, range: '30d', grant: grant.id, user: me.isAdmin ? grant.user : undefined }}
                            aria-label={`${words[view]}: ${grant.clientName}`}
                          >
                            {words[view]}
                          </Link>
                        ))}
                        {grant.status === 'active' && (
                          <button
                            type="button"
                            class="small danger outline"
                            aria-label={words.revokeNamed(grant.clientName)}
                            onClick={() => setAsked(grant)}
                          >
                            {words.revoke}
                          </button>
                        )}
                      </span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <More pages={pages} />
        </section>
      )}
      {me && asked === 'all' && (
        <Confirm
          question={words.revokeAllQuestion}
          consequence={words.revokeAllConsequence(other && nameOf(other))}
          action={other ? words.revokeAllOf(nameOf(other)) : words.revokeAllMine}
          act={async () => {
            const { revoked } = await post<RevokedCount>(me, 'revoke-all', other ? { user: other } : {});
            announce(words.allRevoked(revoked));
            refresh();
          }}
          close={() => setAsked(undefined)}
        />
      )}
      {me && asked && asked !== 'all' && (
        <Confirm
          question={words.revokeQuestion(asked.clientName)}
          consequence={words.revokeConsequence(
            asked.clientName,
            asked.user === me.user ? undefined : nameOf(asked.user, asked.userName),
          )}
          action={words.revoke}
          act={async () => {
            const { revoked } = await post<RevokedCount>(me, `grants/${encodeURIComponent(asked.id)}/revoke`);
            announce(words.revoked(asked.clientName, revoked));
            refresh();
          }}
          close={() => setAsked(undefined)}
        />
      )}
    </>
  );
}
