/**
 * Runs published MCP servers behind Holdfast, changed as docs/servers.md describes it: the local emulator with a new process
 * for each request, and clients of both eras.
 *
 * `npm run test:servers`, or `-- <name>` for one. It installs packages from the registry, and is therefore not part of `npm
 * test`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmulatorProcess } from '../../bench/harness/emulator-process.ts';
import { ProjectCopy } from '../../bench/harness/project-copy.ts';
import { OAuthClient } from '../../bench/harness/raw-oauth-client.ts';
import type { Clock } from '../../lambda/core/support/clock.ts';
import { synthesize } from '../../local/template/synthesis.ts';
import { type Answers, type Endpoint, ofSessions, ofToday, type TestClient } from '../support/era-clients.ts';
import { type Api, startApi } from './described-api.ts';
import { gitlabServer, memoryServer } from './published-servers.ts';

const versions = {
  '@modelcontextprotocol/client': '2.4.0',
  '@modelcontextprotocol/core': '2.4.0',
  '@modelcontextprotocol/ext-apps': '2.0.4',
  '@modelcontextprotocol/sdk': '1.32.2',
  '@modelcontextprotocol/server': '2.4.0',
  '@modelcontextprotocol/server-everything': '2026.8.31',
  '@modelcontextprotocol/server-memory': '2026.8.31',
  '@zereight/mcp-gitlab': '2.1.64',
  zod: '4.6.7',
};

type Server = {
  /** The module, as docs/servers.md has or describes it. */
  module: (readInstalled: (path: string) => string) => string;
  /** Files beside the module, by name. */
  files?: () => Record<string, string>;
  check: (client: TestClient, era: string) => Promise<void>;
};

const textOf = ({ content }: { content: { text?: string }[] }) => content.map(({ text }) => text ?? '').join('\n');

const servers: Record<string, Server> = {
  'server-everything': {
    module: () => listing('server-everything'),
    check: async (client) => {
      const { tools } = (await client.listTools()) as { tools: { name: string }[] };
      const names = tools.map(({ name }) => name);
      for (const name of [
        'echo',
        'get-structured-content',
        'trigger-elicitation-request',
        'trigger-sampling-request',
      ]) {
        assert.ok(names.includes(name), `${name} is not in ${names}`);
      }
      assert.equal(textOf(await client.call('echo', { message: 'hello' })), 'Echo: hello');
      const weather = await client.call('get-structured-content', { location: 'New York' });
      assert.equal((weather.structuredContent as { temperature: number }).temperature, 33);
      const progress: number[] = [];
      const options = { onprogress: (each: { progress: number }) => void progress.push(each.progress) };
      await client.call('trigger-long-running-operation', { duration: 1, steps: 2 }, options);
      assert.deepEqual(progress, [1, 2]);
      assert.match(textOf(await client.call('trigger-elicitation-request')), /Ada/);
      const sampled = await client.call('trigger-sampling-request', { prompt: 'And then?', maxTokens: 10 });
      assert.match(textOf(sampled), /The end/);
      const research = await client.call('simulate-research-query', { topic: 'Kites', ambiguous: true });
      assert.match(textOf(research), /Clarification\*\*: User accepted/);
      const { contents } = await client.sdk.readResource({ uri: 'demo://resource/dynamic/text/1' });
      assert.equal(contents.length, 1);
      const { messages } = await client.sdk.getPrompt({ name: 'args-prompt', arguments: { city: 'Paris' } });
      assert.match(JSON.stringify(messages), /Paris/);
    },
  },
  'server-memory': {
    module: (read) => memoryServer(read('@modelcontextprotocol/server-memory/dist/index.js')),
    check: async (client, era) => {
      const name = `Ada of ${era}`;
      await client.call('create_entities', { entities: [{ name, entityType: 'person', observations: ['writes'] }] });
      await client.call('add_observations', { observations: [{ entityName: name, contents: ['computes'] }] });
      const found = await client.call('search_nodes', { query: name });
      assert.deepEqual((found.structuredContent as { entities: unknown }).entities, [
        { name, entityType: 'person', observations: ['writes', 'computes'] },
      ]);
      const { contents } = await client.sdk.readResource({ uri: 'memory://knowledge-graph' });
      assert.match(JSON.stringify(contents), new RegExp(name));
    },
  },
  'mcp-gitlab': {
    module: (read) => gitlabServer(read('@zereight/mcp-gitlab/build/index.js')),
    files: () => ({
      'settings.js': `Object.assign(process.env, ${JSON.stringify({
        GITLAB_API_URL: `${api.url}/api/v4`,
        GITLAB_PERSONAL_ACCESS_TOKEN: 'glpat-1',
        LOG_FORMAT: 'json',
      })});\n`,
    }),
    check: async (client) => {
      const { tools } = (await client.listTools()) as { tools: { name: string }[] };
      assert.ok(tools.length > 100, `${tools.length} tools`);
      const [label] = JSON.parse(textOf(await client.call('list_labels', { project_id: '1' })));
      assert.equal(label.name, 'bug');
      const { messages } = await client.sdk.getPrompt({
        name: 'triage_vulnerabilities',
        arguments: { project_id: '1' },
      });
      assert.match(JSON.stringify(messages), /for project 1/);
      const failed = await client.call('list_labels', { project_id: 'missing' }).catch((error) => error);
      assert.match(JSON.stringify(failed.message ?? failed.content), /404/);
    },
  },
  OpenAPI: {
    module: () => listing('fromJsonSchema'),
    files: () => ({ 'openapi.json': JSON.stringify(api.description) }),
    check: async (client) => {
      const { tools } = (await client.listTools()) as { tools: { name: string }[] };
      assert.equal(tools.length, 36);
      const item = await client.call('read_item_7', { path_id: 'a/b', query_id: 'c' });
      assert.deepEqual(JSON.parse(textOf(item)), { method: 'GET', url: '/items7/a%2Fb?id=c', body: '' });
      const tree = { name: 'root', children: [{ name: 'leaf', children: [] }] };
      const written = await client.call('write_tree', { body: tree });
      assert.deepEqual(JSON.parse(JSON.parse(textOf(written)).body), tree);
      const invalid = await client.call('write_tree', { body: { name: 'root', children: [{ name: 1 }] } });
      assert.equal(invalid.isError, true);
      assert.equal((await client.call('read_item_7', { path_id: 'missing' })).isError, true);
    },
  },
  'MCP App': {
    module: () => listing('registerAppTool'),
    files: () => ({ 'clock.html': '<!doctype html><title>Clock</title>' }),
    check: async (client) => {
      const host = join(folder, 'node_modules/@modelcontextprotocol/ext-apps/dist/src/app-bridge.js');
      const { getToolUiResourceUri, RESOURCE_MIME_TYPE, McpUiToolResultNotificationSchema } = await import(host);
      const { tools } = (await client.listTools()) as { tools: object[] };
      const uri = getToolUiResourceUri(tools[0]);
      const { contents } = await client.sdk.readResource({ uri });
      assert.deepEqual(contents, [{ uri, mimeType: RESOURCE_MIME_TYPE, text: '<!doctype html><title>Clock</title>' }]);
      const params = await client.call('show_time');
      McpUiToolResultNotificationSchema.parse({ method: 'ui/notifications/tool-result', params });
    },
  },
};

const page = readFileSync(join(import.meta.dirname, '../../docs/servers.md'), 'utf8');

/** The code of docs/servers.md that contains the words. */
function listing(words: string): string {
  const found = Array.from(page.matchAll(/```js\n(.*?)```/gs), ([, code]) => code!).find((code) =>
    code.includes(words),
  );
  if (found === undefined) throw new Error(`docs/servers.md has no code with ${words}`);
  return found;
}

const answers: Answers = {
  elicit: () => ({ action: 'accept', content: { name: 'Ada', check: true } }),
  sample: (prompt) => `${prompt} The end`,
};

// The transport of SDK v1 replaces the global `setTimeout`, which the system's clock calls.
const clock: Clock = {
  now: Date.now,
  after(milliseconds, action) {
    let isCancelled = false;
    void sleep(milliseconds, undefined, { ref: false }).then(() => isCancelled || action());
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  },
  sleep: (milliseconds) => sleep(milliseconds, undefined, { ref: false }),
};

const api: Api = await startApi();
const folder = mkdtempSync(join(tmpdir(), 'holdfast-servers-'));
try {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies: versions }));
  const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts'];
  const { status } = spawnSync('npm', install, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  assert.equal(status, 0, 'npm install failed');
  const [only] = process.argv.slice(2);
  for (const [name, server] of Object.entries(servers))
    if (only === undefined || only === name) await test(name, server);
} finally {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
}

async function test(name: string, { module, files, check }: Server): Promise<void> {
  const file = join(folder, `${name}.js`);
  writeFileSync(
    file,
    module((path) => readFileSync(join(folder, 'node_modules', path), 'utf8')),
  );
  for (const [path, text] of Object.entries(files?.() ?? {})) writeFileSync(join(folder, path), text);
  const project = new ProjectCopy();
  const assembly = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  try {
    writeFileSync(join(project.root, 'lambda/server.ts'), `export { createServer } from ${JSON.stringify(file)};\n`);
    await synthesize(project.root, assembly);
    const emulator = await EmulatorProcess.run({ assembly, freshPerRequest: true });
    try {
      const endpoint = await signIn(emulator.origin);
      for (const [era, connect] of [ofSessions[0]!, ofSessions[1]!, ofToday[1]!]) {
        const client = await connect(endpoint, answers);
        await check(client, era);
        await client.close();
        console.log(`${name}: ${era}`);
      }
    } catch (error) {
      console.error(emulator.log);
      throw error;
    } finally {
      await emulator.stop();
    }
  } finally {
    project.remove();
    rmSync(assembly, { recursive: true, force: true });
  }
}

/** The emulator as a signed-in client reaches it. */
async function signIn(origin: string): Promise<Endpoint> {
  const client = await OAuthClient.register(origin);
  const { access_token } = await client.tokensFor('ada');
  return {
    url: new URL('/mcp', origin),
    fetch: (url, init) => {
      const headers = new Headers(init?.headers);
      headers.set('authorization', `Bearer ${access_token}`);
      return fetch(url, { ...init, headers });
    },
    clock,
  };
}
