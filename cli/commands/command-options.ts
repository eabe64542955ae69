import type { Command } from 'commander';
import type { ExitCode } from '../output/failure-message.ts';
import type { Where } from '../target/deployment-location.ts';
import { limit } from '../target/paging.ts';

/** What several commands have in common. */

export type Common = Where & { json?: boolean };
export type PagingOptions = { limit: number; all?: boolean; after?: string };

/** Set by an action that did its work and came to another end than 0. */
export const ended = (code: ExitCode): void => {
  process.exitCode = code;
};

export function common(command: Command): Command {
  return command
    .optionsGroup('Which deployment:')
    .option('--stack <name>', 'the CloudFormation stack (the only one that is called Holdfast-…)')
    .option('--region <region>', 'its AWS region (as the AWS CLI finds it)')
    .option('--local', 'the cloud that npm start runs, on the data folder HOLDFAST_DATA (.holdfast)')
    .optionsGroup('Output:')
    .option('--json', 'for programs: JSON on stdout, everything else on stderr')
    .optionsGroup('Options:');
}

export const paged = (command: Command): Command =>
  command
    .option('--limit <n>', 'how many to show', limit, 50)
    .option('--all', 'show everything')
    .option('--after <next>', 'go on where a list before has ended');

export const withYes = (command: Command): Command => command.option('--yes', 'do it without asking');

export const examples = (command: Command, ...lines: string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ npx holdfast ${line}`).join('\n')}`);
