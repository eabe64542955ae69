import { revokeUser } from '../../lambda/core/admin/revocation.ts';
import { printableJson } from '../../lambda/core/support/untrusted-text.ts';
import { UsageError } from '../command-errors.ts';
import type { ClientListOptions, ClientRevokeOptions } from '../commands/parsed-options.ts';
import { grantColumns } from '../output/list-columns.ts';
import { showList } from '../output/list-output.ts';
import { confirm, progressLine, report, write } from '../output/terminal.ts';
import { type Deployment, openDeployment } from '../target/deployment.ts';
import {
  grantLabel,
  grantsOf,
  liveGrant,
  liveGrants,
  type RevocableGrant,
  revokeGrant,
} from '../target/grant-selection.ts';
import { filtered, pages } from '../target/paging.ts';
import { resolveUser, resolveUserIfGiven } from '../target/user-selection.ts';

export async function listClients(options: ClientListOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const user = await resolveUserIfGiven(deployment, options.user);
  const all = grantsOf(deployment, user);
  const grants = options.status === undefined ? all : filtered(all, ({ status }) => status === options.status);
  await showList(pages(grants, options), grantColumns, {
    asJson: options.json,
    ifEmpty: deployment.isDirect
      ? 'No grants: in direct mode the identity provider keeps them. npx holdfast sessions show prints the grant of a session.'
      : 'No grants.',
  });
}

export async function revokeClients(grant: string | undefined, options: ClientRevokeOptions): Promise<void> {
  if ([grant, options.user, options.client].filter((target) => target !== undefined).length !== 1) {
    throw new UsageError('Pass one of: a grant id, --user, --client (--help has examples)');
  }
  const deployment = await openDeployment(options);
  const grants = await selectGrants(deployment, grant, options);
  if (options.user !== undefined && !deployment.isDirect) {
    const effect = [...effectOf(grants), 'Ends every dashboard session of the user.'];
    await confirm({ effect, expected: 'yes' }, options.yes);
    return revokeAllOf(deployment, options);
  }
  if (grants.length > 0) await confirm({ effect: effectOf(grants), expected: 'yes' }, options.yes);
  const progress = progressLine();
  let revoked = 0;
  for (const { id } of grants) {
    if (await revokeGrant(deployment, id)) revoked++;
    progress.show(`${revoked} of ${grants.length} revoked`);
  }
  progress.clear();
  if (options.user !== undefined) {
    await deployment.revocation.endDashboardSessionsOf(await resolveUser(deployment, options.user));
  }
  if (options.json) return write(`${printableJson({ revoked })}\n`);
  report(
    revoked === 0
      ? 'No live grant; nothing revoked.'
      : `${countOf(revoked)} revoked: rejected from the next request on.`,
    false,
  );
}

/** Ends every credential of a user. */
async function revokeAllOf(deployment: Deployment, { user, json }: ClientRevokeOptions): Promise<void> {
  const { grants, dashboardSessions } = await revokeUser(
    await resolveUser(deployment, user!),
    deployment,
    deployment.seconds(),
  );
  const ended = dashboardSessions > 0 && { dashboardSessions };
  if (json) return write(`${printableJson({ revoked: grants, ...ended })}\n`);
  const sessions =
    dashboardSessions === 1 ? ' and 1 dashboard session' : ` and ${dashboardSessions} dashboard sessions`;
  report(
    grants + dashboardSessions === 0
      ? 'No live grant; nothing revoked.'
      : `${countOf(grants)}${ended ? sessions : ''} revoked: rejected from the next request on.`,
    false,
  );
}

async function selectGrants(
  deployment: Deployment,
  id: string | undefined,
  { user, client }: ClientRevokeOptions,
): Promise<RevocableGrant[]> {
  if (id === undefined) {
    return liveGrants(deployment, { user: await resolveUserIfGiven(deployment, user), client });
  }
  const grant = await liveGrant(deployment, id);
  return grant ? [grant] : [];
}

const countOf = (count: number) => (count === 1 ? '1 grant' : `${count} grants`);

/** The most grants that a confirmation names. */
const MOST_NAMED = 10;

function effectOf(grants: RevocableGrant[]): string[] {
  const named = grants.slice(0, MOST_NAMED).map((grant) => `  ${grantLabel(grant)}`);
  const more = grants.length - named.length;
  return [`Revokes ${countOf(grants.length)} permanently:`, ...named, ...(more > 0 ? [`  and ${more} more`] : [])];
}
