import { filtered, pages } from '../../cli/target/paging.ts';
import type { ListedPage, ListOptions } from '../../lambda/core/admin/directory.ts';

/** A list whose pages, like those of the table, can be shorter than requested, even empty, before the end. */
const numbers =
  (count: number, most = 3) =>
  async ({ limit, after = '-1' }: ListOptions): Promise<ListedPage<number>> => {
    const first = Number(after) + 1;
    const items = Array.from({ length: Math.min(limit, most, count - first) }, (_, index) => first + index);
    const last = items.at(-1) ?? first;
    return { items, ...(last < count - 1 && { next: String(last) }) };
  };

async function read<T>(pagesOfList: AsyncIterable<ListedPage<T>>): Promise<{ items: T[]; next?: string }> {
  const all: T[] = [];
  let next: string | undefined;
  for await (const page of pagesOfList) {
    all.push(...page.items);
    next = page.next;
  }
  return { items: all, ...(next !== undefined && { next }) };
}

describe('pages', () => {
  test('reads up to the limit and returns where to continue', async () => {
    const first = await read(pages(numbers(10), { limit: 5 }));
    expect(first).toEqual({ items: [0, 1, 2, 3, 4], next: '4' });
    expect(await read(pages(numbers(10), { limit: 5, after: first.next }))).toEqual({ items: [5, 6, 7, 8, 9] });
  });

  test('reads everything with all', async () => {
    expect((await read(pages(numbers(1000), { limit: 1, all: true }))).items).toHaveLength(1000);
    expect(await read(pages(numbers(0), { limit: 5, all: true }))).toEqual({ items: [] });
  });

  test('skips pages without a matching item', async () => {
    const last = filtered(numbers(10), (number) => number === 9);
    expect(await read(pages(last, { limit: 1 }))).toEqual({ items: [9] });
  });
});
