import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';

/** The rules of the layout (`docs/architecture.md`), executed. */

const root = join(__dirname, '..');
const folders = ['bin', 'build', 'cli', 'create', 'lib', 'lambda', 'local', 'bench'];
const files = (pattern: string) => globSync(pattern, { cwd: root }).sort();
// The template of `create` is another project.
const sources = files(`{${folders.join(',')}}/**/*.{ts,tsx}`).filter(
  (file) => !file.endsWith('.d.ts') && !file.startsWith('create/template/') && !file.startsWith('create/dist/'),
);
const read = (file: string) => readFileSync(join(root, file), 'utf8');

type Import = { from: string; to: string; typeOnly: boolean };

/** Files by the names of `imports` in package.json. */
const named: Record<string, string> = Object.fromEntries(
  Object.entries(JSON.parse(read('package.json')).imports as Record<string, string | { default: string }>).map(
    ([name, target]) => [name, normalize(typeof target === 'string' ? target : target.default)],
  ),
);

/** Paths of the project's own files are relative to the root; packages keep their names. */
function importsOf(file: string): Import[] {
  if (!sources.includes(file)) return [];
  const statements = read(file).matchAll(
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
    return { from: file, to: to.startsWith('.') ? normalize(join(dirname(file), to)) : (named[to] ?? to), typeOnly };
  });
}

const all = sources.flatMap(importsOf);

const within =
  (...paths: string[]) =>
  (file: string) =>
    paths.some((path) => file === path || file.startsWith(`${path}/`));
const shown = (imports: Import[]) => imports.map(({ from, to }) => `${from} imports ${to}`);
const crossing = (from: string[], to: string[]) =>
  shown(all.filter((each) => within(...from)(each.from) && within(...to)(each.to)));

test('the imports of every folder are read', () => {
  for (const folder of folders) expect(all.filter(({ from }) => within(folder)(from)).length).toBeGreaterThan(0);
});

describe('directions of imports', () => {
  test('nothing imports the file of a function; two functions load parts of themselves on demand', () => {
    const parts = [
      'lambda/functions/mcp.ts imports lambda/functions/request-state-access.ts',
      'lambda/functions/mcp.ts imports lambda/functions/upstream-token-access.ts',
      'lambda/functions/oauth.ts imports lambda/functions/authorization-server.ts',
    ];
    expect(shown(all.filter(({ to }) => within('lambda/functions')(to)))).toEqual(parts);
  });

  test('core imports no adapter, function, construct, emulator, AWS package or Node.js module', () => {
    const isForbidden = ({ to }: Import) =>
      within('lambda/adapters', 'lambda/functions', 'lib', 'local', 'bin', 'cli', 'bench')(to) ||
      /^(@aws-sdk|@smithy|aws-|node:|constructs)/.test(to);
    expect(shown(all.filter((each) => within('lambda/core')(each.from) && isForbidden(each)))).toEqual([]);
  });

  test('lambda/shared imports nothing of the functions', () => {
    expect(crossing(['lambda/shared'], ['lambda/core', 'lambda/adapters', 'lambda/functions', 'lib'])).toEqual([]);
  });

  test('lib and bin import aws-cdk-lib by parts: the ES module of the whole loads all services at each synthesis', () => {
    expect(shown(all.filter(({ from, to }) => within('lib', 'bin')(from) && to === 'aws-cdk-lib'))).toEqual([]);
  });

  test('lib imports from lambda the shared files and the declared scopes alone', () => {
    const taken = all.filter(({ from, to }) => within('lib', 'bin')(from) && within('lambda')(to));
    expect(shown(taken.filter(({ to }) => !within('lambda/shared', 'lambda/scopes.ts')(to)))).toEqual([]);
  });

  test('the adapters of one technology import none of another', () => {
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

  test('the dashboard page imports the dashboard API, its own files and its libraries alone', () => {
    const page = all.filter(({ from }) => within('lambda/web')(from));
    expect(page.length).toBeGreaterThan(20);
    const isAllowed = ({ to, typeOnly }: Import) =>
      within('lambda/web', 'lambda/core/dashboard/dashboard-api.ts')(to) ||
      (typeOnly && within('lambda/core')(to)) ||
      /^(preact|chart\.js)(\/|$)/.test(to);
    expect(shown(page.filter((each) => !isAllowed(each)))).toEqual([]);
    expect(shown(all.filter(({ from, to }) => !within('lambda/web')(from) && within('lambda/web')(to)))).toEqual([]);
  });

  test('lib and lambda import neither the emulator nor the command line', () => {
    expect(crossing(['lib', 'lambda'], ['local', 'bin', 'cli', 'bench'])).toEqual([]);
  });

  test('the emulator loads no construct library, which takes as long as the rest of its start', () => {
    const loaded = new Set(sources.filter(within('local')));
    for (const file of loaded) for (const { to, typeOnly } of importsOf(file)) if (!typeOnly) loaded.add(to);
    expect(loaded.has('esbuild')).toBe(true);
    expect([...loaded].filter((name) => /^(aws-cdk-lib|constructs|cdk-nag)/.test(name))).toEqual([]);
  });

  test('bin and cli alone import the command line', () => {
    expect(shown(all.filter(({ from, to }) => within('cli')(to) && !within('cli', 'bin')(from)))).toEqual([]);
  });

  test('create imports Node.js and its own files alone', () => {
    const imports = all.filter(({ from }) => within('create')(from));
    expect(shown(imports.filter(({ to }) => !within('create')(to) && !to.startsWith('node:')))).toEqual([]);
  });

  test('no source imports a test', () => {
    expect(crossing(folders, ['test'])).toEqual([]);
  });
});

test('no files import each other in a circle, type imports included', () => {
  const edges = new Map(sources.map((file) => [file, importsOf(file).map(({ to }) => to)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const follow = (file: string, path: string[]) => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) if (edges.has(next)) follow(next, [...path, file]);
    done.add(file);
  };
  for (const file of sources) follow(file, []);
  expect(circles).toEqual([]);
});

test('core waits, reads the time and draws random numbers through its ports alone', () => {
  const direct =
    /\b(setTimeout|setInterval|setImmediate|Date\.now|Math\.random|performance\.now)\b|new Date\(\)|process\./;
  const code = (file: string) => read(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const core = files('lambda/core/**/*.ts').filter((file) => file !== 'lambda/core/support/clock.ts');
  expect(core.filter((file) => direct.test(code(file)))).toEqual([]);
});

describe('names', () => {
  test('no two source files have the same name', () => {
    const byName = Map.groupBy([...sources, ...files('test/**/*.{ts,cjs}')], (file) => basename(file));
    expect([...byName.values()].filter((same) => same.length > 1)).toEqual([]);
  });

  test('no file is a collection without a subject', () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc|index)(\.ts|\/)/;
    expect(sources.filter((file) => vague.test(file))).toEqual([]);
  });

  test('one exported type name means one thing in lambda and lib', () => {
    const exported = sources.filter(within('lambda', 'lib')).flatMap((file) =>
      Array.from(read(file).matchAll(/^export (?:abstract )?(?:type|interface|class|enum) (\w+)/gm), ([, name]) => ({
        name,
        file,
      })),
    );
    const byName = Map.groupBy(exported, ({ name }) => name);
    expect([...byName.values()].filter((same) => same.length > 1)).toEqual([]);
  });
});

test('no folder has more than 24 files', () => {
  const byFolder = Map.groupBy(sources, (file) => dirname(file));
  const crowded = [...byFolder]
    .filter(([, inside]) => inside.length > 24)
    .map(([folder, { length }]) => [folder, length]);
  expect(crowded).toEqual([]);
});

test('the compiler sees in each project what its runtime has', () => {
  type Options = { lib?: string[]; types?: string[]; exactOptionalPropertyTypes?: boolean };
  const options = (file: string) => JSON.parse(read(file)).compilerOptions as Options;
  const projects = ['tsconfig.json', 'lambda/tsconfig.json', 'lambda/web/tsconfig.json'];
  expect(projects.map((file) => [file, options(file).lib, options(file).types])).toEqual([
    ['tsconfig.json', ['es2024'], ['node']],
    ['lambda/tsconfig.json', ['es2024'], ['node']],
    ['lambda/web/tsconfig.json', ['es2024', 'dom', 'dom.iterable'], []],
  ]);
  // The types of aws-cdk-lib contradict this option: the root does without.
  expect(projects.map((file) => options(file).exactOptionalPropertyTypes)).toEqual([false, true, true]);
});
