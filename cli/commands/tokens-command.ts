import { type Command, InvalidArgumentError } from 'commander';
import { withConfirmation, withDeployment, withExamples, withPaging, withUser } from './command-options.ts';
import type { ClientRevokeOptions, TokenAddOptions, TokenListOptions } from './parsed-options.ts';

const actions = () => import('../actions/token-actions.ts');

export function addTokens(program: Command): void {
  const tokens = program.command('tokens').description('make, list and revoke personal access tokens');

  withExamples(
    withDeployment(
      tokens
        .command('add')
        .argument('<user>', 'key, key prefix (6 or more characters) or name of a user who has connected an app')
        .description('make a token that acts for the user, and print it once')
        .requiredOption('--name <name>', 'name of the token, which the dashboard shows')
        .option('--scopes <scopes...>', 'scopes of the token (default: those of the latest grant of the user)')
        .option('--days <n>', 'lifetime in days', parseDays, 30),
    ),
    'tokens add ada@example.com --name "CI of the shop" --days 7',
    'tokens add ada@example.com --name backup --scopes mcp --json | jq -r .token',
  ).action(async (user: string, options: TokenAddOptions) => (await actions()).addToken(user, options));

  withExamples(
    withDeployment(
      withPaging(withUser(tokens.command('list').description('list tokens, newest first, with their last use'))),
    ),
    'tokens list --user ada@example.com',
    'tokens list --all --json',
  ).action(async (options: TokenListOptions) => (await actions()).listTokens(options));

  withExamples(
    withDeployment(
      withConfirmation(
        tokens
          .command('revoke')
          .argument('<token>', 'id of the token, as tokens list shows it')
          .description('revoke a token: its next request is rejected'),
      ),
    ),
    'tokens revoke f3Jb1nV0m3Wm6Zy8b2b5gA --yes',
  ).action(async (id: string, options: ClientRevokeOptions) => (await actions()).revokeToken(id, options));
}

function parseDays(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('Pass a whole number of days, such as 30.');
  return Number(text);
}
