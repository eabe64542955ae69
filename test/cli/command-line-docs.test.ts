import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../../cli/program.ts';

/** docs/command-line.md and the help of the program describe the same commands and options. */

const page = readFileSync(join(__dirname, '../../docs/command-line.md'), 'utf8');

const leaves = (command: Command, path: string[] = []): [name: string, command: Command][] =>
  command.commands.flatMap((each) => {
    const names = [...path, each.name()];
    return each.commands.length > 0 ? leaves(each, names) : [[names.join(' '), each] as [string, Command]];
  });
const commands = new Map(leaves(createProgram()));

/** The long names of the options in the help of a command. */
const optionsOf = (command: Command) =>
  command
    .createHelp()
    .visibleOptions(command)
    .map(({ long }) => long!)
    .filter((long) => long !== '--help');

const optionsIn = (text: string) => Array.from(text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g), ([option]) => option);

/** The rows of the table of commands: name and arguments, description. */
const rows = Array.from(
  page
    .slice(page.indexOf('## Commands'), page.indexOf('## Deployment'))
    .matchAll(/^\| `([a-z ]+?)(?: ([A-Z]+))?` \| (.+) \|$/gm),
  ([, name, argument, description]) => ({ name: name!, argument, description: description! }),
);

/** Options that the page describes once for all commands. */
const shared = ['--stack', '--region', '--local', '--json', '--limit', '--all', '--after', '--yes'];

test('the page lists every command of the program', () => {
  expect(rows.map(({ name }) => name)).toEqual([...commands.keys()]);
});

test.each(rows)('the page lists the argument and the options of $name', ({ name, argument, description }) => {
  const command = commands.get(name)!;
  expect(argument).toBe(command.registeredArguments[0]?.name().toUpperCase());
  const documented = optionsIn(description);
  const options = optionsOf(command);
  expect(options).toEqual(expect.arrayContaining(documented));
  expect(documented).toEqual(expect.arrayContaining(options.filter((option) => !shared.includes(option))));
});

test('the page describes the shared options', () => {
  expect(optionsIn(page.replace(/^\| `[a-z].*$/gm, ''))).toEqual(expect.arrayContaining(shared));
});

const examplesIn = (text: string) =>
  Array.from(text.matchAll(/^(?:\s*\$ )?(?:PORT=\d+ )?npx holdfast (.+)$/gm), ([, line]) =>
    line!.split(/ [|#]/)[0]!.trim(),
  );

const examples = [
  ...examplesIn(page),
  ...Array.from(commands.values(), (command) => {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    return examplesIn(help);
  }).flat(),
];

test.each(examples)('the example "npx holdfast %s" names a command and its options', (line) => {
  const [name, command] = [...commands].find(([each]) => `${line} `.startsWith(`${each} `)) ?? [];
  expect(name).toBeDefined();
  expect(optionsOf(command!)).toEqual(expect.arrayContaining(optionsIn(line)));
});
