import { useEffect, useRef, useState } from 'preact/hooks';
import type { ResultPage } from '../core/dashboard/dashboard-api.ts';
import { type ApiRequestError, get } from './api-client.ts';
import { type LiveQuery, useLiveQuery } from './live-query.ts';

const FIRST_PAGE_SIZE = 50;
const NEXT_PAGE_SIZE = 200;
/** How many pages to load between the first page and the loaded items before discarding these. */
const MAX_GAP_PAGES = 5;

type LoadedItems<T> = {
  key: string;
  items: T[];
  /** The next page, and the query that it belongs to. */
  cursor?: { query: URLSearchParams; after: string };
  searchedTo?: number | undefined;
  /** Whether the user has loaded more than the first page. */
  isExtended: boolean;
};

export type PagedList<T> = Omit<LiveQuery<unknown>, 'data'> & {
  items: T[] | undefined;
  searchedTo: number | undefined;
  hasMore: boolean;
  isLoadingMore: boolean;
  loadMoreError: ApiRequestError | undefined;
  loadMore(): void;
};

/**
 * A list that grows at the start while live, and at the end on request. A refresh loads the first page only: new items
 * are added before the loaded ones.
 * @param query the query of a first page, called for each one because its period moves on
 */
export function usePagedList<T>(
  path: string,
  key: string,
  query: () => URLSearchParams,
  idOf: (item: T) => string,
  { isLive }: { isLive: boolean },
): PagedList<T> {
  const loaded = useRef<LoadedItems<T>>({ key, items: [], isExtended: false });
  const abort = useRef(new AbortController());
  const [loading, setLoading] = useState<{ isLoadingMore: boolean; error?: ApiRequestError }>({ isLoadingMore: false });

  useEffect(() => {
    abort.current = new AbortController();
    setLoading({ isLoadingMore: false });
    return () => abort.current.abort();
  }, [key]);

  const live = useLiveQuery<LoadedItems<T>>(
    key,
    (signal) => {
      const load = (parameters: URLSearchParams) => get<ResultPage<T>>(path, parameters, signal);
      return loadFirstPage(load, query(), loaded, key, idOf);
    },
    { isLive },
  );

  const loadMore = async () => {
    const { cursor } = loaded.current;
    if (!cursor || loading.isLoadingMore) return;
    const { signal } = abort.current;
    // From now on, a refresh must keep the items that move out of the first page.
    loaded.current = { ...loaded.current, isExtended: true };
    setLoading({ isLoadingMore: true });
    try {
      const page = await get<ResultPage<T>>(path, nextPageOf(cursor.query, cursor.after), signal);
      loaded.current = {
        key,
        items: union(loaded.current.items, page.items, idOf),
        ...(page.next !== undefined && { cursor: { query: cursor.query, after: page.next } }),
        searchedTo: page.searchedTo,
        isExtended: true,
      };
      setLoading({ isLoadingMore: false });
    } catch (error) {
      if (!signal.aborted) setLoading({ isLoadingMore: false, error: error as ApiRequestError });
    }
  };

  const shown = live.data && (loaded.current.key === key ? loaded.current : live.data);
  return {
    ...live,
    items: shown?.items,
    searchedTo: shown?.searchedTo,
    hasMore: shown?.cursor !== undefined,
    isLoadingMore: loading.isLoadingMore,
    loadMoreError: loading.error,
    loadMore,
  };
}

/**
 * Loads the first page into `loaded`. If the user has loaded more pages, keeps their items, and loads the pages between;
 * if there are too many, keeps only the new items.
 * @param loaded read and written without `await` between, because `loadMore` changes it meanwhile
 */
async function loadFirstPage<T>(
  load: (query: URLSearchParams) => Promise<ResultPage<T>>,
  query: URLSearchParams,
  loaded: { current: LoadedItems<T> },
  key: string,
  idOf: (item: T) => string,
): Promise<LoadedItems<T>> {
  query.set('limit', String(FIRST_PAGE_SIZE));
  let page = await load(query);
  const items = [...page.items];
  if (loaded.current.key === key && loaded.current.isExtended) {
    const ids = new Set(loaded.current.items.map(idOf));
    const overlaps = () => items.some((item) => ids.has(idOf(item)));
    for (let count = 0; page.next !== undefined && !overlaps() && count < MAX_GAP_PAGES; count++) {
      page = await load(nextPageOf(query, page.next));
      items.push(...page.items);
    }
    if (page.next === undefined || overlaps()) {
      loaded.current = { ...loaded.current, items: union(items, loaded.current.items, idOf) };
      return loaded.current;
    }
  }
  loaded.current = {
    key,
    items,
    ...(page.next !== undefined && { cursor: { query, after: page.next } }),
    ...(page.searchedTo !== undefined && { searchedTo: page.searchedTo }),
    isExtended: false,
  };
  return loaded.current;
}

function nextPageOf(query: URLSearchParams, after: string): URLSearchParams {
  const next = new URLSearchParams(query);
  next.set('after', after);
  next.set('limit', String(NEXT_PAGE_SIZE));
  return next;
}

function union<T>(first: T[], second: T[], idOf: (item: T) => string): T[] {
  const ids = new Set(first.map(idOf));
  return [...first, ...second.filter((item) => !ids.has(idOf(item)))];
}
