import type { Command } from 'commander';
import fc from 'fast-check';
import { contextArgument, idsAfterSeparator, parseLimit, parseTime } from '../../cli/commands/command-options.ts';
import { createProgram } from '../../cli/program.ts';
import { timeRange } from '../../cli/target/call-selection.ts';

describe('parseTime', () => {
  const now = new Date(2026, 10, 25, 12, 30).getTime();

  test.each([
    ['30m', now - 30 * 60_000],
    ['24h', now - 24 * 3_600_000],
    ['7d', now - 7 * 86_400_000],
    ['2w', now - 14 * 86_400_000],
    ['2026-11-01', new Date(2026, 10, 1).getTime()],
    ['2026-11-01T09:30', new Date(2026, 10, 1, 9, 30).getTime()],
    ['2026-11-01 09:30:15', new Date(2026, 10, 1, 9, 30, 15).getTime()],
    ['2026-11-01T09:30Z', Date.UTC(2026, 10, 1, 9, 30)],
  ])('reads %s', (text, at) => {
    expect(parseTime(text, now)).toBe(at);
  });

  test.each(['', 'yesterday', '7', '7y', '-1h', '2026-13-01', '2026-11-01T9:30', '01.11.2026'])(
    'rejects %j with the accepted formats',
    (text) => {
      expect(() => parseTime(text, now)).toThrow(/^Pass a duration before now/);
    },
  );
});

test('timeRange includes the current millisecond by default and rejects an empty range', () => {
  const now = new Date(2026, 10, 25, 12, 30).getTime();
  const [first, second, later] = [1, 2, 31].map((day) => new Date(2026, 10, day).getTime());
  expect(timeRange({}, now)).toEqual({ from: 0, to: now + 1 });
  expect(() => timeRange({ since: second, until: first }, now)).toThrow(
    '--since 2026-11-02 00:00 is not before 2026-11-01',
  );
  expect(() => timeRange({ since: later }, now)).toThrow('not before now');
});

test.each(['0', '-1', '1.5', 'many', ''])('parseLimit rejects %j', (text) => {
  expect(() => parseLimit(text)).toThrow(/^Pass a positive integer/);
});

test('contextArgument adds a setting, whose value may be empty or contain an equals sign', () => {
  const first = contextArgument('clientDocuments=off');
  expect(first).toEqual({ clientDocuments: 'off' });
  expect(contextArgument('idpParameters=a=1&b=2', first)).toEqual({ clientDocuments: 'off', idpParameters: 'a=1&b=2' });
  expect(contextArgument('clientDocuments=', first)).toEqual({ clientDocuments: '' });
});

test.each(['clientDocuments', '=off', ''])('contextArgument rejects %j with an example', (text) => {
  expect(() => contextArgument(text)).toThrow('such as clientDocuments=off');
});

describe('an id or a key that begins with a dash', () => {
  const leaves = (command: Command, path: string[] = []): [path: string[], leaf: Command][] =>
    command.commands.flatMap((each): [string[], Command][] => {
      const names = [...path, each.name()];
      return each.commands.length > 0 ? leaves(each, names) : [[names, each]];
    });
  const commands = leaves(createProgram());

  /** The argument and the options that the action of a command receives. */
  function received(args: string[]): { argument: unknown; options: Record<string, unknown> } {
    const program = createProgram();
    let call: { argument: unknown; options: Record<string, unknown> } | undefined;
    for (const [, leaf] of leaves(program)) {
      leaf.configureOutput({ writeErr: () => undefined });
      leaf.action(() => {
        call = { argument: leaf.args[0], options: leaf.opts() };
      });
    }
    program.parse(idsAfterSeparator(program, args), { from: 'user' });
    return call!;
  }

  const characters = fc.string({ unit: fc.constantFrom(...'ABYZabyz0189_-'), minLength: 41, maxLength: 41 });
  /** Whole ids and keys, and prefixes of keys, as lists show them. */
  const dashed = characters.chain((text) =>
    fc.oneof(
      fc.constantFrom(`-${text.slice(0, 21)}`, `-a${text}`, `--${text}`),
      fc.integer({ min: 4, max: 41 }).map((length) => `-L${text.slice(0, length)}`),
    ),
  );

  const withId = commands.filter(
    ([
      ,
      {
        registeredArguments: [argument],
      },
    ]) => argument && !argument.parseArg,
  );
  const argumentCases = withId.map(([path, { options }]) => ({
    line: path.join(' '),
    required: options.flatMap(({ mandatory, long }) => (mandatory ? [long!, 'value'] : [])),
  }));
  test.each(argumentCases)('is the argument of $line, with or without a separator', ({ line, required }) => {
    const path = [...line.split(' '), ...required];
    const flags = ['--local', '--json'];
    fc.assert(
      fc.property(dashed, fc.nat(2), (id, place) => {
        const rest = flags.toSpliced(place, 0, id);
        for (const args of [rest, [...flags, '--', id]]) {
          const { argument, options } = received([...path, ...args]);
          expect([argument, options]).toEqual([id, expect.objectContaining({ local: true, json: true })]);
        }
      }),
      { numRuns: 30 },
    );
  });

  const idOptions = ['--user', '--session', '--client', '--client-id'];
  const withOption = commands.flatMap(([path, { options }]) =>
    options.flatMap((option) => (idOptions.includes(option.long!) ? [[path.join(' '), option] as const] : [])),
  );
  test.each(withOption)('is the value of an option of %s: %j', (line, option) => {
    const needed = { 'calls export': ['--format', 'csv'], verify: ['https://a.example/mcp'] }[line] ?? [];
    fc.assert(
      fc.property(dashed, (id) => {
        for (const given of [[option.long!, id], [`${option.long}=${id}`]]) {
          const { options } = received([...line.split(' '), ...needed, ...given]);
          expect(options[option.attributeName()]).toBe(id);
        }
      }),
      { numRuns: 10 },
    );
  });

  test('is distinct from a mistyped option', () => {
    expect(() => received(['users', 'erase', '--yess'])).toThrow("unknown option '--yess'");
  });
});
