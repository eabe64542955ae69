import type { ListedPage, ListOptions } from '../../lambda/core/admin/directory.ts';

/** How much of a list to read. `after` is `next` of an earlier page. */
export type ListPaging = { limit: number; all?: boolean; after?: string };

/** The most items of one request. */
const LARGEST_PAGE = 200;

/**
 * Reads the pages of a list up to the limit. A page of the source can be short or empty although more follow; empty ones
 * are skipped, and `next` of the last page continues where it ends.
 */
export async function* pages<T>(
  source: (options: ListOptions) => Promise<ListedPage<T>>,
  { limit, all = false, after }: ListPaging,
): AsyncGenerator<ListedPage<T>> {
  let next = after;
  let remaining = all ? Number.POSITIVE_INFINITY : limit;
  do {
    const page: ListedPage<T> = await source({ limit: Math.min(remaining, LARGEST_PAGE), after: next });
    remaining -= page.items.length;
    next = page.next;
    if (page.items.length > 0 || next === undefined || remaining <= 0) yield page;
  } while (next !== undefined && remaining > 0);
}

/** The items of all pages. */
export async function* allItems<T>(source: (options: ListOptions) => Promise<ListedPage<T>>): AsyncGenerator<T> {
  for await (const { items } of pages(source, { limit: LARGEST_PAGE, all: true })) yield* items;
}

/** The same list with only the items that match. */
export const filtered =
  <T>(source: (options: ListOptions) => Promise<ListedPage<T>>, matches: (item: T) => boolean) =>
  async (options: ListOptions): Promise<ListedPage<T>> => {
    const page = await source(options);
    return { ...page, items: page.items.filter(matches) };
  };
