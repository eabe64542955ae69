import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Folders and packages that travel beside the bundle of a server. The modules take the project from the working directory. */

const home = process.cwd();
const project = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-owner-')));
const asset = join(project, 'asset');
let copyFolders: typeof import('../../lib/bundle/asset-folders.ts').copyFolders;
let installPackages: typeof import('../../lib/bundle/external-packages.ts').installPackages;

beforeAll(async () => {
  process.chdir(project);
  ({ copyFolders } = await import('../../lib/bundle/asset-folders.ts'));
  ({ installPackages } = await import('../../lib/bundle/external-packages.ts'));
});
afterAll(() => {
  process.chdir(home);
  rmSync(project, { recursive: true });
});

function write(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = join(project, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

test('folders are copied under their paths, and a link within the project as its target', () => {
  write({ 'texts/mail.html': 'Hello', 'texts/de/mail.html': 'Hallo' });
  symlinkSync(join(project, 'texts/mail.html'), join(project, 'texts/link.html'));
  expect(copyFolders(['texts'], asset)).toEqual([]);
  const copied = ['mail.html', 'de/mail.html', 'link.html'].map((name) => join(asset, 'texts', name));
  expect(copied.map((file) => readFileSync(file, 'utf8'))).toEqual(['Hello', 'Hallo', 'Hello']);
});

test.each<[string, Record<string, string>, string, string]>([
  ['a folder outside the project', {}, '../other', `which is not below ${project}: name a folder of the project`],
  ['the project itself', {}, '.', `which is not below ${project}: name a folder of the project`],
  ['a missing folder', {}, 'missing', 'missing is not a folder: name a folder of the project'],
  ['a file .env', { 'private/.env.local': 'A=1' }, 'private', 'private/.env.local may contain secrets'],
])('%s is refused', (_, files, folder, message) => {
  write(files);
  expect(copyFolders([folder], asset)).toEqual([expect.stringContaining(message)]);
});

test('a link that leaves the project is refused', () => {
  write({ 'links/mail.html': 'Hello' });
  symlinkSync(join(home, 'package.json'), join(project, 'links/link'));
  expect(copyFolders(['links'], asset)).toEqual([
    `links/link is a link to ${join(home, 'package.json')}, outside the project: copy the file`,
  ]);
});

test.each<[string, Record<string, string>, boolean, boolean, string[]]>([
  [
    'declared and not installed',
    { native: '1.0.0' },
    false,
    false,
    ['external has native, which is not installed: run npm install'],
  ],
  [
    'installed and not declared',
    {},
    true,
    false,
    ['external has native: add it to dependencies in package.json, or to a layer in layers'],
  ],
  ['expected in a layer', {}, true, true, []],
  ['an optional one that is absent', {}, false, false, []],
])('an external package that is %s is checked', (_, dependencies, isInstalled, hasLayers, errors) => {
  rmSync(join(project, 'node_modules'), { recursive: true, force: true });
  write({ 'package.json': JSON.stringify({ dependencies }) });
  if (isInstalled) write({ 'node_modules/native/package.json': '{ "version": "1.0.0" }' });
  expect(installPackages(['native'], asset, hasLayers)).toEqual(errors);
});
