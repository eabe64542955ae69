import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildOnce } from '../../lib/bundle/build-cache.ts';
import { project } from '../../lib/bundle/esbuild-run.ts';

let folder: string;
let cache: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-build-'));
  cache = join(folder, 'cache');
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, source: string) => writeFileSync(join(folder, name), source);

const build = () => {
  const { files, errors, modules } = buildOnce(
    { entryPoints: [join(folder, 'main.js')], format: 'esm', outdir: folder, external: ['outside'] },
    cache,
  );
  return { output: files.map(({ contents }) => Buffer.from(contents).toString()).join(), errors, modules };
};

/** Changes the stored output, so that a report from the cache differs from one of a new build. */
function markStored(): void {
  const file = join(cache, readdirSync(cache)[0]!);
  const stored = JSON.parse(readFileSync(file, 'utf8'));
  stored.report.files[0].base64 = Buffer.from('stored').toString('base64');
  writeFileSync(file, JSON.stringify(stored));
}

test('a build whose files have not changed is read from the cache, with its modules', () => {
  write('main.js', "import { value } from './part.js'; import 'outside'; console.log(value);");
  write('part.js', 'export const value = 1;');
  const { modules } = build();
  markStored();
  expect(build()).toEqual({ output: 'stored', errors: [], modules });
  expect(modules).toEqual([join(folder, 'part.js'), join(folder, 'main.js'), 'outside']);
});

test('a build is repeated when an imported file has changed', () => {
  write('main.js', "import { value } from './part.js'; console.log(value);");
  write('part.js', 'export const value = 1;');
  build();
  markStored();
  write('part.js', 'export const value = 2;');
  expect(build().output).toContain('2');
  markStored();
  rmSync(join(folder, 'part.js'));
  expect(build().errors).toHaveLength(1);
});

test('a build with errors is not stored', () => {
  write('main.js', "import './absent.js';");
  expect(build().errors).toHaveLength(1);
  write('absent.js', 'console.log(3);');
  expect(build()).toMatchObject({ output: expect.stringContaining('3'), errors: [] });
});

test('a stored build does not name the folder of the project, so that a copy of the project has it too', () => {
  const entry = join(project, 'lambda/shared/reserved-variables.ts');
  const { modules } = buildOnce({ entryPoints: [entry], outdir: project }, cache);
  expect(modules).toEqual([entry]);
  expect(readFileSync(join(cache, readdirSync(cache)[0]!), 'utf8')).not.toContain(project);
});
