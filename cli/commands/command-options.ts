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

/** @returns seconds @throws InvalidArgumentError unless it is a duration */
export function parseOverlap(text: string): number {
  const { count, unit } = /^(?<count>\d{1,4})(?<unit>[mhd])$/.exec(text)?.groups ?? {};
  if (text === '0') return 0;
  if (count === undefined) throw new InvalidArgumentError('Pass a duration, such as 30m, 24h or 7d, or 0.');
  return (Number(count) * unitMilliseconds[unit as keyof typeof unitMilliseconds]) / 1000;
}

/** Names that are separated by commas or blanks. @throws InvalidArgumentError without one */
export function parseNames(text: string): string[] {
  const names = text.split(/[ ,]+/).filter(Boolean);
  if (names.length === 0) throw new InvalidArgumentError('Pass at least one name.');
  return names;
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

/** A random id has 22 characters; keys of users, and of grants in direct mode, have 43. */
const wholeId = /^-(?:[\w-]{21}|[\w-]{42})$/;
/** A shorter one may be the prefix of a key. With two dashes it is a mistyped option. */
const keyPrefix = /^-\w[\w-]*$/;

/**
 * Moves ids that begin with a dash, as one in 64 does, behind `--`, where they are not read as options. Options of the
 * command and their values stay.
 *
 * @param args as the user wrote them, with the names of the commands
 */
export function idsAfterSeparator(program: Command, args: string[]): string[] {
  const command = commandOf(program, args);
  const [argument] = command.registeredArguments;
  // An argument with a parser is a URL.
  if (args.includes('--') || argument === undefined || argument.parseArg !== undefined) return args;
  const kept: string[] = [];
  const ids: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    const option = command.options.find(({ long, short }) => [long, short].includes(arg));
    if (option?.required) kept.push(arg, ...args.slice(++index, index + 1));
    else (option === undefined && (wholeId.test(arg) || keyPrefix.test(arg)) ? ids : kept).push(arg);
  }
  return ids.length === 0 ? args : [...kept, '--', ...ids];
}

/** The command that the first arguments name. */
function commandOf(program: Command, args: string[]): Command {
  let command = program;
  for (const name of args) {
    const next = command.commands.find((each) => each.name() === name);
    if (next === undefined) break;
    command = next;
  }
  return command;
}

/** An absolute URL of http or https. */
export function parseUrl(text: string): string {
  if (['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '')) return text;
  throw new InvalidArgumentError('Pass an absolute URL, such as https://mcp.example.com/mcp.');
}
