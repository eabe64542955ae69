/**
 * Runs the commands that `npm start` prints with the assistants of three vendors, up to a tool call, and again after the
 * signing key was replaced. A scripted model takes the place of the vendors' models, so that no account is needed.
 *
 * `npm run test:clients`. The assistants, 900 MB, are installed from npm into a folder in `node_modules/.cache`, and therefore
 * not part of `npm test`. Their sign-in needs a terminal: the program `script` of util-linux, on Linux. Without them this
 * program fails.
 */

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  assemblyOfSources,
  changed,
  type Edit,
  setVariables,
  withoutThrottling,
} from '../../bench/harness/assembly.ts';
import { EmulatorProcess } from '../../bench/harness/emulator-process.ts';
import { clientCommands } from '../../cli/dev/client-commands.ts';
import type { ClientCommand } from '../../lambda/shared/client-setups.ts';
import { ClientHome } from '../support/client-home.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { installPrograms } from '../support/installed-programs.ts';
import { Terminal } from './client-terminal.ts';
import { ScriptedModel } from './scripted-model.ts';

const packages = ['@anthropic-ai/claude-code@2.1.332', '@openai/codex@0.171.0', '@google/gemini-cli@0.61.0'];

/** Claude Code and Codex name a document on the web as their client; tests do not depend on the web. */
async function assemblyWith(edits: Edit[] = []): Promise<string> {
  return changed(await assemblyOfSources(edits), (resources) => {
    withoutThrottling(resources);
    setVariables(resources, 'OAuth', { CLIENT_DOCUMENTS: 'off' });
  });
}

type Assistant = {
  /** Its name in the output of `npm start`. */
  name: string;
  environment: (model: string) => Record<string, string>;
  /** Whether it refreshes its tokens when a server rejects one before its expiry. */
  refreshesRejectedTokens: boolean;
  /** Answers what it asks a person at its first start. */
  prepare?: (home: ClientHome) => void;
  /** Asks the model something, without a terminal. */
  ask: (model: string) => string[];
};

/** Between the keys of a person. */
const PAUSE_MILLISECONDS = 500;

/** Signs in as `npm start` says: by a command for the shell, and one that is typed in the assistant. */
async function signIn({ command, typed }: ClientCommand, home: ClientHome): Promise<void> {
  const terminal = new Terminal(command, home);
  try {
    if (typed === undefined) return await terminal.succeeds();
    await terminal.shows('Type your message');
    const [first, ...rest] = typed.split(' ');
    terminal.type(first!);
    // Until it completes the command, it takes it for a prompt.
    await terminal.shows('Manage configured Model Context Protocol');
    await setTimeout(PAUSE_MILLISECONDS);
    terminal.type(` ${rest.join(' ')}`);
    await terminal.shows(typed);
    // Gemini CLI takes a return that follows at once for a part of pasted text.
    await setTimeout(PAUSE_MILLISECONDS);
    terminal.type('\r');
    await terminal.shows('Do you want to continue?');
    terminal.type('\r');
    await terminal.shows('Successfully authenticated and reloaded tools');
  } finally {
    await terminal.close();
  }
}

const assistants: Assistant[] = [
  {
    name: 'Claude Code',
    refreshesRejectedTokens: true,
    environment: (model) => ({
      ANTHROPIC_API_KEY: 'none',
      ANTHROPIC_BASE_URL: model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      // Otherwise the model has to search for the tools of a server.
      ENABLE_TOOL_SEARCH: 'false',
    }),
    ask: () => ['claude', '-p', 'Who am I?', '--allowedTools', 'mcp__holdfast__whoami'],
  },
  {
    name: 'Codex',
    refreshesRejectedTokens: true,
    environment: () => ({ NO_KEY: 'none' }),
    ask: (model) => {
      const provider = `{name="scripted",base_url="${model}/v1",wire_api="responses",env_key="NO_KEY"}`;
      const settings = ['model=scripted', 'model_provider=scripted', `model_providers.scripted=${provider}`];
      const flags = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];
      return ['codex', 'exec', ...flags, ...settings.flatMap((setting) => ['-c', setting]), 'Who am I?'];
    },
  },
  {
    name: 'Gemini CLI',
    refreshesRejectedTokens: false,
    environment: (model) => ({
      GEMINI_API_KEY: 'none',
      GOOGLE_GEMINI_BASE_URL: model,
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
    }),
    prepare({ folder }) {
      mkdirSync(join(folder, '.gemini'));
      const settings = { security: { auth: { selectedType: 'gemini-api-key' } } };
      writeFileSync(join(folder, '.gemini', 'settings.json'), JSON.stringify(settings));
    },
    ask: () => ['gemini', '-p', 'Who am I?', '--approval-mode', 'yolo', '-m', 'gemini-2.5-pro'],
  },
];

const programs = installPrograms(packages);
const assembly = await assemblyWith();
const model = await ScriptedModel.start('whoami');
const emulator = await EmulatorProcess.run({ assembly });
let [passed, failed] = [0, 0];

async function check(what: string, proof: () => Promise<void>): Promise<void> {
  try {
    await proof();
    passed++;
    console.log(`passed  ${what}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${what}\n${(error as Error).stack}`);
  }
}

/** The assistant's model calls `whoami` in one turn and receives the result in the next. */
async function callTool({ name, ask }: Assistant, home: ClientHome): Promise<void> {
  const [program = '', ...options] = ask(model.origin);
  model.turns.length = 0;
  const { code, stdout, stderr } = await home.run(program, options);
  assert.equal(code, 0, `${name}: ${stdout}${stderr}`);
  const [first, second] = model.turns;
  assert.deepEqual(first, { isOffered: true, results: [] });
  assert.match(second?.results.join() ?? '', /subject.*groups/);
}

const homes = new Map(assistants.map(({ name }) => [name, new ClientHome([programs])]));

for (const assistant of assistants) {
  const home = homes.get(assistant.name)!;
  assistant.prepare?.(home);
  Object.assign(home.environment, assistant.environment(model.origin));
  await check(`${assistant.name} signs in by the printed commands, and calls a tool`, async () => {
    await signIn(clientCommands(emulator.mcpUrl).find(({ client }) => client === assistant.name)!, home);
    await callTool(assistant, home);
    assert.equal(home.opened().length, 1);
  });
}

const { token } = await (await DashboardClient.signIn(emulator.origin, 'ada')).makeToken();
/** Commands that add the server with a personal access token, by assistant. */
const withToken: Record<string, string[]> = {
  'Claude Code': ['claude', 'mcp', 'add', '--transport', 'http', 'holdfast', emulator.mcpUrl, '--header'].concat(
    `Authorization: Bearer ${token}`,
  ),
  Codex: ['codex', 'mcp', 'add', 'holdfast', '--url', emulator.mcpUrl, '--bearer-token-env-var', 'HOLDFAST_TOKEN'],
};

for (const assistant of assistants.filter(({ name }) => name in withToken)) {
  const home = new ClientHome([programs]);
  Object.assign(home.environment, assistant.environment(model.origin), { HOLDFAST_TOKEN: token });
  await check(`${assistant.name} calls a tool with a personal access token in a fixed header`, async () => {
    const [program = '', ...options] = withToken[assistant.name]!;
    const { code, stdout, stderr } = await home.run(program, options);
    assert.equal(code, 0, `${stdout}${stderr}`);
    await callTool(assistant, home);
    assert.equal(home.opened().length, 0);
  });
  home.remove();
}

const replaced: Edit = [
  'bin/holdfast.ts',
  'upstreamTokens: settings',
  "signingKeys: ['2'],\n    upstreamTokens: settings",
];
const replacement = await assemblyWith([replaced]);
await emulator.deploy(replacement);

for (const assistant of assistants.filter(({ refreshesRejectedTokens }) => refreshesRejectedTokens)) {
  const home = homes.get(assistant.name)!;
  await check(`${assistant.name} calls a tool in its next turn after the signing key was replaced`, async () => {
    await callTool(assistant, home);
    assert.equal(home.opened().length, 1);
  });
}

for (const home of homes.values()) home.remove();
for (const folder of [assembly, replacement]) rmSync(folder, { recursive: true });
model.close();
await emulator.stop();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
