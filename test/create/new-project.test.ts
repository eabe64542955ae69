import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { readProjectDefaults } from '../../build/tested-versions.ts';
import { runCreate } from '../../create/create-command.ts';
import { CreateError } from '../../create/create-error.ts';

const root = join(__dirname, '../..');
const template = join(root, 'create/template');
const defaults = readProjectDefaults();
let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'holdfast-create-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

const create = (args: string[], userAgent = 'npm/11.19.1 node/v24.21.0 linux x64 workspaces/false') =>
  runCreate(args, { cwd, userAgent, defaults });
const read = (file: string) => readFileSync(join(cwd, file), 'utf8');
const readJson = (file: string) => JSON.parse(read(file));
const filesOf = (folder: string) =>
  globSync('**/*', { cwd: join(cwd, folder), withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(cwd, folder).length + 1))
    .sort();

test('a new project has a CDK app, a server, their tests, and a file of local variables that git ignores', () => {
  create(['my-server']);
  const files = ['README.md', 'bin/app.ts', 'cdk.json', 'package.json', 'src/server.ts', 'test/server.test.ts'];
  expect(filesOf('my-server')).toEqual(expect.arrayContaining([...files, 'tsconfig.json']));
  expect(read('my-server/.gitignore').split('\n')).toContain('.env');
  expect(existsSync(join(cwd, 'my-server/.env'))).toBe(true);
});

test('a new project has the name of its folder, and a stack that is named after it', () => {
  create(['weather-station.v2']);
  expect(readJson('weather-station.v2/package.json').name).toBe('weather-station.v2');
  expect(read('weather-station.v2/bin/app.ts')).toContain("new HoldfastStack(app, 'WeatherStationV2'");
  const all = filesOf('weather-station.v2').map((file) => read(join('weather-station.v2', file)));
  expect(all.filter((content) => /my-server|MyServer/.test(content))).toEqual([]);
});

test('without a name, the project is my-server', () => {
  expect(create([])).toContain('cd my-server && npm install && npm start');
  expect(readJson('my-server/package.json').name).toBe('my-server');
});

test('a new project requires the versions, and has the feature flags, that Holdfast is tested with', () => {
  create(['my-server']);
  const clone = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { dependencies, devDependencies, engines } = readJson('my-server/package.json');
  expect(dependencies).toMatchObject({
    holdfast: `^${clone.version}`,
    'aws-cdk-lib': `^${clone.dependencies['aws-cdk-lib']}`,
    '@modelcontextprotocol/server': `^${clone.dependencies['@modelcontextprotocol/server']}`,
  });
  expect(devDependencies['aws-cdk']).toBe(`^${clone.devDependencies['aws-cdk']}`);
  expect(engines.node).toBe('>=22.18');
  expect(readJson('my-server/cdk.json')).toEqual({
    app: 'node --import holdfast/compile-cache bin/app.ts',
    context: JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')).context,
  });
});

test('--javascript writes no TypeScript and installs no compiler', () => {
  create(['my-server', '--javascript']);
  expect(filesOf('my-server').filter((file) => /\.ts$|tsconfig/.test(file))).toEqual([]);
  expect(filesOf('my-server')).toContain('src/server.js');
  const { scripts, devDependencies } = readJson('my-server/package.json');
  expect(Object.keys(devDependencies)).not.toContain('typescript');
  expect(scripts.test).toBe('node --test');
  expect(readJson('my-server/cdk.json').app).toBe('node --import holdfast/compile-cache bin/app.js');
  expect(read('my-server/README.md')).not.toContain('.ts');
});

test('the JavaScript template is the TypeScript template without types', () => {
  const code = (file: string, loader: 'ts' | 'js') => {
    const source = readFileSync(join(template, file), 'utf8').replaceAll(".ts'", ".js'");
    return transformSync(source, { loader, minifyWhitespace: true }).code;
  };
  const modules = globSync('**/*.ts', { cwd: join(template, 'typescript') });
  expect(modules).toContain('src/server.ts');
  expect(globSync('**/*.js', { cwd: join(template, 'javascript') })).toHaveLength(modules.length);
  for (const module of modules) {
    const javascript = join('javascript', module.replace(/\.ts$/, '.js'));
    expect(code(javascript, 'js')).toBe(code(join('typescript', module), 'ts'));
  }
});

test.each([
  ['npm/11.19.1 node/v24.21.0', 'npm install && npm start', 'npx cdk deploy'],
  ['pnpm/12.21.0 npm/? node/v24.21.0', 'pnpm install && pnpm start', 'pnpm exec cdk deploy'],
  ['yarn/4.9.1 npm/? node/v24.21.0', 'yarn install && yarn start', 'yarn cdk deploy'],
])('%s is printed its two commands, which the README repeats', (userAgent, start, deploy) => {
  const printed = create(['my-server'], userAgent);
  expect(printed).toContain(`cd my-server && ${start}\n`);
  expect(printed).toContain(`${deploy}\n`);
  expect(read('my-server/README.md')).toContain(`\n${deploy} `);
});

test('pnpm is allowed to run the install scripts of the project, and yarn installs into node_modules', () => {
  create(['a'], 'pnpm/12.21.0 npm/? node/v24.21.0');
  expect(read('a/pnpm-workspace.yaml')).toContain('esbuild: true');
  create(['b'], 'yarn/4.9.1 npm/? node/v24.21.0');
  expect(read('b/.yarnrc.yml')).toContain('nodeLinker: node-modules');
});

test('--holdfast installs a tarball, whose path is relative to the working directory', () => {
  writeFileSync(join(cwd, 'holdfast-0.1.0.tgz'), '');
  create(['my-server', '--holdfast', 'file:holdfast-0.1.0.tgz']);
  expect(readJson('my-server/package.json').dependencies.holdfast).toBe(`file:${join(cwd, 'holdfast-0.1.0.tgz')}`);
  expect(() => create(['other', '--holdfast', 'file:missing.tgz'])).toThrow(join(cwd, 'missing.tgz'));
});

test('a folder with files is rejected and not changed', () => {
  mkdirSync(join(cwd, 'my-server'));
  writeFileSync(join(cwd, 'my-server/notes.txt'), '');
  expect(() => create(['my-server'])).toThrow(CreateError);
  expect(filesOf('my-server')).toEqual(['notes.txt']);
});

test('a folder with nothing but a git repository is accepted', () => {
  mkdirSync(join(cwd, 'my-server/.git'), { recursive: true });
  create(['my-server']);
  expect(filesOf('my-server')).toContain('package.json');
});

test.each(['My-Server', '2nd-server', 'my server', '.hidden', '-x-', 'a'.repeat(101), 'holdfast', 'zod'])(
  'the name %s is rejected, and nothing is written',
  (name) => {
    expect(() => create(['--', name])).toThrow(CreateError);
    expect(filesOf('.')).toEqual([]);
  },
);

test('an unknown option and a second folder are rejected with the usage', () => {
  expect(() => create(['my-server', '--typescript'])).toThrow(/--typescript[\s\S]*Usage/);
  expect(() => create(['my-server', 'other'])).toThrow(/other[\s\S]*Usage/);
  expect(create(['--help'])).toContain('--existing');
});

test('an older Node.js is named, with the version that is needed', () => {
  const older = 'data:text/javascript,Object.defineProperty(process.versions, "node", { value: "20.19.0" })';
  const entry = join(root, 'create/create-holdfast.ts');
  const { status, stderr } = spawnSync(process.execPath, ['--import', older, entry, 'my-server'], {
    cwd,
    encoding: 'utf8',
  });
  expect(stderr).toContain('Holdfast needs Node.js 22.18 or later');
  expect(status).toBe(1);
  expect(filesOf('.')).toEqual([]);
});
