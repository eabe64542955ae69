import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import type { Filter } from '../../lambda/core/dashboard/dashboard-api.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { callColumns, callsOn, outcome } from '../output/call-columns.ts';
import { exported, type Format, formats, head } from '../output/call-export.ts';
import { showList } from '../output/list-output.ts';
import { progressLine, say, write } from '../output/terminal.ts';
import { exactTime, range } from '../output/time-text.ts';
import { type Deployment, openDeployment } from '../target/deployment.ts';
import { pages } from '../target/paging.ts';
import { resolveUserIfGiven } from '../target/user-selection.ts';
import { UsageError } from '../usage-error.ts';
import { type Common, common, examples, type PagingOptions, paged } from './command-options.ts';

type FilterOptions = Common & {
  user?: string;
  client?: string;
  tool?: string;
  outcome?: Filter['outcome'];
  session?: string;
  since?: string;
  until?: string;
};

const filtered = (command: Command): Command =>
  command
    .option('--user <user>', 'key, beginning of the key (6 characters or more), or name')
    .option('--client <name>', 'as the client calls itself, or else its id')
    .option('--tool <name>', 'of a tool, or of a method')
    .option(
      '--outcome <outcome>',
      'success, tool-error, protocol-error, refused, timed-out, or error: each but success',
      outcome,
    )
    .option('--session <id>', 'of this session')
    .option('--since <time>', 'ended since then: 24h, 7d, 2026-11-01 (as long as calls are kept)')
    .option('--until <time>', 'ended before then (now)');

export function addCalls(program: Command): void {
  const calls = program.command('calls').description('what was called').summary('list, export: what was called');

  examples(
    common(paged(filtered(calls.command('list').description('calls, newest first')))),
    'calls list --since 1h --outcome error',
    'calls list --user ada@example.com --tool note --since 2026-11-01 --until 2026-11-08 --all',
    'calls list --session 0Y8Yw3iV0m3Wm6Zy8b2b5g --json',
  ).action(list);

  examples(
    common(
      filtered(
        calls
          .command('export')
          .description('all calls in the time, newest first, however many they are')
          .requiredOption('--format <format>', formats.join(' or '), format)
          .option('--output <file>', 'a file to write to, in place of stdout'),
      ),
    ),
    'calls export --format csv --since 7d --output calls.csv',
    'calls export --format jsonl --outcome refused | jq -r .message | sort | uniq -c',
  ).action(exportCalls);
}

/** @throws Misuse */
function format(text: string): Format {
  const found = formats.find((each) => each === text);
  if (found === undefined) throw new UsageError(`--format is ${JSON.stringify(text)}: write ${formats.join(' or ')}`);
  return found;
}

async function wanted(options: FilterOptions): Promise<{ deployment: Deployment; filter: Filter }> {
  // What is wrong with the command itself is said before anything is asked for.
  const { from, to } = range(options.since, options.until, Date.now());
  const deployment = await openDeployment(options);
  const { client, tool, outcome } = options;
  const user = await resolveUserIfGiven(deployment, options.user);
  return { deployment, filter: { from, to, user, client, tool, outcome } };
}

async function list(options: FilterOptions & PagingOptions): Promise<void> {
  const { deployment, filter } = await wanted(options);
  await showList(pages(callsOn(deployment, filter, options.session), options), callColumns, {
    asJson: options.json,
    none: 'No calls.',
  });
}

async function exportCalls(options: FilterOptions & { format: Format; output?: string }): Promise<void> {
  const { deployment, filter } = await wanted(options);
  const file = options.output === undefined ? undefined : await opened(options.output);
  const out = file ?? process.stdout;
  const line = progressLine();
  let count = 0;
  try {
    await write(head(options.format), out);
    const all = pages(callsOn(deployment, filter, options.session), { limit: 1, all: true });
    for await (const { items } of all) {
      await write(exported(options.format, items), out);
      count += items.length;
      if (items.length > 0) line.show(`${count} calls, back to ${exactTime(items.at(-1)!.at)}`);
    }
    if (file) {
      file.end();
      await finished(file);
    }
  } finally {
    line.clear();
  }
  if (file) say(`${count} calls are in ${options.output}.`);
}

/** Whoever may read the calls is the owner, so others on this computer may not read the file. */
async function opened(path: string) {
  const file = createWriteStream(path, { mode: 0o600 });
  try {
    await once(file, 'open');
    return file;
  } catch (error) {
    throw new ConfigurationError(`--output: ${(error as Error).message}`, { cause: error });
  }
}
