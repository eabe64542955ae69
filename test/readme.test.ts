import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** The documentation agrees with the sources: links, file names, commands, settings, items, events and examples. */

jest.setTimeout(60_000);

const root = join(__dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const pages = [...globSync('*.md', { cwd: root }).sort(), ...globSync('docs/**/*.md', { cwd: root }).sort()];

/** The commands of `npx holdfast`: one file each. */
const programCommands = globSync('cli/commands/*.ts', { cwd: root }).map((file) =>
  basename(file, '.ts').replace(/-command$/, ''),
);

const all = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, found]) => found!);

/** The anchors of a page's headings, as GitHub forms them. */
const anchors = (text: string) =>
  all(text, /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

describe.each(pages)('%s', (page) => {
  const text = read(page);

  test('links to existing files and headings', () => {
    const links = [...all(text, /\]\(([^)\s]+)\)/g), ...all(text, /src="([^"]+)"/g)];
    const broken = links.filter((link) => {
      if (link.startsWith('https://')) return false;
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      return !existsSync(join(root, file)) || (anchor !== undefined && !anchors(read(file)).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  test('names existing files', () => {
    const named = all(text, /`((?:bin|lib|lambda|local|cli|bench|test|docs)\/[\w./-]*)`/g);
    // Those of the clone, or of an owner's project.
    const exists = (file: string) => ['', 'create/template/typescript'].some((at) => existsSync(join(root, at, file)));
    expect(named.filter((file) => !exists(file))).toEqual([]);
  });

  test('names existing scripts, commands and settings', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const run = all(text, /npm (?:run )?(start|test|(?<=run )[\w:-]+)/g);
    expect(run.filter((script) => !(script in scripts))).toEqual([]);

    const commands = all(text, /(?:npx |`)holdfast ([a-z]+)/g);
    expect(commands.filter((command) => !programCommands.includes(command))).toEqual([]);

    const context = all(text, /-c (\w+)=/g);
    expect(context.filter((name) => !read('lib/settings/settings-from-context.ts').includes(`'${name}'`))).toEqual([]);
  });
});

describe('the start of a project', () => {
  const blocks = all(read('README.md'), /^```sh\n(.*?)^```$/gms);

  test('is the first command of the README, and its first screen states that the packages are not published', () => {
    expect(blocks[0]).toMatch(/^npm create holdfast@latest my-server /);
    expect(read('README.md').split('\n').slice(0, 25).join('\n')).toContain('not published yet');
  });

  test('from a clone builds, packs and installs the tarballs of this version', () => {
    const { version } = JSON.parse(read('package.json'));
    const fromClone = blocks.find((block) => block.startsWith('git clone'))!;
    const tarballs = all(fromClone, /([\w-]+-\d[\w.-]*\.tgz)/g);
    expect(tarballs).toEqual([`create-holdfast-${version}.tgz`, `holdfast-${version}.tgz`]);
    expect(fromClone).toContain('npm pack ./dist ./create/dist');
  });

  test('keeps the README at 180 lines or fewer', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(181);
  });
});

test('the examples compile in the folder of lambda/server.ts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-examples-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const files = pages
    .flatMap((page) => all(read(page), /^```ts\n(.*?)^```$/gms))
    .map((example, index) => {
      const name = `example-${index}.ts`;
      const placed = example
        .replaceAll("'holdfast/server'", `'${join(root, 'lambda/server-api.ts')}'`)
        .replaceAll("'holdfast/testing'", `'${join(root, 'local/testing/testing-api.ts')}'`)
        .replaceAll("'../src/scopes.ts'", `'${join(root, 'lambda/scopes.ts')}'`)
        .replaceAll("'../src/server.ts'", `'${join(root, 'lambda/server.ts')}'`)
        .replaceAll("'holdfast'", `'${join(root, 'lib/cdk-api.ts')}'`)
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
  // `npm run check` reports the errors of the project's own sources.
  const errors = stdout.split('\n').filter((line) => /\berror TS/.test(line) && /^\S*\bexample-\d+\.ts/.test(line));
  expect(errors).toEqual([]);
});

/** The rows of all tables of a page, as cells. */
const rowsOf = (page: string) => all(read(page), /^\| (.+) \|$/gm).map((row) => row.split(' | '));

test('docs/settings.md has every context name, and no other', () => {
  const source = read('lib/settings/settings-from-context.ts');
  const names = all(source, /(?:(?:text|flag|list|number|value)\('|'(?=(?:idp|domain|hosted|certificate)\w))(\w+)'/g);
  expect(names).toEqual(expect.arrayContaining(['stage', 'clients', 'clientDocuments', 'idpIssuer', 'domainName']));
  const documented = rowsOf('docs/settings.md').flatMap(([, context = '']) => all(context, /`(\w+)`/g));
  expect([...new Set(documented)].sort()).toEqual([...new Set(names)].sort());
});

/** The properties of the stack and their `@default`, from the interfaces `…Settings`. */
function stackProperties(): { name: string; value: string }[] {
  const sources = globSync('lib/settings/**/*-settings.ts', { cwd: root }).map(read).join('\n');
  const nested = ['IdentityProviderSettings', 'PreregisteredClientSettings'];
  const bodies = Array.from(sources.matchAll(/^export interface (\w+Settings)\b[^{]*\{\n(.*?)^\}/gms))
    .filter(([, name]) => !nested.includes(name!))
    .map(([, , body]) => body!);
  const property = /@default (.*)\n(?: {3}\*(?!\/).*\n)* {3}\*\/\n {2}readonly (\w+)\?:/g;
  return bodies.flatMap((body) =>
    Array.from(body.matchAll(property), ([, value, name]) => ({ name: name!, value: value! })),
  );
}

test('docs/settings.md has every property of the stack with its default, and no other', () => {
  const properties = stackProperties();
  const documented = new Map(rowsOf('docs/settings.md').map(([name = '', , value = '']) => [name, value]));
  expect([...documented.keys()].flatMap((name) => all(name, /^`(\w+)`$/g)).sort()).toEqual(
    properties.map(({ name }) => name).sort(),
  );
  const literal = properties.filter(({ value }) => !value.startsWith('- '));
  expect(literal.length).toBeGreaterThan(20);
  expect(literal.filter(({ name, value }) => documented.get(`\`${name}\``) !== `\`${value}\``)).toEqual([]);
});

test('docs/settings.md has every property of an identity provider', () => {
  const [, body] = /interface IdentityProviderSettings \{\n(.*?)^\}/ms.exec(
    read('lib/settings/identity-provider-settings.ts'),
  )!;
  const names = all(body!, /^ {2}readonly (\w+)\??:/gm);
  expect(names).toContain('issuer');
  const documented = rowsOf('docs/settings.md').flatMap(([name = '']) => all(name, /^`identityProvider\.(\w+)`$/g));
  expect(documented.sort()).toEqual(names.sort());
});

test('docs/index.md has every page', () => {
  const linked = all(read('docs/index.md'), /\]\(([\w./-]+)\)/g).map((link) => join('docs', link));
  const unlisted = pages.filter((page) => !linked.includes(page) && !page.startsWith('docs/identity-providers/'));
  expect(unlisted).toEqual(['docs/index.md']);
});

test('docs/identity-providers/index.md has every profile and its page', () => {
  const profiles = all(read('lib/settings/provider-profiles.ts'), /^ {2}(\w+): \{$/gm);
  expect(profiles).toContain('oidc');
  const index = read('docs/identity-providers/index.md');
  expect(profiles.filter((name) => !index.includes(`\`${name}\``) || !index.includes(`(${name}.md)`))).toEqual([]);
});

test('docs/data-model.md has every kind of item with its key prefix, and every stored type', () => {
  const rows = rowsOf('docs/data-model.md');
  const kinds = Array.from(
    read('lambda/shared/table-keys.ts')
      .split('} as const')[0]!
      .matchAll(/(\w+): '(\w+#)'/g),
    ([, kind, prefix]) => ({ kind: kind!, prefix: prefix! }),
  );
  expect(kinds.length).toBeGreaterThan(0);
  const isDocumented = ({ kind, prefix }: (typeof kinds)[number]) =>
    rows.some(([name, , key]) => name === `\`${kind}\`` && key?.startsWith(`\`${prefix}`));
  expect(kinds.filter((kind) => !isDocumented(kind))).toEqual([]);

  const types = all(read('lambda/shared/item-types.ts'), /= '([a-z-]+)'/g);
  expect(types).toContain('session');
  expect(types.filter((type) => !rows.some(([, documented]) => documented === `\`${type}\``))).toEqual([]);
});

test('docs/operate.md explains every event that the functions log', () => {
  const sources = globSync('lambda/**/*.ts', { cwd: root }).map(read).join('\n');
  const events = [...new Set(all(sources, /\blog\(\s*'(\w+)'/g))];
  expect(events.length).toBeGreaterThan(0);
  expect(events.filter((event) => !read('docs/operate.md').includes(`\`${event}\``))).toEqual([]);
});

test('docs/operate.md names existing settings in its tables of limits', () => {
  const settings = stackProperties().map(({ name }) => name);
  const tables = all(read('docs/operate.md'), /\| setting \|\n.*\n((?:\|.*\n)+)/g);
  const named = all(tables.join(''), /^.*\| (.*) \|$/gm).flatMap((cell) => all(cell, /`(\w+)`/g));
  expect(named).toContain('throttle');
  expect(named.filter((name) => !settings.includes(name))).toEqual([]);
});
