import { dashboardText } from '../dashboard-text.ts';
import { time } from '../format.ts';
import type { PagedList } from '../paged-list.ts';

type Props<T> = {
  list: PagedList<T>;
  /** Of the list, in epoch milliseconds; shows how far a search has come. */
  period?: { from: number; to: number };
};

/** The end of a list that has further pages, including one whose first pages are empty. */
export function LoadMore<T>({ list, period }: Props<T>) {
  const { hasMore, isLoadingMore, loadMoreError, searchedTo, loadMore } = list;
  if (!hasMore) return null;
  const text = dashboardText.calls;
  return (
    <div class="load-more">
      {searchedTo !== undefined && (
        <p class="search-progress">
          {text.searchedTo(time(searchedTo))}
          {period && (
            <progress max={period.to - period.from} value={period.to - searchedTo} aria-label={text.progress} />
          )}
        </p>
      )}
      {loadMoreError && (
        <p class="warning" role="alert">
          {text.loadFailed}
        </p>
      )}
      <button type="button" onClick={loadMore} aria-disabled={isLoadingMore} aria-busy={isLoadingMore}>
        {isLoadingMore ? text.loading : searchedTo === undefined ? text.loadMore : text.searchFurther}
      </button>
    </div>
  );
}
