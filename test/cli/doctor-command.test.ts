import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import type { Finding } from '../../cli/doctor/finding.ts';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { problems } from '../support/scripted-deployment.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

describe('holdfast doctor', () => {
  const doctor = [join(projectRoot, 'bin/cli.ts'), 'doctor'];
  const run = promisify(execFile);

  async function ended(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    try {
      const env = { ...process.env, HOLDFAST_DATA: emulator.folder };
      return { code: 0, ...(await run(process.execPath, [...doctor, ...args], { env })) };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  }

  let emulator: TestCloud;
  beforeAll(async () => {
    emulator = await TestCloud.start();
  });
  afterAll(() => emulator?.stop());

  test('reports no problem on the local emulator, with one line per check', async () => {
    const { code, stdout } = await ended(emulator.mcpUrl);
    expect(stdout).toMatch(/^ {2}ok {4}challenge\/POST +401/m);
    expect(stdout).toMatch(/^ {2}ok {4}identity-provider\/client +\S+ accepts the client and its secret$/m);
    expect(stdout).toMatch(/^\d+ ok, 0 warnings, 0 failed$/m);
    expect(code).toBe(0);
  });

  test('finds the URL of the emulator that runs on the data folder', async () => {
    const { code, stdout } = await ended('--local', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ url: emulator.mcpUrl })]);
  });

  test('signs in, calls the server in both eras and revokes the token', async () => {
    const child = spawn(process.execPath, [...doctor, emulator.mcpUrl, '--register', '--sign-in', '--json'], {
      stdio: 'pipe',
    });
    const output = text(child.stdout);
    const address = await new Promise<string>((resolve) => {
      let printed = '';
      child.stderr.setEncoding('utf8').on('data', (more: string) => {
        printed += more;
        const [, found] = /^ {2}(http\S+)\n/m.exec(printed) ?? [];
        if (found) resolve(found);
      });
    });
    await fetch(await approveAndSignIn(address, 'ada'));
    const { ok, findings } = JSON.parse(await output) as { ok: boolean; findings: Finding[] };
    expect(problems(findings)).toEqual([]);
    expect(ok).toBe(true);
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining([
        'registration',
        'sign-in/answer',
        'sign-in/token',
        'sign-in/refresh',
        '2025/initialize',
        '2025/tools',
        '2025/end',
        '2026/discover',
        '2026/tools',
        '2025/listen',
        'sign-in/revocation',
      ]),
    );
  });

  test('reports that the user declined', async () => {
    const child = spawn(process.execPath, [...doctor, emulator.mcpUrl, '--sign-in', '--json'], { stdio: 'pipe' });
    const [output, exit] = [text(child.stdout), new Promise((resolve) => child.once('exit', resolve))];
    const address = await new Promise<URL>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (more: string) => {
        const [, found] = /^ {2}(http\S+)\n/m.exec(more) ?? [];
        if (found) resolve(new URL(found));
      });
    });
    const back = new URL(address.searchParams.get('redirect_uri')!);
    const { state } = Object.fromEntries(address.searchParams);
    back.search = String(new URLSearchParams({ error: 'access_denied', state: state!, iss: emulator.origin }));
    await fetch(back);
    expect(problems(JSON.parse(await output).findings)).toEqual(['fail sign-in/answer']);
    expect(await exit).toBe(1);
  });

  test('exits with 1 and prints a remedy when a check fails', async () => {
    const { code, stdout } = await ended(`${emulator.origin}/elsewhere`);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}FAIL {2}challenge\/POST .*\n {8}Why: .*\n {8}Do: {2}/m);
  });

  test('prints lines with --watch --json until SIGINT, and exits with the code of the last round', async () => {
    const url = `${emulator.origin}/elsewhere`;
    const child = spawn(process.execPath, [...doctor, url, '--watch', '--json'], { stdio: 'pipe' });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    const line = await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
    child.kill('SIGINT');
    expect(JSON.parse(line)).toMatchObject({ time: expect.any(Number), url, ok: false });
    expect(await exit).toBe(1);
  });

  test.each([
    [''],
    ['mcp.example.com'],
    ['https://a.example/mcp https://b.example/mcp'],
    ['https://a.example/mcp --timeout soon'],
    ['https://a.example/mcp --api-host https://b.example'],
    ['https://a.example/mcp --fast'],
    ['https://a.example/mcp --local'],
    ['https://a.example/mcp --watch --register'],
    ['https://a.example/mcp --watch --sign-in'],
    ['https://a.example/mcp --watch --interval 5'],
  ])('exits with 2 and prints its usage for the arguments "%s"', async (line) => {
    const { code, stderr } = await ended(...line.split(' ').filter(Boolean));
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: holdfast doctor [options] [url]');
  });

  test('prints its options with --help', async () => {
    expect(await ended('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('--sign-in') });
  });
});
