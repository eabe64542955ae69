import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from '@swc/core';

/** Checks `docs/security.md`: each requirement names the code that enforces it and the test that proves it. */

const root = join(__dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Requirements of the authorization server that the client fulfils; the page lists them in a separate table. */
const clientRequirements = ['AS3', 'AS8', 'AS9', 'AS11', 'AS19'];

const numbered = (prefix: string, last: number) => Array.from({ length: last }, (_, i) => `${prefix}${i + 1}`);
const attacks = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 16, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 31, 32, 33]
  .concat([34, 35, 37, 38, 39, 41, 42, 43, 44, 45, 46, 49, 50, 51, 53, 54, 55, 56, 58, 59, 60, 61, 62, 65, 67, 69, 71])
  .concat([72, 73, 74, 76, 78, 79, 80, 81, 82, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 95, 96, 97, 98, 100, 102, 103])
  .concat([104, 106, 107, 108, 109, 110, 112, 113, 115, 116, 117, 118]);
const required = [
  ...numbered('RS', 20),
  ...numbered('AS', 21),
  ...numbered('C', 13),
  ...numbered('P', 6),
  ...attacks.map((number) => `A${number}`),
  ...numbered('M', 26),
  ...numbered('T', 6),
  ...numbered('F', 8),
  ...numbered('O', 2),
  'K1',
];

type Link = { text: string; file: string };
type Row = { id: string; sources: Link[]; tests: Link[]; unlinked: string };

const links = (cell: string): Link[] =>
  Array.from(cell.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\)/g), ([, text, file]) => ({ text: text!, file: file! }));

const rows: Row[] = Array.from(read('docs/security.md').matchAll(/^\| ([A-Z]+\d+) \| (.+) \|$/gm), ([, id, rest]) => {
  const [, enforced = '', proved = ''] = rest!.split(' | ');
  const unlinked = [...enforced.split(', '), ...proved.split('<br>')].filter((each) => links(each).length !== 1);
  return { id: id!, sources: links(enforced), tests: links(proved), unlinked: unlinked.join() };
});
const enforcing = rows.filter(({ id }) => !clientRequirements.includes(id));

type Node = { type: string; [member: string]: unknown };

/** The titles of a file's tests, prefixed by those of their `describe` blocks; `…` stands for a value of a table. */
function titlesOf(file: string): string[] {
  const titles: string[] = [];
  visit(parseSync(read(file), { syntax: 'typescript' }).body, []);
  return titles;

  function visit(node: unknown, within: string[]): void {
    if (Array.isArray(node)) for (const each of node) visit(each, within);
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    const { type, callee, arguments: given } = node as Node & { callee: Node; arguments: { expression: Node }[] };
    const name = type === 'CallExpression' ? titled(callee) : undefined;
    const title = name && textOf(given[0]?.expression);
    if (title !== undefined && name === 'test') titles.push([...within, title].join(' '));
    visit(Object.values(node), title !== undefined && name === 'describe' ? [...within, title] : within);
  }
}

/** `test` or `describe` when the callee takes a title: the function itself, its `.each(…)`, or a member such as `.skip`. */
function titled(callee: Node | undefined): string | undefined {
  if (callee?.type === 'Identifier') return ['test', 'describe'].find((name) => name === callee.value);
  if (callee?.type === 'CallExpression') return titled((callee.callee as Node).object as Node | undefined);
  return callee?.type === 'MemberExpression' ? titled(callee.object as Node) : undefined;
}

const textOf = (node: Node | undefined): string | undefined =>
  node?.type === 'StringLiteral' ? String(node.value).replaceAll(/%[a-z]|\$[\w.]+/g, '…') : undefined;

/** Whether the file declares the name: as a function, class, constant or type, or as a member of one. */
const declares = (file: string, name: string) =>
  new RegExp(`^ *(export )?(async )?(function|class|const|let|type) ${name}\\b|^ +(async )?#?${name}[(:<]`, 'm').test(
    read(file),
  );

test('every requirement has one row, and every row a requirement', () => {
  expect(rows.map(({ id }) => id).sort()).toEqual(required.toSorted());
});

test('every source and every test of a row is a link', () => {
  expect(enforcing.filter(({ unlinked }) => unlinked !== '').map(({ id, unlinked }) => `${id}: ${unlinked}`)).toEqual(
    [],
  );
});

test('every row names an existing declaration that enforces it', () => {
  expect(enforcing.filter(({ sources }) => sources.length === 0).map(({ id }) => id)).toEqual([]);
  const missing = enforcing.flatMap(({ id, sources }) =>
    sources
      .filter(({ text, file }) => !existsSync(join(root, file)) || !declares(file, text.replaceAll('`', '')))
      .map(({ text, file }) => `${id}: ${text} in ${file}`),
  );
  expect(missing).toEqual([]);
});

test('every row names an existing test that proves it', () => {
  const titles = new Map<string, string[]>();
  const has = ({ text, file }: Link) => {
    if (!existsSync(join(root, file))) return false;
    if (!titles.has(file)) titles.set(file, titlesOf(file));
    return titles.get(file)!.includes(text);
  };
  expect(enforcing.filter(({ tests }) => tests.length === 0).map(({ id }) => id)).toEqual([]);
  const missing = enforcing.flatMap(({ id, tests }) =>
    tests.filter((link) => !has(link)).map(({ text, file }) => `${id}: ${text} in ${file}`),
  );
  expect(missing).toEqual([]);
});

test('every security test begins with the id of a row', () => {
  const files = globSync('test/security/*.test.ts', { cwd: root }).filter(
    (file) => !file.endsWith('/security-map.test.ts'),
  );
  for (const file of files) {
    const titles = titlesOf(file);
    const written = Array.from(read(file).matchAll(/^ *test(\.each)?\b/gm)).length;
    expect([file, titles.length]).toEqual([file, written]);
    expect(titles.filter((title) => !required.includes(/^[A-Z]+\d+(?=: )/.exec(title)?.[0] ?? ''))).toEqual([]);
  }
});
