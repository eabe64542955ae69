import { useEffect, useRef, useState } from 'preact/hooks';
import type { ResultPage } from '../core/dashboard/dashboard-api.ts';
import { type Failure, get } from './api-client.ts';
import { type Live, useLive } from './live-data.ts';

const FIRST = 50;
const MORE = 200;
/** After so many pages without meeting what is on the screen, that is given up. */
const BRIDGES = 5;

type Known<T> = {
  key: string;
  items: T[];
  /** Where the next page is, and of which question. */
  cursor?: { query: URLSearchParams; after: string };
  searchedTo?: number;
  /** Whether the reader has asked for more than the first page. */
  isExtended: boolean;
};

export type Pages<T> = Omit<Live<unknown>, 'data'> & {
  items: T[] | undefined;
  searchedTo: number | undefined;
  hasMore: boolean;
  isLoadingMore: boolean;
  moreFailure: Failure | undefined;
  more(): void;
};

/**
 * A list that grows at its top by itself and at its end when asked. Only the first page is asked for again: what comes
 * new is put before what was there, which stays.
 * @param query is called for each first page, since the time that is looked at moves on
 */
export function usePages<T>(
  path: string,
  key: string,
  query: () => URLSearchParams,
  idOf: (item: T) => string,
  { isLive }: { isLive: boolean },
): Pages<T> {
  const known = useRef<Known<T>>({ key, items: [], isExtended: false });
  const leaving = useRef(new AbortController());
  const [loading, setLoading] = useState<{ isLoadingMore: boolean; failure?: Failure }>({ isLoadingMore: false });

  useEffect(() => {
    leaving.current = new AbortController();
    setLoading({ isLoadingMore: false });
    return () => leaving.current.abort();
  }, [key]);

  const live = useLive<Known<T>>(
    key,
    async (signal) => {
      const asked = query();
      asked.set('limit', String(FIRST));
      let page = await get<ResultPage<T>>(path, asked, signal);
      const fresh = [...page.items];
      if (known.current.key === key && known.current.isExtended) {
        const ids = new Set(known.current.items.map(idOf));
        const meets = () => fresh.some((item) => ids.has(idOf(item)));
        for (let bridge = 0; page.next !== undefined && !meets() && bridge < BRIDGES; bridge++) {
          page = await get<ResultPage<T>>(path, following(asked, page.next), signal);
          fresh.push(...page.items);
        }
        if (page.next === undefined || meets()) {
          known.current = { ...known.current, items: union(fresh, known.current.items, idOf) };
          return known.current;
        }
      }
      known.current = {
        key,
        items: fresh,
        ...(page.next !== undefined && { cursor: { query: asked, after: page.next } }),
        ...(page.searchedTo !== undefined && { searchedTo: page.searchedTo }),
        isExtended: false,
      };
      return known.current;
    },
    { isLive },
  );

  const more = async () => {
    const { cursor } = known.current;
    if (!cursor || loading.isLoadingMore) return;
    const { signal } = leaving.current;
    // From now on a refresh must not drop what falls off the first page.
    known.current = { ...known.current, isExtended: true };
    setLoading({ isLoadingMore: true });
    try {
      const page = await get<ResultPage<T>>(path, following(cursor.query, cursor.after), signal);
      known.current = {
        key,
        items: union(known.current.items, page.items, idOf),
        ...(page.next !== undefined && { cursor: { query: cursor.query, after: page.next } }),
        searchedTo: page.searchedTo ?? known.current.searchedTo,
        isExtended: true,
      };
      setLoading({ isLoadingMore: false });
    } catch (error) {
      if (!signal.aborted) setLoading({ isLoadingMore: false, failure: error as Failure });
    }
  };

  const shown = live.data && (known.current.key === key ? known.current : live.data);
  return {
    ...live,
    items: shown?.items,
    searchedTo: shown?.searchedTo,
    hasMore: shown?.cursor !== undefined,
    isLoadingMore: loading.isLoadingMore,
    moreFailure: loading.failure,
    more,
  };
}

function following(query: URLSearchParams, after: string): URLSearchParams {
  const next = new URLSearchParams(query);
  next.set('after', after);
  next.set('limit', String(MORE));
  return next;
}

function union<T>(first: T[], second: T[], idOf: (item: T) => string): T[] {
  const ids = new Set(first.map(idOf));
  return [...first, ...second.filter((item) => !ids.has(idOf(item)))];
}
