import { type Command, Option } from 'commander';
import { timeArgument, withCallFilter, withDeployment, withExamples, withPaging } from './command-options.ts';
import { type CallExportOptions, type CallListOptions, exportFormats, outcomes } from './parsed-options.ts';

const actions = () => import('../actions/call-actions.ts');

export function addCalls(program: Command): void {
  const calls = program.command('calls').description('list and export tool calls of the audit log');

  withExamples(
    withDeployment(withPaging(withSelection(calls.command('list').description('list calls, newest first')))),
    'calls list --since 1h --outcome error',
    'calls list --user ada@example.com --tool note --since 2026-11-01 --until 2026-11-08 --all',
    'calls list --session 0Y8Yw3iV0m3Wm6Zy8b2b5g --json',
  ).action(async (options: CallListOptions) => (await actions()).listCalls(options));

  withExamples(
    withDeployment(
      withSelection(
        calls
          .command('export')
          .description('export all matching calls, newest first, as CSV or as JSON Lines')
          .addOption(new Option('--format <format>', 'file format').choices(exportFormats).makeOptionMandatory())
          .option('--output <file>', 'file to write (default: standard output)'),
      ),
    ),
    'calls export --format csv --since 7d --output calls.csv',
    'calls export --format jsonl --outcome refused | jq -r .message | sort | uniq -c',
  ).action(async (options: CallExportOptions) => (await actions()).exportCalls(options));
}

const withSelection = (command: Command): Command =>
  withCallFilter(command)
    .addOption(
      new Option('--outcome <outcome>', 'outcome; error is every one but success and cancelled').choices(outcomes),
    )
    .option('--session <id>', 'calls of one session')
    .option('--since <time>', 'ended since: 30m, 24h, 7d, 2026-11-01 (default: the whole audit log)', timeArgument)
    .option('--until <time>', 'ended before (default: now)', timeArgument);
