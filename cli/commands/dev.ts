#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { demoUsers } from '../../local/cognito/demo-users.ts';
import { type Emulator, type Report, startEmulator } from '../../local/emulator.ts';

const usage = `Runs the stack on this computer: npm start [-- options]

  --fresh   forget every user, session and key of earlier runs
  --json    print one JSON object when ready, and everything else on stderr
  --help    print this

  PORT           the server's port (8787)
  HOLDFAST_DATA  the folder that keeps everything over restarts (.holdfast)
`;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** @throws Mistake for an option or a value that is not one */
function configuration(environment: NodeJS.ProcessEnv) {
  const { PORT = '8787', HOLDFAST_DATA } = environment;
  const port = Number(PORT);
  if (PORT.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_534) {
    throw new ConfigurationError(`PORT is ${JSON.stringify(PORT)}, not a number from 0 (any free port) to 65534`);
  }
  const folder = HOLDFAST_DATA ? resolve(HOLDFAST_DATA) : resolve(root, '.holdfast');
  try {
    const { values } = parseArgs({
      options: { fresh: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
    });
    return { port, folder, ...values };
  } catch (error) {
    throw new ConfigurationError(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
}

/** Speaks to a person, who reads everything, or to a program, which reads one object on stdout. */
function reporter(json: boolean): Report & { started(): void } {
  const out = json ? process.stderr : process.stdout;
  const say = (text: string) => void out.write(`${text}\n`);
  /** A line that the next one replaces, where there is a terminal to do so. */
  const passing = (text: string) => void out.write(out.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  return {
    progress: (step) => passing(`Starting: ${step} …`),
    started: () => void (out.isTTY && out.write('\r\x1b[K')),
    request({ method, path, status, durationMs, error }) {
      const shown = [method.padEnd(6), path, status || 'gone', `${Math.round(durationMs)} ms`, error];
      say(shown.filter((part) => part !== undefined).join('  '));
    },
    output: (_, line) => say(line.replace(/^/gm, '    ')),
    reloaded: (outcome) => say(`Sources changed: ${outcome}`),
  };
}

/** What a newcomer does next. */
function welcome({ outputs, identityProvider }: Emulator, folder: string): string {
  const url = outputs.McpUrl!;
  const names = demoUsers.map(({ username }) => username);
  const admins = demoUsers.filter(({ admin }) => admin).map(({ username }) => username);
  const nearby = relative(process.cwd(), folder);
  const rows: [string, string | undefined][] = [
    ['MCP server', url],
    ['Dashboard', outputs.DashboardUrl],
    [
      'Sign in as',
      identityProvider && `${names.join(', ')} (the password is the name); ${admins.join(', ')} is an admin`,
    ],
    ['Sign out', identityProvider && `${identityProvider.issuer}/logout`],
    ['Callback', identityProvider ? undefined : outputs.CallbackUrl],
    ['Data', `${nearby.startsWith('..') ? folder : nearby} (npm start -- --fresh forgets it)`],
    ['', ''],
    ['Claude Code', `claude mcp add --transport http holdfast ${url} && claude mcp login holdfast`],
    ['Codex', `codex mcp add holdfast --url ${url}`],
    ['Gemini CLI', `gemini mcp add --scope user --transport http holdfast ${url}`],
    ['VS Code', `code --add-mcp '${JSON.stringify({ name: 'holdfast', type: 'http', url })}'`],
    ['Inspector', `npx @modelcontextprotocol/inspector@2.12.0 --cli ${url} --method tools/list`],
  ];
  const lines = rows.filter(([, value]) => value !== undefined).map(([name, value]) => `  ${name.padEnd(13)}${value}`);
  return `\n${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function description({ outputs, identityProvider }: Emulator) {
  return {
    ready: true,
    mcpUrl: outputs.McpUrl,
    issuer: identityProvider?.issuer,
    identityProvider: identityProvider ? 'local' : 'external',
    users: identityProvider ? demoUsers.map(({ username, admin }) => ({ username, password: username, admin })) : [],
    outputs,
    pid: process.pid,
  };
}

/** npm passes no signal on when it is itself ended, so what it has started has to notice. */
function whenOrphaned(react: () => void): void {
  const shell = process.ppid;
  const npm = parentOf(shell);
  const timer = setInterval(() => {
    if (process.ppid === shell && parentOf(shell) === npm) return;
    clearInterval(timer);
    react();
  }, 250);
  timer.unref();
}

/** The parent of a process, where `/proc` tells it: npm runs a script through a shell, which may outlive it. */
function parentOf(pid: number): string | undefined {
  try {
    return /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const { port, folder, fresh, json = false, help } = configuration(process.env);
  if (help) {
    process.stdout.write(usage);
    return;
  }
  const report = reporter(json);
  const starting = startEmulator({ port, folder, fresh, report });
  let stopping = false;
  const stop = async () => {
    stopping = true;
    const cloud = await starting.catch(() => undefined);
    await cloud?.close();
    process.exit(0);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  if (process.env.npm_lifecycle_event) whenOrphaned(stop);
  const cloud = await starting.catch((error) => {
    // Ctrl+C reaches the CDK app too, and what becomes of it then is no mistake.
    if (stopping) process.exit(0);
    throw error;
  });
  report.started();
  if (json) process.stdout.write(`${JSON.stringify(description(cloud))}\n`);
  else process.stdout.write(`${welcome(cloud, folder)}\nready ${cloud.outputs.McpUrl}\n`);
}

main().catch((error) => {
  // A mistake says what to do; anything else is ours, and its stack says where.
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exit(1);
});
