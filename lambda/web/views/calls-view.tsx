import { useEffect } from 'preact/hooks';
import type { CallRow } from '../../core/dashboard/dashboard-api.ts';
import { CallsTable } from '../components/calls-table.tsx';
import { Filters } from '../components/filters.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { callFilterOf, endsNow, hrefOf, periodOf } from '../page-router.ts';
import { usePagedList } from '../paged-list.ts';
import { addSuggestions } from '../suggestions.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

const text = dashboardText.calls;

export function CallsView({ route, me }: ViewProps) {
  const list = usePagedList<CallRow>(
    'calls',
    hrefOf({ ...route, by: 'outcome' }),
    () => callFilterOf(route),
    ({ id }) => id,
    { isLive: endsNow(route) },
  );
  const { items, error, retrySeconds, isStale, hasMore } = list;
  useEffect(() => {
    if (!items) return;
    addSuggestions({
      users: items,
      clients: items,
      tools: items.flatMap(({ tool }) => tool ?? []),
    });
  }, [items]);

  const isFiltered = Boolean(
    route.client || route.clientInfo || route.tool || route.outcome || route.error || (me?.isAdmin && route.user),
  );
  return (
    <>
      <h1>{dashboardText.views.calls}</h1>
      <Filters route={route} me={me} />
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      {!items || !me ? (
        !error && <Skeleton kind="row" count={10} />
      ) : (
        <section class="panel" aria-label={text.caption} aria-busy={isStale}>
          {items.length > 0 && (
            <CallsTable calls={items} caption={text.caption} showsUsers={showsUsers({ route, me })} />
          )}
          {items.length === 0 && !hasMore && (
            <EmptyState heading={text.empty}>
              {isFiltered || !endsNow(route) ? text.emptyFiltered : text.emptyNew(`${location.origin}/mcp`)}
            </EmptyState>
          )}
          <LoadMore list={list} period={periodOf(route, Date.now())} />
        </section>
      )}
    </>
  );
}
