import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What the documentation says must be there. */

jest.setTimeout(60_000);

const root = join(__dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root }).sort()];

const all = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, found]) => found!);

/** As GitHub makes the address of a heading. */
const anchors = (text: string) =>
  all(text, /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

describe.each(pages)('%s', (page) => {
  const text = read(page);

  test('links to what exists', () => {
    const links = [...all(text, /\]\(([^)\s]+)\)/g), ...all(text, /src="([^"]+)"/g)];
    const broken = links.filter((link) => {
      if (link.startsWith('https://')) return false;
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      return !existsSync(join(root, file)) || (anchor !== undefined && !anchors(read(file)).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  test('names files that exist', () => {
    const named = all(text, /`((?:bin|lib|lambda|local|migration|test|docs)\/[\w./-]*)`/g);
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test('names scripts and settings that exist', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const run = all(text, /npm (?:run )?(start|test|(?<=run )[\w:-]+)/g);
    expect(run.filter((script) => !(script in scripts))).toEqual([]);

    const context = all(text, /-c (\w+)=/g);
    expect(context.filter((name) => !read('lib/settings/settings-from-context.ts').includes(`'${name}'`))).toEqual([]);
  });
});

test('the examples compile where lambda/server.ts stands', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-examples-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const files = pages
    .flatMap((page) => all(read(page), /^```ts\n(.*?)^```$/gms))
    .map((example, index) => {
      const name = `example-${index}.ts`;
      const placed = example
        .replaceAll("'./core/", `'${join(root, 'lambda/core')}/`)
        .replaceAll("'./shared/", `'${join(root, 'lambda/shared')}/`)
        .replaceAll("'../lib/", `'${join(root, 'lib')}/`);
      writeFileSync(join(folder, name), placed);
      return name;
    });
  expect(files.length).toBeGreaterThan(0);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const config = { extends: join(root, 'tsconfig.json'), include: [], files };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['--project', folder], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  // What is wrong in the project's own sources is for `npm run check` to say.
  const errors = stdout.split('\n').filter((line) => /\berror TS/.test(line) && !/\b(lambda|lib)\//.test(line));
  expect(errors).toEqual([]);
});

test('every setting that needs no code is in the README', () => {
  const names = all(
    read('lib/settings/settings-from-context.ts'),
    /(?:(?:text|flag|list)\('|'(?=(?:idp|domain|hosted|certificate)\w))(\w+)'/g,
  );
  expect(names).toEqual(expect.arrayContaining(['stage', 'clientDocuments', 'idpIssuer', 'domainName']));
  expect(names.filter((name) => !read('README.md').includes(`\`${name}\``))).toEqual([]);
});

test('every kind of item is in the data model', () => {
  const model = read('docs/data-model.md');
  const prefixes = all(read('lambda/shared/table-keys.ts').split('} as const')[0]!, /: '(\w+#)'/g);
  expect(prefixes.length).toBeGreaterThan(0);
  expect(prefixes.filter((prefix) => !model.includes(`\`${prefix}\``))).toEqual([]);
});

test('every event that the functions log is explained', () => {
  const sources = globSync('lambda/**/*.ts', { cwd: root }).map(read).join('\n');
  const events = [...new Set(all(sources, /\blog\(\s*'(\w+)'/g))];
  expect(events.length).toBeGreaterThan(0);
  expect(events.filter((event) => !read('docs/operate.md').includes(`\`${event}\``))).toEqual([]);
});

test('every setting in the tables of limits is one', () => {
  const sources = globSync('lib/settings/*-settings.ts', { cwd: root }).map(read).join('\n');
  const settings = all(sources, /^ {2}readonly (\w+)\?:/gm);
  const tables = all(read('docs/operate.md'), /\| setting \|\n.*\n((?:\|.*\n)+)/g);
  const named = all(tables.join(''), /^.*\| (.*) \|$/gm).flatMap((cell) => all(cell, /`(\w+)`/g));
  expect(named).toContain('throttle');
  expect(named.filter((name) => !settings.includes(name))).toEqual([]);
});
