import { type Command, InvalidArgumentError } from 'commander';
import { startCommand } from '../../local/start-command.ts';
import { contextArgument } from './command-options.ts';
import type { DevOptions } from './parsed-options.ts';

export function addDev(program: Command): void {
  program
    .command('dev')
    .description('run the stack on this computer')
    .option('--stack <name>', 'a stack of the app, or STACK/CONSTRUCT (default: the only deployment)')
    .option('--port <number>', 'port of the server (PORT, else 8787); 0 selects a free port')
    .option('--cold', 'a new environment for every request, in which nothing of earlier requests is in memory')
    .option(
      '--account-concurrency <number>',
      'executions of all functions at the same time; AWS: 1000, in a new account 10 (default: no limit)',
      concurrencyArgument,
    )
    .option('--in-memory', 'keep all data in memory, and nothing after the end')
    .option('--fresh', 'delete the users, sessions, keys and ports of earlier runs')
    .option('--no-type-check', 'show no type errors of the project')
    .option('-c, --context <name=value>', 'a setting, as of cdk deploy; may be repeated', contextArgument)
    .option('--json', 'one JSON object on standard output when ready, everything else on standard error')
    .addHelpText(
      'after',
      `
Environment:
  PORT                    port of the server (8787); 0 selects a free port
  HOLDFAST_DATA           data folder, kept between runs (.holdfast)
  HOLDFAST_RETRY_SECONDS  pauses between the attempts of a long-running tool (1,2); AWS: 60,120

Prints "ready <MCP URL>" on standard output when it is ready. Exit codes: 0 after Ctrl+C or SIGTERM, 1 failure.

Examples:
  $ ${startCommand()}
  $ ${startCommand('--fresh')}
  $ ${startCommand('--cold --in-memory')}
  $ ${startCommand('-c clientDocuments=off')}
  $ PORT=9000 npx holdfast dev --json`,
    )
    .action(async (options: DevOptions) => (await import('../dev/emulator-run.ts')).runEmulator(options));
}

/** @throws InvalidArgumentError unless it is a positive integer */
function concurrencyArgument(value: string): number {
  if (/^[1-9]\d{0,5}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('Pass a positive integer, such as 10.');
}
