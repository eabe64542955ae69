import { overview } from '../../lambda/core/dashboard/dashboard-overview.ts';
import { printableJson } from '../../lambda/core/support/untrusted-text.ts';
import type { StatsOptions } from '../commands/parsed-options.ts';
import { metricsText } from '../output/metrics-text.ts';
import { write } from '../output/terminal.ts';
import { timeRange } from '../target/call-selection.ts';
import { openDeployment } from '../target/deployment.ts';
import { resolveUserIfGiven } from '../target/user-selection.ts';

const DAY_MILLISECONDS = 86_400_000;

export async function showStats(options: StatsOptions): Promise<void> {
  const now = Date.now();
  const { from, to } = timeRange({ since: now - DAY_MILLISECONDS, ...options }, now);
  const deployment = await openDeployment(options);
  const { client, clientInfo, tool } = options;
  const user = await resolveUserIfGiven(deployment, options.user);
  const metrics = await overview(deployment, { from, to, user, client, clientInfo, tool });
  await write(options.json ? `${printableJson(metrics)}\n` : metricsText(metrics));
}
