import type { Command } from 'commander';
import type { GrantRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { showList } from '../output/list-output.ts';
import { json, plain } from '../output/plain-text.ts';
import { askFor, progressLine, report, write } from '../output/terminal.ts';
import { type Deployment, openDeployment } from '../target/deployment.ts';
import {
  grantColumns,
  grantsOn,
  liveGrant,
  liveGrants,
  type RevocationTarget,
  revokeTarget,
  targetText,
} from '../target/grant-selection.ts';
import { only, pages } from '../target/paging.ts';
import { resolveUserIfGiven } from '../target/user-selection.ts';
import { UsageError } from '../usage-error.ts';
import { type Common, common, examples, type PagingOptions, paged, withYes } from './command-options.ts';

const statuses = ['active', 'revoked', 'expired'] as const satisfies GrantRow['status'][];
type Status = (typeof statuses)[number];

/** Grants that are named before they end; of more, how many there are. */
const MOST_NAMED = 10;

export function addClients(program: Command): void {
  const clients = program
    .command('clients')
    .description('which clients users have let in: their grants')
    .summary('list, revoke: which clients users have let in: their grants');

  examples(
    common(
      paged(
        clients
          .command('list')
          .description('grants, the latest first: each lets one client in, for one user')
          .option('--user <user>', 'key, beginning of the key (6 characters or more), or name')
          .option('--status <status>', statuses.join(', '), status),
      ),
    ),
    'clients list --status active',
    'clients list --user ada@example.com --json',
  ).action(list);

  examples(
    withYes(
      common(
        clients
          .command('revoke [grant]')
          .description('shuts clients out at their next request: one grant, all of a user, or all of a client')
          .option('--user <user>', 'all grants of a user: key, beginning of the key (6 characters or more), or name')
          .option('--client <client id>', 'all grants of a client, of every user'),
      ),
    ),
    'clients revoke f3Jb1nV0m3Wm6Zy8b2b5gA',
    'clients revoke --user ada@example.com',
    'clients revoke --client https://claude.ai/oauth/client.json --yes',
  ).action(revoke);
}

/** @throws Misuse */
function status(text: string): Status {
  const found = statuses.find((each) => each === text);
  if (found === undefined)
    throw new UsageError(`--status is ${JSON.stringify(text)}: write one of ${statuses.join(', ')}`);
  return found;
}

async function list(options: Common & PagingOptions & { user?: string; status?: Status }): Promise<void> {
  const deployment = await openDeployment(options);
  const user = await resolveUserIfGiven(deployment, options.user);
  const all = grantsOn(deployment, user);
  const source = options.status === undefined ? all : only(all, ({ status }) => status === options.status);
  await showList(pages(source, options), grantColumns, {
    asJson: options.json,
    none: deployment.isDirect
      ? 'No grants: in direct mode they are at the identity provider. npx holdfast sessions show names the one of a session.'
      : 'No grants.',
  });
}

async function revoke(
  grant: string | undefined,
  options: Common & { user?: string; client?: string; yes?: boolean },
): Promise<void> {
  if ([grant, options.user, options.client].filter((each) => each !== undefined).length !== 1) {
    throw new UsageError('Say what is to be revoked: a grant, or --user, or --client (--help has examples)');
  }
  const deployment = await openDeployment(options);
  const targets = await targetsOf(deployment, grant, options);
  if (targets.length > 0) await askFor({ about: aboutAll(targets), answer: 'yes' }, options.yes);
  const line = progressLine();
  let revoked = 0;
  for (const target of targets) {
    if (await revokeTarget(deployment, target)) revoked++;
    line.show(`${revoked} of ${targets.length} revoked`);
  }
  line.clear();
  if (options.json)
    return write(`${json({ revoked })}
`);
  report(
    revoked === 0
      ? 'There was nothing to revoke: it has ended before.'
      : `${grants(revoked)} revoked: refused from the next request on.`,
    false,
  );
}

async function targetsOf(
  deployment: Deployment,
  grant: string | undefined,
  { user, client }: { user?: string; client?: string },
): Promise<RevocationTarget[]> {
  if (grant === undefined) {
    return liveGrants(deployment, { user: await resolveUserIfGiven(deployment, user), client });
  }
  const found = await liveGrant(deployment, grant);
  return found ? [found] : [];
}

const grants = (count: number) => (count === 1 ? '1 grant' : `${count} grants`);

function aboutAll(targets: RevocationTarget[]): string[] {
  const named = targets.slice(0, MOST_NAMED).map((target) => plain(`  ${targetText(target)}`));
  const more = targets.length - named.length;
  return [`This ends ${grants(targets.length)} for good:`, ...named, ...(more > 0 ? [`  and ${more} more`] : [])];
}
