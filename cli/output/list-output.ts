import type { ListedPage } from '../../lambda/core/admin/directory.ts';
import { printableJson } from '../../lambda/core/support/untrusted-text.ts';
import { notify, write } from './terminal.ts';
import { type Column, TextTable } from './text-table.ts';

/** Prints a list page by page, as a table or as one JSON object. @param ifEmpty message in place of an empty table */
export async function showList<T>(
  pages: AsyncIterable<ListedPage<T>>,
  columns: Column<T>[],
  { asJson, ifEmpty }: { asJson?: boolean | undefined; ifEmpty: string },
): Promise<void> {
  await (asJson ? showJson(pages) : showTable(pages, columns, ifEmpty));
}

async function showTable<T>(pages: AsyncIterable<ListedPage<T>>, columns: Column<T>[], ifEmpty: string): Promise<void> {
  const table = new TextTable(columns);
  let count = 0;
  let next: string | undefined;
  for await (const page of pages) {
    if (page.items.length > 0) await write(table.lines(page.items));
    count += page.items.length;
    next = page.next;
  }
  if (count === 0) notify(ifEmpty);
  if (next !== undefined) notify(`More items may follow: --after '${next}' continues here, --all lists everything.`);
}

async function showJson<T>(pages: AsyncIterable<ListedPage<T>>): Promise<void> {
  let prefix = '{"items":[';
  let next: string | undefined;
  for await (const page of pages) {
    for (const item of page.items) {
      await write(`${prefix}${printableJson(item)}`);
      prefix = ',';
    }
    next = page.next;
  }
  const start = prefix === ',' ? '' : prefix;
  await write(`${start}]${next === undefined ? '' : `,"next":${printableJson(next)}`}}\n`);
}
