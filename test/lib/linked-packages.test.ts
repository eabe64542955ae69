import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linkPackages } from '../../lib/bundle/linked-packages.ts';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-links-')));
});
afterEach(() => rmSync(folder, { recursive: true }));

const install = (place: string) => {
  mkdirSync(join(folder, place, 'zod'), { recursive: true });
  return join(folder, place);
};
const linked = () => realpathSync(join(folder, 'build/node_modules/zod'));

test('a package is linked from the first folder that has it', () => {
  const outer = install('outer');
  linkPackages(join(folder, 'build'), ['zod'], [join(folder, 'inner'), outer]);
  expect(linked()).toBe(join(outer, 'zod'));
});

test('a link to a package of a folder that was moved is replaced', () => {
  linkPackages(join(folder, 'build'), ['zod'], [install('before')]);
  renameSync(join(folder, 'before'), join(folder, 'after'));
  linkPackages(join(folder, 'build'), ['zod'], [join(folder, 'after')]);
  expect(linked()).toBe(join(folder, 'after/zod'));
});

test('a link to a package that is no longer the first choice is replaced', () => {
  const outer = install('outer');
  linkPackages(join(folder, 'build'), ['zod'], [join(folder, 'inner'), outer]);
  linkPackages(join(folder, 'build'), ['zod'], [install('inner'), outer]);
  expect(linked()).toBe(join(folder, 'inner/zod'));
});
