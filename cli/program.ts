import { Command } from 'commander';
import { reportError } from './command-errors.ts';
import { addCalls } from './commands/calls-command.ts';
import { addClients } from './commands/clients-command.ts';
import { idsAfterSeparator } from './commands/command-options.ts';
import { addDev } from './commands/dev-command.ts';
import { addDoctor } from './commands/doctor-command.ts';
import { addImport } from './commands/import-command.ts';
import { addPreflight } from './commands/preflight-command.ts';
import { addSessions } from './commands/sessions-command.ts';
import { addStats } from './commands/stats-command.ts';
import { addTokens } from './commands/tokens-command.ts';
import { addUsers } from './commands/users-command.ts';
import { addVerify } from './commands/verify-command.ts';
import { exitOnClosedPipe } from './output/terminal.ts';

const after = `
Exit codes: 0 success, 1 failure or not found, 2 invalid usage or confirmation without a terminal.
dev, preflight, doctor, verify and import document their own.

Examples:
  $ npx holdfast dev
  $ npx holdfast preflight -c stage=prod
  $ npx holdfast doctor https://mcp.example.com/mcp
  $ npx holdfast sessions list --since 24h
  $ npx holdfast calls list --outcome error --stack Holdfast-prod --region eu-central-1
  $ npx holdfast clients revoke --user ada@example.com
  $ npx holdfast stats --since 7d --local`;

/** The command line. Each command loads its work only when it runs, so that help does not load the AWS SDK. */
export function createProgram(): Command {
  const program = new Command('holdfast')
    .description('Runs, checks and administers a Holdfast deployment.')
    .usage('<command> [options]')
    .helpCommand(false)
    .helpOption('--help', 'print this help')
    .exitOverride()
    .configureHelp({ helpWidth: 120 })
    .addHelpText('after', after);
  const additions = [
    addDev,
    addPreflight,
    addDoctor,
    addVerify,
    addImport,
    addSessions,
    addCalls,
    addClients,
    addTokens,
    addUsers,
    addStats,
  ];
  for (const add of additions) add(program);
  for (const command of program.commands) command.helpCommand(false);
  addUsageToErrors(program, 'holdfast');
  return program;
}

function addUsageToErrors(command: Command, path: string): void {
  command.showHelpAfterError(`Usage: ${path} ${command.usage()}\n(--help describes the options, with examples)`);
  for (const subcommand of command.commands) addUsageToErrors(subcommand, `${path} ${subcommand.name()}`);
}

/** Runs one command and sets the exit code. @param args without those of Node.js */
export async function runCli(args: string[]): Promise<void> {
  exitOnClosedPipe();
  try {
    const program = createProgram();
    await program.parseAsync(idsAfterSeparator(program, args), { from: 'user' });
  } catch (error) {
    process.exitCode = reportError(error, args[0]);
    // A failed start of the emulator can leave timers that would keep the process alive.
    if (args[0] === 'dev') process.exit();
  }
}
