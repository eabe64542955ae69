import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isSource, reloadFor } from '../../local/reload/changed-sources.ts';
import type { ServerCode } from '../../local/reload/server-code.ts';

/** A project whose app and server share `src/scopes.ts`. */
const project = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-changes-')));
afterAll(() => rmSync(project, { recursive: true }));
const path = (name: string) => join(project, name);
const files = {
  'bin/app.ts': `import { scopes } from '../src/scopes.ts'; import { App } from 'aws-cdk-lib'; new App({ scopes });`,
  'src/scopes.ts': 'export const scopes = {};',
  'src/server.ts': '',
  'src/tools.ts': '',
  'src/prompt.md': '',
  'test/server.test.ts': '',
};
for (const [name, content] of Object.entries(files)) {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), content);
}

const codeOf = (modules: string[], app = 'bin/app.ts') =>
  ({ folder: path('cdk.out/asset'), record: { modules: modules.map(path), app: path(app) } }) as unknown as ServerCode;
const code = codeOf(['src/server.ts', 'src/tools.ts', 'src/scopes.ts']);
const reload = (...names: string[]) => reloadFor(names.map(path), [code]);

test('a module of the bundle alone requires the bundle to be built again', () => {
  expect(reload('src/server.ts', 'src/tools.ts')).toEqual({ type: 'server', codes: [code] });
});

test('only the bundles that contain the module are built again', () => {
  const other = codeOf(['src/other.ts']);
  expect(reloadFor([path('src/tools.ts')], [other, code])).toEqual({ type: 'server', codes: [code] });
});

test.each([
  ['the main module of the app', 'bin/app.ts'],
  ['a module that the app and the bundle share', 'src/scopes.ts'],
  ['a file that the app may read', 'src/prompt.md'],
])('%s requires the app to run again', (_, name) => {
  expect(reload('src/server.ts', name)).toEqual({ type: 'app' });
});

test('an app whose modules cannot be read runs again for each change', () => {
  for (const app of ['src/prompt.md', 'bin/missing.ts']) {
    const unreadable = codeOf(['src/server.ts'], app);
    expect(reloadFor([path('src/server.ts')], [unreadable])).toEqual({ type: 'app' });
  }
});

test('a deleted module requires the bundle to be built again', () => {
  const missing = codeOf(['src/deleted.ts']);
  expect(reloadFor([path('src/deleted.ts')], [missing])).toEqual({ type: 'server', codes: [missing] });
});

test('a file that an editor has created and deleted requires nothing', () => {
  expect(reload('src/4913')).toEqual({ type: 'nothing' });
});

test.each(['test/server.test.ts', 'src/server.spec.ts', 'src/.server.ts.swp', 'src/server.ts~', '.git/HEAD', '.env'])(
  '%s is not watched',
  (name) => {
    expect(isSource(project, path(name), [code])).toBe(false);
  },
);

test('a module of the bundle is watched in any folder', () => {
  expect(isSource(project, path('test/server.ts'), [codeOf(['test/server.ts'])])).toBe(true);
});

test.each(['src/tools.ts', 'src/prompt.md', 'cdk.json'])('%s is watched', (name) => {
  expect(isSource(project, path(name), [code])).toBe(true);
});

test('the documentation of a project is not watched, unless the bundle contains its folder', () => {
  const picture = path('docs/pictures/consent.png');
  expect(isSource(project, picture, [code])).toBe(false);
  mkdirSync(path('cdk.out/asset/docs'), { recursive: true });
  expect(isSource(project, picture, [code])).toBe(true);
});
