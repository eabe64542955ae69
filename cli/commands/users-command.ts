import type { Command } from 'commander';
import type { UserRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { userRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { showList } from '../output/list-output.ts';
import { brief, json, plain } from '../output/plain-text.ts';
import { askFor, progressLine, report, say, write } from '../output/terminal.ts';
import type { Column } from '../output/text-table.ts';
import { shortTime } from '../output/time-text.ts';
import { openDeployment } from '../target/deployment.ts';
import { pages } from '../target/paging.ts';
import { eraseAll } from '../target/user-erasure.ts';
import { resolveUser } from '../target/user-selection.ts';
import { type Common, common, ended, examples, type PagingOptions, paged, withYes } from './command-options.ts';

/** Characters of the key that have to be typed. */
const TYPED = 8;

export function addUsers(program: Command): void {
  const users = program.command('users').description('who has signed in').summary('list, erase: who has signed in');

  examples(
    common(paged(users.command('list').description('users, those who signed in last first'))),
    'users list',
    'users list --all --json | jq -r ".items[].user"',
  ).action(list);

  examples(
    withYes(
      common(
        users
          .command('erase <user>')
          .description('ends all access of a user and deletes everything about them: grants, sessions, calls, state'),
      ),
    ),
    'users erase ada@example.com',
    'users erase QmFzZTY0dXJs --yes',
  ).action(erase);
}

const columns = (names: boolean): Column<UserRow>[] => [
  { title: 'USER', text: ({ user }) => user },
  ...(names ? [{ title: 'NAME', text: ({ userName = '' }: UserRow) => brief(userName, 40) }] : []),
  { title: 'FIRST SIGN-IN', text: ({ firstSignInAt }) => shortTime(firstSignInAt) },
  { title: 'LAST SIGN-IN', text: ({ lastSignInAt }) => shortTime(lastSignInAt) },
];

async function list(options: Common & PagingOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const source = async (paging: { limit: number; after?: string | undefined }) => {
    const found = await deployment.directory.recentUsers(paging);
    return { ...found, items: await userRows(deployment, found.items) };
  };
  await showList(pages(source, options), columns(deployment.userNames !== undefined), {
    asJson: options.json,
    none: deployment.isDirect
      ? 'No users: in direct mode they sign in at the identity provider alone. npx holdfast sessions list shows whose the sessions are.'
      : 'No users.',
  });
}

async function erase(given: string, options: Common & { yes?: boolean }): Promise<void> {
  const deployment = await openDeployment(options);
  const user = await resolveUser(deployment, given);
  const [row] = await userRows(deployment, await deployment.directory.users([user]));
  const about = [
    `This deletes everything about user ${user}${row?.userName === undefined ? '' : ` (${row.userName})`}:`,
    'grants, sessions, the record of calls, and what tools have kept. It cannot be had back.',
  ];
  await askFor({ about: about.map(plain), answer: user.slice(0, TYPED) }, options.yes);
  const line = progressLine();
  const { revoked, items } = await eraseAll(deployment, user, (count) => line.show(`${count} items deleted`));
  line.clear();
  if (options.json) await write(`${json({ user, revoked, items })}\n`);
  if (items === 0) {
    say(plain(`There is nothing about user ${user}.`));
    ended(1);
    return;
  }
  const lines = [
    `${items} items about user ${user} are gone, and ${revoked} of the user's clients are shut out.`,
    'Logs have the key of the user until their retention ends, and point-in-time backups all of it for up to 35 days.',
    ...(deployment.isDirect ? ['In direct mode the user can come back: access ends at the identity provider.'] : []),
  ];
  for (const each of lines) report(each, options.json);
}
