import { type Command, Option } from 'commander';
import {
  parseNames,
  parseOverlap,
  withConfirmation,
  withDeployment,
  withExamples,
  withPaging,
  withUser,
} from './command-options.ts';
import {
  type ClientAddOptions,
  type ClientAllowOptions,
  type ClientListOptions,
  type ClientRemoveOptions,
  type ClientRevokeOptions,
  type ClientRotateOptions,
  grantStatuses,
} from './parsed-options.ts';

const actions = () => import('../actions/client-actions.ts');
const machineActions = () => import('../actions/machine-client-actions.ts');

export function addClients(program: Command): void {
  const clients = program
    .command('clients')
    .description('list and revoke the grants of clients, and administer machine clients');

  withExamples(
    withDeployment(
      withPaging(
        withUser(clients.command('list').description('list grants, newest first'))
          .addOption(new Option('--status <status>', 'status of the grant').choices(grantStatuses))
          .addOption(
            new Option('--machines', 'the machine clients of the table instead').conflicts(['user', 'status']),
          ),
      ),
    ),
    'clients list --status active',
    'clients list --user ada@example.com --json',
    'clients list --machines',
  ).action(async (options: ClientListOptions) =>
    options.machines ? (await machineActions()).listMachineClients(options) : (await actions()).listClients(options),
  );

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

  withExamples(
    withDeployment(
      clients
        .command('add')
        .argument('<name>', 'name of the machine client, in lists and in the audit log')
        .description('add a machine client, which acts for itself, and print its credentials')
        .option('--scopes <scopes>', 'scopes of its tokens, separated by commas', parseNames)
        .addOption(
          new Option('--secret', 'it authenticates with a secret, which is shown once (default)').conflicts('jwks'),
        )
        .option('--jwks <file or url>', 'it authenticates with its keys (private_key_jwt): a JWK set'),
    ),
    'clients add nightly-report --scopes mcp',
    'clients add nightly-report --scopes mcp,notes --jwks https://ci.example/jwks.json',
    'clients add nightly-report --scopes mcp --json',
  ).action(async (name: string, options: ClientAddOptions) => (await machineActions()).addMachineClient(name, options));

  withExamples(
    withDeployment(
      clients
        .command('rotate')
        .argument('<name>', 'name or client_id of a machine client')
        .description('replace the secret of a machine client; the present one stays valid for a while')
        .option('--overlap <duration>', 'validity of the present secret, such as 24h (default) or 0', parseOverlap),
    ),
    'clients rotate nightly-report',
    'clients rotate nightly-report --overlap 0',
  ).action(async (name: string, options: ClientRotateOptions) =>
    (await machineActions()).rotateMachineClient(name, options),
  );

  withExamples(
    withDeployment(
      withConfirmation(
        clients
          .command('remove')
          .argument('<name>', 'name or client_id of a machine client')
          .description('remove a machine client and end its access at the next request'),
      ),
    ),
    'clients remove nightly-report',
  ).action(async (name: string, options: ClientRemoveOptions) =>
    (await machineActions()).removeMachineClient(name, options),
  );

  withExamples(
    withDeployment(
      clients
        .command('allow')
        .argument('<grant>', 'id of a revoked grant')
        .description('allow a client that signs in without a browser, or one of direct mode, access again'),
    ),
    'clients allow f3Jb1nV0m3Wm6Zy8b2b5gAf3Jb1nV0m3Wm6Zy8b2b5g',
  ).action(async (grant: string, options: ClientAllowOptions) => (await machineActions()).allowGrant(grant, options));
}
