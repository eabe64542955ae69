import type { Command } from 'commander';
import { timeArgument, withCallFilter, withDeployment, withExamples } from './command-options.ts';
import type { StatsOptions } from './parsed-options.ts';

export function addStats(program: Command): void {
  withExamples(
    withDeployment(
      withCallFilter(
        program
          .command('stats')
          .description('calls, errors, durations, users and sessions, by time, tool, client and outcome')
          .option('--since <time>', 'start: 30m, 24h, 7d, 2026-11-01 (default: 24h)', timeArgument)
          .option('--until <time>', 'end (default: now)', timeArgument),
      ),
    ),
    'stats',
    'stats --since 30d --tool note',
    'stats --since 7d --json | jq .totals.durations.p95',
  ).action(async (options: StatsOptions) => (await import('../actions/stats-action.ts')).showStats(options));
}
