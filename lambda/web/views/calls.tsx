import { useEffect } from 'preact/hooks';
import type { CallRow } from '../../core/dashboard/api.ts';
import { learn } from '../known.ts';
import { usePages } from '../pages.ts';
import { CallsTable } from '../parts/calls-table.tsx';
import { Filters } from '../parts/filters.tsx';
import { More } from '../parts/more.tsx';
import { Empty, Skeleton, Trouble } from '../parts/states.tsx';
import { endsNow, filterOf, hrefOf } from '../router.ts';
import { texts } from '../texts.ts';
import { showsUsers, type ViewProps } from './view.ts';

export function Calls({ route, me }: ViewProps) {
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

  const isFiltered = Boolean(route.client || route.tool || route.outcome || (me?.isOwner && route.user));
  const words = texts.calls;
  return (
    <>
      <h1>{texts.views.calls}</h1>
      <Filters route={route} me={me} />
      <Trouble failure={failure} retrySeconds={retrySeconds} />
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
