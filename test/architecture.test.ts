import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** The rules of the layout, executed: who may import whom. */

const root = join(__dirname, '..');

type Import = { from: string; to: string; typeOnly: boolean };

/** Paths of our own files are relative to the root; packages keep their names. */
function importsOf(file: string): Import[] {
  const source = readFileSync(join(root, file), 'utf8');
  const statements = source.matchAll(
    /^(?:import|export)\s(?<what>[^;]*?)\sfrom '(?<to>[^']+)'|import\('(?<lazy>[^']+)'\)|^import '(?<bare>[^']+)'/gm,
  );
  return Array.from(statements, ({ groups }) => {
    const to = (groups?.to ?? groups?.lazy ?? groups?.bare)!;
    const what = groups?.what ?? '';
    const names = /^{(.*)}$/s
      .exec(what)?.[1]
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    const typeOnly = what.startsWith('type ') || (names?.every((name) => name.startsWith('type ')) ?? false);
    return { from: file, to: to.startsWith('.') ? normalize(join(dirname(file), to)) : to, typeOnly };
  });
}

const files = (pattern: string) => globSync(pattern, { cwd: root }).sort();
const all = files('{bin,cli,lib,lambda,local}/**/*.{ts,tsx}').flatMap(importsOf);
const functions = files('lambda/functions/*.ts');

const within =
  (...folders: string[]) =>
  (path: string) =>
    folders.some((folder) => path.startsWith(`${folder}/`));
const shown = (imports: Import[]) => imports.map(({ from, to }) => `${from} imports ${to}`);

test('the source of every folder is looked at', () => {
  for (const folder of ['bin', 'cli', 'lib', 'lambda', 'local']) {
    expect(all.filter(({ from }) => within(folder)(from)).length).toBeGreaterThan(0);
  }
});

test('nothing imports a door', () => {
  expect(shown(all.filter(({ to }) => functions.includes(to)))).toEqual([]);
});

test('core knows no adapter, no door, no stack, no cloud, no AWS and no platform but the web', () => {
  const forbidden = ({ to }: Import) =>
    within('lambda/adapters', 'lambda/functions', 'lib', 'local', 'bin', 'cli')(to) ||
    /^(@aws-sdk|@smithy|aws-|node:|constructs)/.test(to);
  expect(shown(all.filter((each) => within('lambda/core')(each.from) && forbidden(each)))).toEqual([]);
});

test('core takes the clock and the environment as they are handed to it', () => {
  const reaching = files('lambda/core/**/*.ts').filter(
    (file) =>
      file !== 'lambda/core/support/clock.ts' &&
      /process\.env|Date\.now|new Date\(\)/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(reaching).toEqual([]);
});

test('each technology has its own adapters, and they do not meet', () => {
  const technology = (path: string) => {
    const [, , file = '', inside] = path.split('/');
    return inside === undefined ? file.split(/[-.]/)[0] : file;
  };
  const crossings = all.filter(
    ({ from, to }) =>
      within('lambda/adapters')(from) && within('lambda/adapters')(to) && technology(from) !== technology(to),
  );
  expect(shown(crossings)).toEqual([]);
});

test('lib and bin import from lambda only shared/, and the environment only by type', () => {
  const imported = all.filter(({ from, to }) => within('lib', 'bin')(from) && within('lambda')(to));
  const isAllowed = ({ to, typeOnly }: Import) =>
    within('lambda/shared')(to) && (typeOnly || to !== 'lambda/shared/environment.ts');
  expect(shown(imported.filter((each) => !isAllowed(each)))).toEqual([]);
});

test('the page knows of the functions what both say to each other, and nothing else', () => {
  const page = all.filter(({ from }) => within('lambda/web')(from));
  expect(page.length).toBeGreaterThan(20);
  const known = ({ to, typeOnly }: Import) =>
    within('lambda/web')(to) ||
    to === 'lambda/core/dashboard/dashboard-api.ts' ||
    (typeOnly && within('lambda/core')(to)) ||
    /^(preact|chart\.js)(\/|$)/.test(to);
  expect(shown(page.filter((each) => !known(each)))).toEqual([]);
  expect(shown(all.filter(({ from, to }) => !within('lambda/web')(from) && within('lambda/web')(to)))).toEqual([]);
});

test('the stack and the functions know nothing of the local emulator', () => {
  expect(
    shown(all.filter(({ from, to }) => within('lib', 'lambda')(from) && within('local', 'bin', 'cli', 'test')(to))),
  ).toEqual([]);
});

test('nothing but bin imports the command line', () => {
  expect(shown(all.filter(({ from, to }) => within('cli')(to) && !within('cli', 'bin')(from)))).toEqual([]);
});

test('no file is named for having no name', () => {
  const vague = /(^|\/)(utils?|helpers?|common|misc|index)(\.ts|\/)/;
  expect(files('{bin,cli,lib,lambda,local}/**/*.ts').filter((file) => vague.test(file))).toEqual([]);
});

test('bench imports no test', () => {
  const imported = files('bench/**/*.{ts,mjs,cjs}').flatMap(importsOf);
  expect(imported.length).toBeGreaterThan(100);
  expect(shown(imported.filter(({ to }) => within('test')(to)))).toEqual([]);
});
