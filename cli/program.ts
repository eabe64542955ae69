import { Command, CommanderError } from 'commander';
import { addCalls } from './commands/calls-command.ts';
import { addClients } from './commands/clients-command.ts';
import { addSessions } from './commands/sessions-command.ts';
import { addStats } from './commands/stats-command.ts';
import { addUsers } from './commands/users-command.ts';
import { withoutDashes } from './dashed-ids.ts';
import { inWords } from './output/failure-message.ts';
import { endWithReader, say } from './output/terminal.ts';

/** What the command line has from elsewhere. @returns the exit code */
export type Elsewhere = { doctor: (args: string[]) => Promise<number> };

const after = `
Exit codes: 0 when it is done, 1 when it could not be done or the thing does not exist, 2 when the command is not
understood, or would need an answer and nobody is there to give it.

Examples:
  $ npx holdfast sessions list --since 24h
  $ npx holdfast calls list --outcome error --stack Holdfast-prod --region eu-central-1
  $ npx holdfast clients revoke --user ada@example.com
  $ npx holdfast stats --since 7d --local
  $ npx holdfast doctor https://mcp.example.com/mcp`;

/** The owner's command line. Sets the exit code. @param args without those of Node.js */
export async function runCli(args: string[], { doctor }: Elsewhere): Promise<void> {
  endWithReader();
  const program = new Command('holdfast')
    .description('Sees who uses your deployment, and ends what should end: sessions, clients, users.')
    .usage('<command> [options]')
    .helpCommand(false)
    .helpOption('--help', 'print this')
    .exitOverride()
    .showHelpAfterError('(--help has examples)')
    .configureHelp({ helpWidth: 120 })
    .addHelpText('after', after);
  addSessions(program);
  addCalls(program);
  addClients(program);
  addUsers(program);
  addStats(program);
  program
    .command('doctor')
    .usage('URL [options]')
    .description('checks a deployment from outside, the way MCP clients do')
    // It has options and help of its own.
    .helpOption(false)
    .allowUnknownOption()
    .argument('[args...]')
    .action(async (own: string[]) => {
      process.exitCode = await doctor(own);
    });
  for (const group of program.commands) group.helpCommand(false);
  try {
    await program.parseAsync(withoutDashes(args), { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  // Commander has said already what is wrong; help that was asked for is none.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { message, exitCode } = inWords(error);
  say(message);
  return exitCode;
}
