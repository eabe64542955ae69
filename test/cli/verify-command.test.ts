import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { runCli, startCli } from '../support/cli-process.ts';
import { ScriptedDeployment } from '../support/scripted-deployment.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(120_000);

/** The code blocks of the page, without imports: the tools and the scopes that an owner adds. */
const [tools, scopes] = Array.from(
  readFileSync(join(__dirname, '../../docs/verify.md'), 'utf8').matchAll(/```ts\n(.*?)```/gs),
  ([, code]) => code!.replaceAll(/^import .*\n+/gm, ''),
);

type Verification = {
  child: ReturnType<typeof startCli>;
  code: Promise<unknown>;
  /** The complete standard output. */
  report: Promise<string>;
  /** Standard error until now. */
  progress(): string;
};

describe('holdfast verify on the local emulator', () => {
  let cloud: TestCloud;
  beforeAll(async () => {
    const fixture = readFileSync(join(__dirname, '../support/fixture-scopes.ts'), 'utf8');
    cloud = await TestCloud.start({
      edits: [
        [
          'test/support/fixture-server.ts',
          '  if (listChanged) {\n',
          '  addVerifyTools(server, context);\n  if (listChanged) {\n',
        ],
        ['test/support/fixture-server.ts', 'function canElicit(', `${tools}\nfunction canElicit(`],
        ['test/support/fixture-scopes.ts', /export const scopes = .*/s.exec(fixture)![0], scopes!],
      ],
    });
  });
  afterAll(() => cloud?.stop());

  /** Starts the command, and signs ada in at the URL that it prints. */
  async function verify(...options: string[]): Promise<Verification> {
    const child = startCli(['verify', cloud.mcpUrl, ...options], {});
    const code = once(child, 'exit').then(([exitCode]) => exitCode);
    const report = text(child.stdout);
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (more: string) => (printed += more));
    const verification = { child, code, report, progress: () => printed };
    await fetch(await approveAndSignIn(await printedMatch(verification, /^ {2}(http\S+)\n/m), 'ada'));
    return verification;
  }

  /** The first group of the expression, as soon as the command has printed a match on standard error. */
  function printedMatch({ child, progress }: Verification, expected: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const [, found] = expected.exec(progress()) ?? [];
        if (found !== undefined) resolve(found);
      };
      child.stderr.on('data', look).on('end', () => reject(new Error(`${expected} is missing in ${progress()}`)));
      look();
    });
  }

  const rowsOf = (report: string) =>
    new Map(
      Array.from(report.matchAll(/^\| (\w+) \| (\S+) \| `(.*)` \|$/gm), ([, verdict, check, found]) => [
        check!,
        { verdict: verdict!, found: found! },
      ]),
    );

  test('reports each behaviour as verified, and leaves no access', async () => {
    const { code, report, progress } = await verify('--silence', '3');
    const printed = await report;
    const rows = rowsOf(printed);
    const verified = Array.from(rows)
      .filter(([, { verdict }]) => verdict === 'ok')
      .map(([check]) => check);
    expect(verified).toEqual(
      expect.arrayContaining([
        'dashboard/script',
        'sign-in/token',
        '2025/initialize',
        '2026/discover',
        '2025/step-up',
        '2026/step-up',
        '2025/silence',
        '2026/silence',
        '2025/resume',
        '2026/task',
        'refresh/rotation',
        'refresh/repeated',
        'sign-in/revocation',
        'revocation/challenge',
        'revocation/refresh',
      ]),
    );
    expect(Array.from(rows.values()).filter(({ verdict }) => verdict === 'warn' || verdict === 'fail')).toEqual([]);
    expect(printed).not.toContain('not checked');
    expect(printed).toMatch(/^Holdfast \d+\.\d+\.\d+, \d{4}-\d\d-\d\d, \d+ s\. Silent tools: 3 s\.$/m);
    expect(rows.get('2026/step-up')!.found).toBe('403, www-authenticate: Bearer …');
    expect(rows.get('revocation/challenge')!.found).toBe('401, x-amzn-remapped-www-authenticate: Bearer …');
    expect(rows.get('headers/200')!.found).toContain('mcp-session-id');
    expect(rows.get('times/mcp')!.found).toMatch(/^first \d+ ms, then median \d+ ms$/);
    expect(progress()).toContain('waiting 3 s for silent tools');
    expect(printed).not.toContain(new URL(cloud.origin).host);
    expect(await statusesOfGrants()).toEqual(['revoked']);
    const grants = (await cloud.items('G#')).filter(({ type }) => type === 'grant');
    expect(grants).toEqual([expect.objectContaining({ clientName: 'Holdfast verify' })]);
    expect(await code).toBe(0);
  });

  test('revokes its grant after an interruption, and reports the completed checks', async () => {
    const verification = await verify('--silence', '600');
    await printedMatch(verification, /(waiting 600 s)/);
    verification.child.kill('SIGINT');
    const printed = await verification.report;
    const rows = rowsOf(printed);
    expect(printed).toMatch(/^Holdfast .+, \d+ s, interrupted\. Silent tools: 600 s\.$/m);
    expect(rows.get('2026/step-up')!.verdict).toBe('ok');
    expect(rows.has('2026/silence')).toBe(false);
    expect(rows.get('sign-in/revocation')!.verdict).toBe('ok');
    expect(new Set(await statusesOfGrants())).toEqual(new Set(['revoked']));
    expect(await verification.code).toBe(130);
  });

  async function statusesOfGrants(): Promise<unknown[]> {
    return (await cloud.items('G#')).filter(({ type }) => type === 'grant').map(({ status }) => status);
  }
});

describe('holdfast verify with --token', () => {
  const deployment = new ScriptedDeployment();
  beforeAll(() => deployment.start());
  afterAll(() => deployment.stop());
  beforeEach(() => deployment.reset());

  test('reports failures without the token and the host that a response repeats', async () => {
    const token = 'the-access-token';
    const body = JSON.stringify({ message: `| @user <b> \`${token}\` at ${deployment.origin}` });
    deployment.replies['POST /mcp with a token'] = { status: 500, headers: {}, body };
    const { code, out } = await runCli(['verify', deployment.url(), '--token', token, '--silence', '1'], {});
    expect(code).toBe(1);
    const found = '500 {"message":"\\| @user <b> \'(removed)\' at http://(removed)"}';
    expect(out).toContain(`| fail | 2026/discover | \`${found}\` |\n`);
    expect(out).toContain(
      '| note | 2026/silence | `not checked: add the tool verify_wait to the server (docs/verify.md)` |',
    );
    expect(out).toContain('| note | refresh/rotation | `not checked: run verify without --token` |');
    expect(out).not.toContain(token);
  });

  test('prints the findings as JSON with --json', async () => {
    deployment.replies['POST /mcp with a token'] = { status: 503, headers: {}, body: '' };
    const { out } = await runCli(['verify', deployment.url(), '--token', 't', '--json'], {});
    const report = JSON.parse(out) as { findings: unknown[] };
    expect(report).toMatchObject({ silenceSeconds: 130, wasInterrupted: false });
    expect(report.findings).toContainEqual(expect.objectContaining({ check: '2026/discover', verdict: 'fail' }));
  });

  test('reports an unreachable server and checks nothing else', async () => {
    const { code, out } = await runCli(['verify', 'http://127.0.0.1:1/mcp', '--json'], {});
    expect([code, JSON.parse(out).findings]).toEqual([1, [expect.objectContaining({ check: 'reachable' })]]);
  });

  test.each([[''], ['mcp.example.com'], ['https://a.example/mcp --silence 601']])(
    'exits with 2 and prints its usage for the arguments "%s"',
    async (line) => {
      const { code, errors } = await runCli(['verify', ...line.split(' ').filter(Boolean)], {});
      expect(code).toBe(2);
      expect(errors).toContain('Usage: holdfast verify [options] <url>');
    },
  );
});
