import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(__dirname, '../..');

/** Prints the URL of every loaded module on standard error when the process ends. */
const listModules = `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  process.on('exit', () => process.stderr.write(loaded.join('\\n')));`;

function modulesOf(...args: string[]): string[] {
  const script = `"${process.execPath}" --import 'data:text/javascript,${encodeURIComponent(listModules).replaceAll("'", '%27')}' bin/cli.ts ${args.join(' ')} 2>&1 >/dev/null || true`;
  return execFileSync('sh', ['-c', script], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, PORT: 'none', AWS_EC2_METADATA_DISABLED: 'true' },
  })
    .split('\n')
    .filter((line) => line.includes('file://'));
}

const isAwsSdk = (url: string) => /node_modules\/(@aws-sdk|@smithy)\//.test(url);

test.each([['--help'], ['sessions list --help'], ['doctor http://127.0.0.1:1/mcp'], ['dev']])(
  'holdfast %s does not load the AWS SDK',
  (line) => {
    const modules = modulesOf(...line.split(' '));
    expect(modules.length).toBeGreaterThan(20);
    expect(modules.filter(isAwsSdk)).toEqual([]);
  },
);

test('holdfast --help loads no work of a command', () => {
  const work = /\/(local\/emulator|cli\/(actions|dev|doctor|import\/import-run|target\/deployment)[^/]*)/;
  expect(modulesOf('--help').filter((url) => work.test(url))).toEqual([]);
});

test('a command that reads the table loads the AWS SDK', () => {
  expect(modulesOf('stats', '--region', 'eu-west-1').some(isAwsSdk)).toBe(true);
});
