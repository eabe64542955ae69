import { type Command, InvalidArgumentError, Option } from 'commander';
import { type SessionField, sessionFields } from '../import/exported-session.ts';
import { STACK_DESCRIPTION } from './command-options.ts';
import type { ImportCommandOptions } from './parsed-options.ts';

export function addImport(program: Command): void {
  program
    .command('import')
    .description('import the sessions of another MCP server')
    .optionsGroup('Source, one of:')
    .addOption(
      new Option('--redis <url>', 'a hash or a JSON string per session; REDISCLI_AUTH can have the password').conflicts(
        ['postgres', 'file'],
      ),
    )
    .option('--match <pattern>', 'pattern of the Redis keys; * stands for the session id', 'mcp:session:*')
    .addOption(
      new Option('--postgres <url>', 'a row per session, also of Supabase; PGPASSWORD can have the password').conflicts(
        ['file'],
      ),
    )
    .option('--from-table <name>', 'PostgreSQL table or view', 'mcp_sessions')
    .option('--file <path>', 'a JSON object per session, one per line')
    .optionsGroup('Target, one of:')
    .addOption(new Option('--stack <name>', STACK_DESCRIPTION).conflicts(['table', 'local']))
    .addOption(
      new Option('--table <name>', 'DynamoDB table of a deployment; credentials as for the AWS CLI').conflicts('local'),
    )
    .option('--local', 'the local emulator on the data folder HOLDFAST_DATA (.holdfast)')
    .addOption(
      new Option('--region <region>', 'AWS region of the stack (default: as for the AWS CLI)').conflicts('local'),
    )
    .optionsGroup('Options:')
    .option('--issuer <url>', 'issuer of the users (iss of their tokens); only --table needs it', parseIssuer)
    .option('--user-field <name>', 'field with the subject (sub) of the user; same as --map user=NAME')
    .option(
      '--map <field=name>',
      `source of a session field: a name, or a path such as auth.sub into its JSON. Repeatable. Fields: ${sessionFields.join(', ')}`,
      parseMapping,
    )
    .option(
      '--data-fields <names>',
      'data to import, comma-separated (default: all except credential names)',
      (names) => names.split(',').map((name) => name.trim()),
    )
    .option('--ttl-hours <n>', 'lifetime after the last use, for sessions without an expiry', parseHours, 24)
    .option('--dry-run', 'read everything, write nothing')
    .option('--json', 'one JSON object on standard output at the end, everything else on standard error')
    .addHelpText(
      'after',
      `
Each live session is stored under its user until that user signs in and a client sends its id. Its data is then in the
state of the user, under imported/<session id>/<field>. Stop the other server first. The import can be repeated.

Exit codes: 0 complete, 2 complete except for malformed sessions, 1 failure or invalid usage.

Examples:
  $ npx holdfast import --redis redis://127.0.0.1:6379 --local --dry-run
  $ npx holdfast import --postgres postgres://me@db.example.com/app --stack Holdfast-prod --user-field auth_user_id`,
    )
    .action(async (options: ImportCommandOptions) => (await import('../import/import-run.ts')).runImport(options));
}

function parseIssuer(text: string): string {
  if (URL.canParse(text)) return text;
  throw new InvalidArgumentError('Pass a URL, exactly as in the tokens of the users.');
}

function parseMapping(
  pair: string,
  previous: NonNullable<ImportCommandOptions['map']> | undefined,
): NonNullable<ImportCommandOptions['map']> {
  const [field = '', ...rest] = pair.split('=');
  const place = rest.join('=');
  if (place !== '' && sessionFields.includes(field as SessionField)) return { ...previous, [field]: place };
  throw new InvalidArgumentError(`Pass FIELD=NAME, with one of ${sessionFields.join(', ')}.`);
}

function parseHours(text: string): number {
  const hours = Number(text);
  if (hours > 0) return hours;
  throw new InvalidArgumentError('Pass a number above 0.');
}
