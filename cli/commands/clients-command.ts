import { type Command, Option } from 'commander';
import { withConfirmation, withDeployment, withExamples, withPaging, withUser } from './command-options.ts';
import { type ClientListOptions, type ClientRevokeOptions, grantStatuses } from './parsed-options.ts';

const actions = () => import('../actions/client-actions.ts');

export function addClients(program: Command): void {
  const clients = program.command('clients').description('list and revoke the grants of clients');

  withExamples(
    withDeployment(
      withPaging(
        withUser(clients.command('list').description('list grants, newest first')).addOption(
          new Option('--status <status>', 'status of the grant').choices(grantStatuses),
        ),
      ),
    ),
    'clients list --status active',
    'clients list --user ada@example.com --json',
  ).action(async (options: ClientListOptions) => (await actions()).listClients(options));

  withExamples(
    withDeployment(
      withConfirmation(
        clients
          .command('revoke')
          .argument('[grant]', 'id of one grant')
          .description('revoke one grant, all grants of a user, or all grants of a client, at the next request')
          .option('--user <user>', 'all grants of a user: key, key prefix (6 or more characters) or name')
          .option('--client <client id>', 'all grants of a client, of every user'),
      ),
    ),
    'clients revoke f3Jb1nV0m3Wm6Zy8b2b5gA',
    'clients revoke --user ada@example.com',
    'clients revoke --client https://claude.ai/oauth/client.json --yes',
  ).action(async (grant: string | undefined, options: ClientRevokeOptions) =>
    (await actions()).revokeClients(grant, options),
  );
}
