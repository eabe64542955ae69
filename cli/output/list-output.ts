import type { ListedPage } from '../../lambda/core/admin/directory.ts';
import { json } from './plain-text.ts';
import { say, write } from './terminal.ts';
import { type Column, TableText } from './text-table.ts';

/** Shows a list as it comes, as a table or as one JSON object. @param none what a person reads when it is empty */
export async function showList<T>(
  found: AsyncIterable<ListedPage<T>>,
  columns: Column<T>[],
  { asJson, none }: { asJson?: boolean | undefined; none: string },
): Promise<void> {
  await (asJson ? showJson(found) : showTable(found, columns, none));
}

async function showTable<T>(found: AsyncIterable<ListedPage<T>>, columns: Column<T>[], none: string): Promise<void> {
  const table = new TableText(columns);
  let shown = 0;
  let next: string | undefined;
  for await (const page of found) {
    if (page.items.length > 0) await write(table.lines(page.items));
    shown += page.items.length;
    next = page.next;
  }
  if (shown === 0) say(none);
  if (next !== undefined) say(`There may be more: --all shows everything, --after '${next}' goes on here.`);
}

async function showJson<T>(found: AsyncIterable<ListedPage<T>>): Promise<void> {
  let before = '{"items":[';
  let next: string | undefined;
  for await (const page of found) {
    for (const item of page.items) {
      await write(`${before}${json(item)}`);
      before = ',';
    }
    next = page.next;
  }
  const begun = before === ',' ? '' : before;
  await write(`${begun}]${next === undefined ? '' : `,"next":${json(next)}`}}\n`);
}
