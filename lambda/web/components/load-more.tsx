import { dashboardText } from '../dashboard-text.ts';
import { moment } from '../format.ts';
import type { Pages } from '../paged-list.ts';

/** At the end of a list that goes on, and of one that has found nothing yet. */
export function More<T>({ pages }: { pages: Pages<T> }) {
  const { items, hasMore, isLoadingMore, moreFailure, searchedTo, more } = pages;
  if (!hasMore) return null;
  const words = dashboardText.calls;
  const isEmpty = items?.length === 0;
  return (
    <div class="more">
      {isEmpty && searchedTo !== undefined && <p>{words.searchedTo(moment(searchedTo))}</p>}
      {moreFailure && (
        <p class="warning" role="alert">
          {words.moreFailed}
        </p>
      )}
      <button type="button" onClick={more} aria-disabled={isLoadingMore} aria-busy={isLoadingMore}>
        {isLoadingMore ? words.loadingMore : isEmpty ? words.further : words.more}
      </button>
    </div>
  );
}
