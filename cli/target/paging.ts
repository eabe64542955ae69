import type { ListedPage, ListOptions } from '../../lambda/core/admin/directory.ts';
import { UsageError } from '../usage-error.ts';

/** How much of a list is wanted. */
export type Paging = { limit: number; all?: boolean; after?: string };

/** What is asked for at once where everything is. */
const AT_ONCE = 200;

/** @throws Misuse for what is no number of items */
export function limit(text: string): number {
  const number = Number(text);
  if (!/^\d{1,7}$/.test(text) || number < 1) {
    throw new UsageError(`--limit is ${JSON.stringify(text)}: write a number from 1, or --all for everything`);
  }
  return number;
}

/**
 * The pages of a list until there is as much as wanted. A page of the source may be short, or empty, though more follow:
 * those that come out here are not, and `next` of the last one goes on where it ends.
 */
export async function* pages<T>(
  source: (options: ListOptions) => Promise<ListedPage<T>>,
  { limit, all = false, after }: Paging,
): AsyncGenerator<ListedPage<T>> {
  let next = after;
  let wanted = all ? Number.POSITIVE_INFINITY : limit;
  do {
    const page: ListedPage<T> = await source({ limit: Math.min(wanted, AT_ONCE), after: next });
    wanted -= page.items.length;
    next = page.next;
    if (page.items.length > 0 || next === undefined || wanted <= 0) yield page;
  } while (next !== undefined && wanted > 0);
}

/** The items of all pages. */
export async function* everyOf<T>(source: (options: ListOptions) => Promise<ListedPage<T>>): AsyncGenerator<T> {
  for await (const { items } of pages(source, { limit: AT_ONCE, all: true })) yield* items;
}

/** The items that pass, page by page. */
export const only =
  <T>(source: (options: ListOptions) => Promise<ListedPage<T>>, passes: (item: T) => boolean) =>
  async (options: ListOptions): Promise<ListedPage<T>> => {
    const page = await source(options);
    return { ...page, items: page.items.filter(passes) };
  };
