import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../local/free-port.ts';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

let target: TestCloud;
let folder: string;
beforeAll(async () => {
  target = await TestCloud.start();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-conformance-'));
});
afterAll(async () => {
  await target?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const program = join(__dirname, '..', '..', 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js');

/** Runs the suite. It prints an authorization URL, and waits for the redirect of a user who opens it. */
async function conformance(parameters: string[]): Promise<{ status: number | null; printed: string }> {
  const child = spawn(process.execPath, [program, 'authorization', ...parameters, '-o', folder]);
  let printed = '';
  let opened: Promise<unknown> | undefined;
  const read = (text: string) => {
    printed += text;
    const [url] = /http\S+\/authorize\?\S+/.exec(printed) ?? [];
    if (url !== undefined) opened ??= approveAndSignIn(url, 'ada').then(fetch);
  };
  child.stdout.setEncoding('utf8').on('data', read);
  child.stderr.setEncoding('utf8').on('data', read);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  await opened;
  return { status, printed };
}

type Check = { id: string; status: string; errorMessage?: string };

test('K1: the authorization server passes the conformance suite of the protocol', async () => {
  const port = await freePort();
  const { id } = await target.client({ redirect_uris: [`http://127.0.0.1:${port}/callback`] });
  const resource = `${target.origin}/mcp`;
  const { status, printed } = await conformance([
    '--url',
    target.origin,
    '--client-id',
    id,
    '--resource',
    resource,
    '-p',
    String(port),
  ]);
  const checks = globSync('**/checks.json', { cwd: folder }).flatMap(
    (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Check[],
  );
  // A warning is a recommendation of the protocol, not a requirement.
  const failed = checks.filter((check) => check.status !== 'SUCCESS' && check.status !== 'WARNING');
  expect([status, failed, printed]).toEqual([0, [], expect.stringContaining('2 passed, 0 failed')]);
});
