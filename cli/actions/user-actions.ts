import { setTimeout as sleep } from 'node:timers/promises';
import type { ListOptions } from '../../lambda/core/admin/directory.ts';
import { revokeUser } from '../../lambda/core/admin/revocation.ts';
import { userRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { printableJson, quotedName } from '../../lambda/core/support/untrusted-text.ts';
import type { UserEraseOptions, UserListOptions } from '../commands/parsed-options.ts';
import { userColumns } from '../output/list-columns.ts';
import { showList } from '../output/list-output.ts';
import { confirm, notify, progressLine, report, write } from '../output/terminal.ts';
import { type Deployment, openDeployment } from '../target/deployment.ts';
import { pages } from '../target/paging.ts';
import { resolveUser } from '../target/user-selection.ts';

/** Characters of the key that the operator types to confirm. */
const CONFIRMED_CHARACTERS = 8;

export async function listUsers(options: UserListOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const users = async (paging: ListOptions) => {
    const page = await deployment.directory.recentUsers(paging);
    return { ...page, items: await userRows(deployment, page.items) };
  };
  await showList(pages(users, options), userColumns(deployment.userNames !== undefined), {
    asJson: options.json,
    ifEmpty: deployment.isDirect
      ? 'No users: in direct mode users sign in at the identity provider. npx holdfast sessions list shows users with sessions.'
      : 'No users.',
  });
}

export async function eraseUser(given: string, options: UserEraseOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const user = await resolveUser(deployment, given);
  const [row] = await userRows(deployment, await deployment.directory.users([user]));
  const effect = [
    `Deletes all data of user ${user}${row?.userName === undefined ? '' : ` (${quotedName(row.userName)})`}:`,
    'grants, sessions, audit log and tool state. This cannot be undone.',
  ];
  await confirm({ effect, expected: user.slice(0, CONFIRMED_CHARACTERS) }, options.yes);
  const progress = progressLine();
  const { revoked, items } = await eraseAll(deployment, user, (count) => progress.show(`${count} items deleted`));
  progress.clear();
  if (options.json) await write(`${printableJson({ user, revoked, items })}\n`);
  if (items === 0) {
    notify(`No data of user ${user}.`);
    process.exitCode = 1;
    return;
  }
  const lines = [
    `Deleted ${items} items of user ${user} and revoked ${revoked === 1 ? '1 grant' : `${revoked} grants`}.`,
    'Logs keep the user key until their retention ends; point-in-time backups keep all data for up to 35 days.',
    ...(deployment.isDirect ? ['In direct mode, end the access of the user at the identity provider too.'] : []),
  ];
  for (const line of lines) report(line, options.json);
}

/** The most items of one erasure request, after which the progress is shown. */
const BATCH = 500;
/** Indexes lag behind the table: a repeated read finds the items that they did not list yet. */
const REPEAT_MILLISECONDS = 1000;

/** Revokes the access of a user first, so that no request adds items, then deletes until two reads find nothing. */
async function eraseAll(
  deployment: Deployment,
  user: string,
  progress: (items: number) => void,
): Promise<{ revoked: number; items: number }> {
  const { grants: revoked } = await revokeUser(user, deployment, deployment.seconds());
  let items = 0;
  for (let emptyReads = 0; emptyReads < 2; ) {
    const erased = await deployment.erasure.erase(user, BATCH, deployment.now());
    items += erased.items;
    progress(items);
    if (!erased.done) continue;
    emptyReads = erased.items === 0 ? emptyReads + 1 : 0;
    if (emptyReads < 2) await sleep(REPEAT_MILLISECONDS);
  }
  return { revoked, items };
}
