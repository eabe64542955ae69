import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { copyZod } from '../../lib/bundle/zod-on-demand.ts';

const zod = dirname(require.resolve('zod/package.json'));

/** The names that a module exports, as another process reads them. */
const exportsOf = (file: string): string[] => {
  const url = JSON.stringify(pathToFileURL(file).href);
  const script = `console.log(JSON.stringify(Object.keys(await import(${url})).sort()))`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }));
};

test.each([
  'v4/core/index.js',
  'v4/core/to-json-schema.js',
  'v4/core/json-schema-processors.js',
  'v4/locales/index.js',
])('the copy of Zod with parts on demand exports all names of %s', (path) => {
  expect(exportsOf(join(copyZod(zod)!.folder, path))).toEqual(exportsOf(join(zod, path)));
});

test('a Zod whose parts export something else than functions is not copied', () => {
  const other = join(mkdtempSync(join(tmpdir(), 'zod-')), 'zod');
  cpSync(zod, other, { recursive: true });
  appendFileSync(join(other, 'v4/core/to-json-schema.js'), '\nexport class Generator {}\n');
  expect(copyZod(other)).toBeUndefined();
});
