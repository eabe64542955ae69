import { type Command, InvalidArgumentError, Option } from 'commander';

/** Options and arguments that several commands share. */

export const STACK_DESCRIPTION = 'CloudFormation stack, or STACK/CONSTRUCT where it has several deployments';

export const withDeployment = (command: Command): Command =>
  command
    .optionsGroup('Deployment:')
    .option('--stack <name>', `${STACK_DESCRIPTION} (default: the only deployment)`)
    .option('--region <region>', 'AWS region of the stack (default: as for the AWS CLI)')
    .addOption(
      new Option('--local', 'the local emulator on the data folder HOLDFAST_DATA (.holdfast)').conflicts([
        'stack',
        'region',
      ]),
    )
    .optionsGroup('Output:')
    .option('--json', 'JSON on standard output, everything else on standard error')
    .optionsGroup('Options:');

export const withPaging = (command: Command): Command =>
  command
    .option('--limit <n>', 'number of items', parseLimit, 50)
    .option('--all', 'all items')
    .option('--after <next>', 'continue after a previous page');

export const withUser = (command: Command): Command =>
  command.option('--user <user>', 'key, key prefix (6 or more characters) or name of a user');

export const withCallFilter = (command: Command): Command =>
  withUser(command)
    .option('--client <name>', 'registered name of the client; in direct mode its id')
    .option('--client-info <name>', 'name that the client states in clientInfo')
    .option('--tool <name>', 'tool, or method of another request');

export const withConfirmation = (command: Command): Command => command.option('--yes', 'do not ask for confirmation');

export const withExamples = (command: Command, ...lines: string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ npx holdfast ${line}`).join('\n')}`);

/** @throws InvalidArgumentError unless it is a positive integer */
export function parseLimit(text: string): number {
  if (!/^0*[1-9]\d{0,6}$/.test(text)) {
    throw new InvalidArgumentError('Pass a positive integer, or --all for all items.');
  }
  return Number(text);
}

const LONGEST_TIMEOUT_SECONDS = 600;

/** @throws InvalidArgumentError unless it is a number of seconds */
export function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= LONGEST_TIMEOUT_SECONDS) return seconds;
  throw new InvalidArgumentError(`Pass seconds above 0 and up to ${LONGEST_TIMEOUT_SECONDS}.`);
}

const unitMilliseconds = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/**
 * A time before now (`24h`), or a day or a time of the local calendar.
 *
 * @returns epoch milliseconds
 * @throws InvalidArgumentError for any other text
 */
export function parseTime(text: string, now: number): number {
  const ago = /^(?<count>\d{1,6})(?<unit>[mhdw])$/.exec(text)?.groups;
  if (ago) return Math.max(0, now - Number(ago.count) * unitMilliseconds[ago.unit as keyof typeof unitMilliseconds]);
  const date = /^(?<day>\d{4}-\d{2}-\d{2})(?<time>[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  // JavaScript reads a day without a time as UTC.
  const at = date ? Date.parse(`${date.groups!.day}${date.groups!.time ?? 'T00:00'}`.replace(' ', 'T')) : Number.NaN;
  if (!(at >= 0)) {
    throw new InvalidArgumentError(
      'Pass a duration before now (30m, 24h, 7d, 2w) or a local time (2026-11-01, 2026-11-01T09:30).',
    );
  }
  return at;
}

export const timeArgument = (text: string): number => parseTime(text, Date.now());

/**
 * One more entry of the CDK context.
 *
 * @param before the entries of the arguments before
 * @throws InvalidArgumentError unless it has a name and a value, which may be empty
 */
export function contextArgument(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('Pass a setting and its value, such as clientDocuments=off.');
  }
  return { ...before, [name]: value };
}

/** One in 64 ids begins with a dash: random ids have 22 characters; keys of users, and of grants in direct mode, 43. */
const dashedId = /^-(?:[\w-]{21}|[\w-]{42})$/;

/** Options without a value, of the commands that take an id as argument. */
const flags = new Set(['--local', '--json', '--all', '--yes']);

/** Moves ids that begin with a dash behind `--`, where they are not read as options. Values of options stay. */
export function idsAfterSeparator(args: string[]): string[] {
  if (args.includes('--')) return args;
  const isArgument = (arg: string, index: number) => {
    const previous = args[index - 1] ?? '';
    return dashedId.test(arg) && (!previous.startsWith('--') || previous.includes('=') || flags.has(previous));
  };
  const moved = args.filter(isArgument);
  return moved.length === 0 ? args : [...args.filter((arg, index) => !isArgument(arg, index)), '--', ...moved];
}

/** An absolute URL of http or https. */
export function parseUrl(text: string): string {
  if (['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '')) return text;
  throw new InvalidArgumentError('Pass an absolute URL, such as https://mcp.example.com/mcp.');
}
