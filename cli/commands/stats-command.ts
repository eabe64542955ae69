import type { Command } from 'commander';
import { overview } from '../../lambda/core/dashboard/dashboard-overview.ts';
import { statisticsText } from '../output/metrics-text.ts';
import { json } from '../output/plain-text.ts';
import { write } from '../output/terminal.ts';
import { range } from '../output/time-text.ts';
import { openDeployment } from '../target/deployment.ts';
import { resolveUserIfGiven } from '../target/user-selection.ts';
import { type Common, common, examples } from './command-options.ts';

export function addStats(program: Command): void {
  examples(
    common(
      program
        .command('stats')
        .description('how many calls, how long they took, what came of them')
        .option('--since <time>', 'since then: 24h, 7d, 2026-11-01', '24h')
        .option('--until <time>', 'before then (now)')
        .option('--user <user>', 'key, beginning of the key (6 characters or more), or name')
        .option('--client <name>', 'as the client calls itself, or else its id')
        .option('--tool <name>', 'of a tool, or of a method'),
    ),
    'stats',
    'stats --since 30d --tool note',
    'stats --since 7d --json | jq .totals.durations.p95',
  ).action(stats);
}

type Options = Common & { since: string; until?: string; user?: string; client?: string; tool?: string };

async function stats(options: Options): Promise<void> {
  const { from, to } = range(options.since, options.until, Date.now());
  const deployment = await openDeployment(options);
  const { client, tool } = options;
  const user = await resolveUserIfGiven(deployment, options.user);
  const found = await overview(deployment, { from, to, user, client, tool });
  await write(options.json ? `${json(found)}\n` : statisticsText(found));
}
