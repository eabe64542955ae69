import { dashboardText } from '../dashboard-text.ts';
import { time } from '../format.ts';
import type { PagedList } from '../paged-list.ts';

/** The end of a list that has further pages, including one whose first pages are empty. */
export function LoadMore<T>({ list }: { list: PagedList<T> }) {
  const { items, hasMore, isLoadingMore, loadMoreError, searchedTo, loadMore } = list;
  if (!hasMore) return null;
  const text = dashboardText.calls;
  const isEmpty = items?.length === 0;
  return (
    <div class="load-more">
      {isEmpty && searchedTo !== undefined && <p>{text.searchedTo(time(searchedTo))}</p>}
      {loadMoreError && (
        <p class="warning" role="alert">
          {text.loadFailed}
        </p>
      )}
      <button type="button" onClick={loadMore} aria-disabled={isLoadingMore} aria-busy={isLoadingMore}>
        {isLoadingMore ? text.loading : isEmpty ? text.searchFurther : text.loadMore}
      </button>
    </div>
  );
}
