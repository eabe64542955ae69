/**
 * Draws the README's pictures from a real first session, so that they show the actual output: runs `npm start`, calls a
 * tool with the MCP Inspector, signs in as ada in Chromium on the way, and draws the printed lines.
 *
 * `npm run pictures`. Requires the default port, Chromium, and jq, the target of the second command's pipe.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pictures = import.meta.dirname;
const scratch = mkdtempSync(join(tmpdir(), 'holdfast-pictures-'));
const data = join(scratch, 'data');
/** The environment of a new shell, without the variables that npm adds for its scripts. */
const environment = { PATH: process.env.PATH!, HOME: scratch, HOLDFAST_DATA: data };

const inspect = `npx @modelcontextprotocol/inspector@2.12.0 --cli http://127.0.0.1:8787/mcp \\
    --method tools/call --tool-name whoami | jq -r '.content[0].text'`;

type Line = { kind: 'prompt' | 'text' | 'quiet' | 'link'; text: string };

/** Dimensions of the drawing: the terminals' width in characters, the others in pixels. */
const COLUMNS = 112;
const CHARACTER = 7.8;
const LINE = 19;
const PADDING = 16;
const BAR = 28;
const WIDTH = Math.ceil(COLUMNS * CHARACTER + 2 * PADDING);

const server = run('npm start', environment);
try {
  await server.until(/^ready http.*$/m);
  const client = run(inspect, { ...environment, ...environmentWithoutBrowser() });
  const { 1: url } = await client.until(/Please navigate to: (\S+)/);
  await signIn(url!);
  await client.ended();
  // The line of the call may follow its output.
  await server.until(/^tools\/call whoami .+ success .+$/m);
  writeFileSync(join(pictures, 'first-session.svg'), draw(server.printed, client.printed));
} finally {
  process.kill(-server.child.pid!, 'SIGTERM');
  await server.ended().catch(() => undefined);
  rmSync(scratch, { recursive: true, force: true });
}

/** Runs a shell command and collects its output. A separate process group lets the whole command be ended. */
function run(command: string, env: NodeJS.ProcessEnv) {
  const child: ChildProcess = spawn('bash', ['-o', 'pipefail', '-c', command], {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = {
    child,
    printed: '',
    /** @throws Error with the output, if the command ends before it prints the pattern */
    async until(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const match = pattern.exec(running.printed);
        if (match) return match;
        if (child.exitCode !== null) throw new Error(`${command} ended without ${pattern}:\n${running.printed}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    /** @throws Error with the output, if the command fails */
    async ended(): Promise<void> {
      while (child.exitCode === null && child.signalCode === null) await new Promise((done) => setTimeout(done, 50));
      if (child.exitCode !== 0) throw new Error(`${command} ended with ${child.exitCode}:\n${running.printed}`);
    },
  };
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      running.printed += text;
    });
  }
  return running;
}

/** Replaces the browser openers, because `signIn` opens the URL, and lets the Inspector run without a terminal. */
function environmentWithoutBrowser(): NodeJS.ProcessEnv {
  const programs = join(scratch, 'programs');
  mkdirSync(programs);
  for (const name of ['open', 'xdg-open']) {
    writeFileSync(join(programs, name), '#!/bin/sh\n');
    chmodSync(join(programs, name), 0o755);
  }
  const PATH = `${programs}${delimiter}${environment.PATH}`;
  return { PATH, BROWSER: 'true', MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'memory' };
}

/** Approves, signs in as ada and follows the redirect to the Inspector; takes a picture of each page. */
async function signIn(url: string): Promise<void> {
  const executable = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
  if (!executable) throw new Error('Chromium was not found: set CHROMIUM to the path of its executable');
  const browser = await chromium.launch({ executablePath: executable, args: ['--no-sandbox', '--disable-gpu'] });
  const page = await browser.newPage({ viewport: { width: 560, height: 560 }, colorScheme: 'light' });
  await page.goto(url);
  await page.screenshot({ path: join(pictures, 'consent.png'), fullPage: true });
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByLabel(/user/i).fill('ada');
  await page.getByLabel(/password/i).fill('ada');
  await page.screenshot({ path: join(pictures, 'sign-in.png'), fullPage: true });
  await page.keyboard.press('Enter');
  await page.waitForURL(/oauth\/callback/);
  await browser.close();
}

/** Draws two terminals, one above the other: the server's, then the client's. */
function draw(serverPrinted: string, clientPrinted: string): string {
  const served = serverPrinted
    // A reader's data folder is in the project, not in the scratch folder of this script.
    .replaceAll(data, '.holdfast')
    .replace(/^npm warn.*\n/gm, '')
    .replace(/^\n?> .*\n/gm, '')
    .replace(/^\n+/, '');
  const called = clientPrinted
    // The Inspector's lines about its key ring depend on the computer.
    .replace(/^(\[mcp-inspector\]|npm warn).*\n/gm, '');
  const terminals = [
    ['npm start', served],
    [inspect, called],
  ].map(([command, printed]) => {
    const typed = `$ ${command}`.split('\n').map((text): Line => ({ kind: 'prompt', text }));
    return [...typed, ...printed!.trimEnd().split('\n').map(asLine)].flatMap(wrapped);
  });
  let top = 0;
  const drawn = terminals.map((lines) => {
    const height = BAR + lines.length * LINE + PADDING;
    const svg = `<g transform="translate(0 ${top})">${terminal(lines, height)}</g>`;
    top += height + PADDING;
    return svg;
  });
  const height = top - PADDING;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="A terminal runs npm start; another one calls the tool whoami, and the result names the signed-in user">
<style>
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre; fill: #24292f }
  .prompt { font-weight: 600 } .quiet { fill: #59636e } .link { fill: #0550ae }
  .window { fill: #f6f8fa; stroke: #d0d7de } .dot { fill: #d0d7de }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .link { fill: #79c0ff }
    .window { fill: #161b22; stroke: #3d444d } .dot { fill: #3d444d }
  }
</style>
${drawn.join('\n')}
</svg>
`;
}

function terminal(lines: Line[], height: number): string {
  const drawnLines = lines.map(({ kind, text }, index) => {
    if (text === '') return '';
    // A fixed length keeps the columns aligned in every font.
    const length = `textLength="${(text.length * CHARACTER).toFixed(1)}" lengthAdjust="spacingAndGlyphs"`;
    return `<text class="${kind}" x="${PADDING}" y="${BAR + (index + 0.75) * LINE}" xml:space="preserve" ${length}>${escaped(text)}</text>`;
  });
  const dots = [0, 1, 2].map((index) => `<circle class="dot" cx="${PADDING + 5 + index * 16}" cy="15" r="5"/>`);
  const window = `<rect class="window" x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="9"/>`;
  return [window, ...dots, ...drawnLines.filter(Boolean)].join('\n');
}

/** Request lines and progress are dimmed; URLs are highlighted. */
function asLine(text: string): Line {
  if (/^(GET|POST|DELETE|tools\/call|Starting:)/.test(text)) return { kind: 'quiet', text };
  return { kind: /^(ready|Please)/.test(text) ? 'link' : 'text', text };
}

/** Breaks a line as a terminal does. An authorization URL of five lines has no information for a reader and is cut. */
function wrapped({ kind, text }: Line): Line[] {
  if (text.startsWith('Please')) return [{ kind, text: `${text.slice(0, COLUMNS - 1)}…` }];
  const rows = text.match(new RegExp(`.{1,${COLUMNS}}`, 'g')) ?? [''];
  return rows.map((row) => ({ kind, text: row }));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
