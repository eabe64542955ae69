import type { Command } from 'commander';
import { withConfirmation, withDeployment, withExamples, withPaging } from './command-options.ts';
import type { UserEraseOptions, UserListOptions } from './parsed-options.ts';

const actions = () => import('../actions/user-actions.ts');

export function addUsers(program: Command): void {
  const users = program.command('users').description('list and erase users');

  withExamples(
    withDeployment(withPaging(users.command('list').description('list users, latest sign-in first'))),
    'users list',
    'users list --all --json | jq -r ".items[].user"',
  ).action(async (options: UserListOptions) => (await actions()).listUsers(options));

  withExamples(
    withDeployment(
      withConfirmation(
        users
          .command('erase')
          .argument('<user>', 'key, key prefix (6 or more characters) or name of a user')
          .description('revoke all access of a user and delete all data: grants, sessions, audit log, tool state'),
      ),
    ),
    'users erase ada@example.com',
    'users erase QmFzZTY0dXJs --yes',
  ).action(async (user: string, options: UserEraseOptions) => (await actions()).eraseUser(user, options));
}
