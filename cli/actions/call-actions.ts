import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { CallExportOptions, CallListOptions } from '../commands/parsed-options.ts';
import { exportedCalls, exportHeader } from '../output/call-export.ts';
import { callColumns } from '../output/list-columns.ts';
import { showList } from '../output/list-output.ts';
import { notify, progressLine, write } from '../output/terminal.ts';
import { timeToSecond } from '../output/time-text.ts';
import { selectCalls } from '../target/call-selection.ts';
import { pages } from '../target/paging.ts';

export async function listCalls(options: CallListOptions): Promise<void> {
  const calls = await selectCalls(options);
  await showList(pages(calls, options), callColumns, { asJson: options.json, ifEmpty: 'No calls.' });
}

export async function exportCalls(options: CallExportOptions): Promise<void> {
  const calls = await selectCalls(options);
  const file = options.output === undefined ? undefined : await openFile(options.output);
  const out = file ?? process.stdout;
  const progress = progressLine();
  let count = 0;
  try {
    await write(exportHeader(options.format), out);
    for await (const { items } of pages(calls, { limit: 1, all: true })) {
      await write(exportedCalls(options.format, items), out);
      count += items.length;
      if (items.length > 0) progress.show(`${count} calls, back to ${timeToSecond(items.at(-1)!.at)}`);
    }
    if (file) {
      file.end();
      await finished(file);
    }
  } finally {
    progress.clear();
  }
  if (file) notify(`Exported ${count} calls to ${options.output}.`);
}

/** Readable by the operator only, like the audit log itself. */
async function openFile(path: string) {
  const file = createWriteStream(path, { mode: 0o600 });
  try {
    await once(file, 'open');
    return file;
  } catch (error) {
    throw new ConfigurationError(`--output: ${(error as Error).message}`, { cause: error });
  }
}
