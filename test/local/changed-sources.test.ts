import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Sources, type SourcesOptions } from '../../local/reload/changed-sources.ts';
import type { ServerCode } from '../../local/reload/server-code.ts';

/** A project whose app and server share `src/scopes.ts`. */
const project = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-changes-')));
afterAll(() => rmSync(project, { recursive: true }));
const path = (name: string) => join(project, name);
const files = {
  'bin/app.ts': `import { scopes } from '../src/scopes.ts'; import { App } from 'aws-cdk-lib'; import regions from '../src/regions.json' with { type: 'json' }; new App({ scopes, regions });`,
  'src/scopes.ts': 'export const scopes = {};',
  'src/server.ts': '',
  'src/tools.ts': '',
  'src/prompt.md': '',
  'src/regions.json': '[]',
  'templates/mail.html': '',
  'test/server.test.ts': '',
};
for (const [name, content] of Object.entries(files)) {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), content);
}

const codeOf = (modules: string[], app = 'bin/app.ts') =>
  ({ record: { modules: modules.map(path), app: path(app) } }) as unknown as ServerCode;
const code = codeOf(['src/server.ts', 'src/tools.ts', 'src/scopes.ts']);
const sources = (options: Partial<SourcesOptions> = {}) =>
  new Sources({ project, codes: [code], content: [path('templates'), path('icon.svg')], hasFailed: false, ...options });
const reload = (...names: string[]) => sources().reloadFor(names.map(path));

test('a module of the bundle alone requires the bundle to be built again', () => {
  expect(reload('src/server.ts', 'src/tools.ts')).toEqual({ type: 'server', codes: [code] });
});

test('only the bundles that contain the module are built again', () => {
  const other = codeOf(['src/other.ts']);
  expect(sources({ codes: [other, code] }).reloadFor([path('src/tools.ts')])).toEqual({
    type: 'server',
    codes: [code],
  });
});

test.each([
  ['the main module of the app', 'bin/app.ts'],
  ['a module that the app and the bundle share', 'src/scopes.ts'],
  ['a file that the app imports', 'src/regions.json'],
])('%s requires the app to run again', (_, name) => {
  expect(reload('src/server.ts', name)).toEqual({ type: 'app' });
});

test('an app whose modules cannot be read runs again for each change', () => {
  for (const app of ['src/prompt.md', 'bin/missing.ts']) {
    const unreadable = sources({ codes: [codeOf(['src/server.ts'], app)] });
    expect(unreadable.reloadFor([path('src/server.ts')])).toEqual({ type: 'app' });
    expect(unreadable.isSource(path('src/prompt.md'))).toBe(true);
  }
});

test('a deleted module requires the bundle to be built again', () => {
  const missing = codeOf(['src/deleted.ts']);
  expect(sources({ codes: [missing] }).reloadFor([path('src/deleted.ts')])).toEqual({
    type: 'server',
    codes: [missing],
  });
});

test('a deleted file of an asset requires the app to run again', () => {
  expect(reload('templates/deleted.html')).toEqual({ type: 'app' });
});

test('a file that an editor has created and deleted requires nothing', () => {
  expect(reload('src/4913')).toEqual({ type: 'nothing' });
});

test.each(['test/server.test.ts', 'src/server.spec.ts', 'src/.server.ts.swp', 'src/server.ts~', '.git/HEAD', '.env'])(
  '%s is not watched',
  (name) => {
    expect(sources().isSource(path(name))).toBe(false);
  },
);

test.each(['src/prompt.md', 'orders.db', 'package-lock.json', 'data/cache.json', 'templates.zip'])(
  '%s, which neither the app nor a bundle contains, is not watched until a change fails that it may mend',
  (name) => {
    expect(sources().isSource(path(name))).toBe(false);
    expect(sources({ hasFailed: true }).isSource(path(name))).toBe(true);
  },
);

test('a module of the bundle is watched in any folder', () => {
  expect(sources({ codes: [codeOf(['test/server.ts'])] }).isSource(path('test/server.ts'))).toBe(true);
});

test.each([
  ...[
    'src/tools.ts',
    'src/new.ts',
    'src/regions.json',
    'cdk.json',
    'cdk.context.json',
    'package.json',
    'tsconfig.json',
  ],
  ...['bin/regions.txt', 'templates/mail.html', 'templates/new/footer.html', 'icon.svg'],
])('%s is watched', (name) => {
  expect(sources().isSource(path(name))).toBe(true);
});

test('the documentation of a project is not watched, unless the stack contains its folder', () => {
  const picture = path('docs/pictures/consent.png');
  expect(sources({ hasFailed: true }).isSource(picture)).toBe(false);
  expect(sources({ content: [path('docs')] }).isSource(picture)).toBe(true);
});
