/**
 * Makes the README's pictures from a real first session, so that they show what a newcomer gets: runs `npm start`, calls
 * a tool with the MCP Inspector, signs in as ada in Chromium on the way, and draws what was printed.
 *
 * `npm run pictures`. Needs the default port to be free, Chromium, and jq, which the second command is piped into.
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
/** As a newcomer has it, whatever npm puts into the environment of its scripts. */
const environment = { PATH: process.env.PATH!, HOME: scratch, HOLDFAST_DATA: data };

const inspect = `npx @modelcontextprotocol/inspector@2.12.0 --cli http://127.0.0.1:8787/mcp \\
    --method tools/call --tool-name whoami | jq -r '.content[0].text'`;

type Line = { kind: 'prompt' | 'text' | 'quiet' | 'link'; text: string };

/** Of the drawing: the terminals' width in characters, and the rest in pixels. */
const COLUMNS = 112;
const CHARACTER = 7.8;
const LINE = 19;
const PADDING = 16;
const BAR = 28;
const WIDTH = Math.ceil(COLUMNS * CHARACTER + 2 * PADDING);

const server = run('npm start', environment);
try {
  await server.until(/^ready http.*$/m);
  const client = run(inspect, { ...environment, ...quietDesktop() });
  const { 1: url } = await client.until(/Please navigate to: (\S+)/);
  await signIn(url!);
  await client.ended();
  // The request that ends the Inspector's session may come after its answer.
  await server.until(/(POST {4}\/mcp {2}200[\s\S]*){3}/);
  writeFileSync(join(pictures, 'first-session.svg'), draw(server.printed, client.printed));
} finally {
  process.kill(-server.child.pid!, 'SIGTERM');
  await server.ended().catch(() => undefined);
  rmSync(scratch, { recursive: true, force: true });
}

/** A command as typed into a shell, with all that it prints. In a process group of its own, to be ended as a whole. */
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
    /** @throws Error with what it printed, when it ends before printing this */
    async until(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const match = pattern.exec(running.printed);
        if (match) return match;
        if (child.exitCode !== null) throw new Error(`${command} ended without ${pattern}:\n${running.printed}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    /** @throws Error with what it printed, when it fails */
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

/** A desktop on which nothing opens by itself, since `signIn` opens it; and without a terminal the Inspector must be told to go on. */
function quietDesktop(): NodeJS.ProcessEnv {
  const programs = join(scratch, 'programs');
  mkdirSync(programs);
  for (const name of ['open', 'xdg-open']) {
    writeFileSync(join(programs, name), '#!/bin/sh\n');
    chmodSync(join(programs, name), 0o755);
  }
  const PATH = `${programs}${delimiter}${environment.PATH}`;
  return { PATH, BROWSER: 'true', MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'memory' };
}

/** Approves, signs in as ada, and is sent back to the Inspector, taking a picture of each page on the way. */
async function signIn(url: string): Promise<void> {
  const executable = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
  if (!executable) throw new Error('There is no Chromium in its usual places: name it in CHROMIUM');
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

/** Two terminals, one above the other: the server's, then the client's. */
function draw(serverPrinted: string, clientPrinted: string): string {
  const served = serverPrinted
    // The one thing a newcomer sees otherwise: the data are in the project, not in our scratch folder.
    .replaceAll(data, '.holdfast')
    .replace(/^npm warn.*\n/gm, '')
    .replace(/^\n?> .*\n/gm, '')
    .replace(/^\n+/, '');
  const called = clientPrinted
    // What the Inspector says of its key ring depends on the computer.
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
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="A terminal runs npm start; another one calls the tool whoami, and the answer names the user who signed in">
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
  const texts = lines.map(({ kind, text }, index) => {
    if (text === '') return '';
    // A fixed length keeps the columns where they are, whatever the reader's font is.
    const length = `textLength="${(text.length * CHARACTER).toFixed(1)}" lengthAdjust="spacingAndGlyphs"`;
    return `<text class="${kind}" x="${PADDING}" y="${BAR + (index + 0.75) * LINE}" xml:space="preserve" ${length}>${escaped(text)}</text>`;
  });
  const dots = [0, 1, 2].map((index) => `<circle class="dot" cx="${PADDING + 5 + index * 16}" cy="15" r="5"/>`);
  const window = `<rect class="window" x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="9"/>`;
  return [window, ...dots, ...texts.filter(Boolean)].join('\n');
}

/** The request lines and what passes by are quiet; addresses stand out. */
function asLine(text: string): Line {
  if (/^(GET|POST|DELETE|Starting:)/.test(text)) return { kind: 'quiet', text };
  return { kind: /^(ready|Please)/.test(text) ? 'link' : 'text', text };
}

/** As a terminal breaks it; but an authorization URL fills five lines and tells nothing, so it is cut. */
function wrapped({ kind, text }: Line): Line[] {
  if (text.startsWith('Please')) return [{ kind, text: `${text.slice(0, COLUMNS - 1)}…` }];
  const parts = text.match(new RegExp(`.{1,${COLUMNS}}`, 'g')) ?? [''];
  return parts.map((part) => ({ kind, text: part }));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
