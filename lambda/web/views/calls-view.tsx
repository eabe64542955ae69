import { useEffect } from 'preact/hooks';
import type { CallRow } from '../../core/dashboard/dashboard-api.ts';
import { CallsTable } from '../components/calls-table.tsx';
import { Filters } from '../components/filters.tsx';
import { More } from '../components/load-more.tsx';
import { Empty, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { learn } from '../known-values.ts';
import { endsNow, filterOf, hrefOf } from '../page-router.ts';
import { usePages } from '../paged-list.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

export function CallsView({ route, me }: ViewProps) {
  const pages = usePages<CallRow>(
    'calls',
    hrefOf({ ...route, by: 'outcome' }),
    () => filterOf(route),
    ({ id }) => id,
    { isLive: endsNow(route) },
  );
  const { items, failure, retrySeconds, isStale, hasMore } = pages;
  useEffect(() => {
    if (!items) return;
    learn({
      users: items,
      clients: items.map(({ clientLabel }) => clientLabel),
      tools: items.flatMap(({ tool }) => tool ?? []),
    });
  }, [items]);

  const isFiltered = Boolean(route.client || route.tool || route.outcome || (me?.isAdmin && route.user));
  const words = dashboardText.calls;
  return (
    <>
      <h1>{dashboardText.views.calls}</h1>
      <Filters route={route} me={me} />
      <ErrorMessage failure={failure} retrySeconds={retrySeconds} />
      {!items || !me ? (
        !failure && <Skeleton kind="row" count={10} />
      ) : (
        <section class="panel" aria-label={words.caption} aria-busy={isStale}>
          {items.length > 0 && (
            <CallsTable calls={items} caption={words.caption} showsUsers={showsUsers({ route, me })} />
          )}
          {items.length === 0 && !hasMore && (
            <Empty heading={words.empty}>
              {isFiltered || !endsNow(route) ? words.emptyFiltered : words.emptyNew(`${location.origin}/mcp`)}
            </Empty>
          )}
          <More pages={pages} />
        </section>
      )}
    </>
  );
}
