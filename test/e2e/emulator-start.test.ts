import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { ProjectCopy, projectRoot } from '../../bench/harness/project-copy.ts';
import { callTool, initialize, messageOf, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { inherited, runCli } from '../support/cli-process.ts';

const scratch = mkdtempSync(join(tmpdir(), 'holdfast-start-'));
const running = new Set<ChildProcess>();
const copies: ProjectCopy[] = [];

jest.setTimeout(60_000);

afterAll(async () => {
  await Promise.all([...running].map((child) => child.kill('SIGKILL') && once(child, 'exit')));
  rmSync(scratch, { recursive: true });
  for (const copy of copies) copy.remove();
});

let folders = 0;
const newFolder = () => join(scratch, `data-${++folders}`);

function copyProject(): ProjectCopy {
  const copy = new ProjectCopy();
  copies.push(copy);
  return copy;
}

type StartOptions = {
  folder?: string;
  port?: number | string;
  retrySeconds?: string;
  options?: string[];
  project?: string;
  throughNpm?: boolean;
};

/** A process of `holdfast dev`, or of `npm start`, and its output. */
class Start {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  #change = Promise.withResolvers<void>();

  constructor({
    folder = newFolder(),
    port = 0,
    retrySeconds = '1,2',
    options = ['--json'],
    project = projectRoot,
    throughNpm,
  }: StartOptions = {}) {
    const [command, before] = throughNpm
      ? ['npm', ['start', '--silent', '--']]
      : [process.execPath, ['bin/cli.ts', 'dev']];
    this.child = spawn(command, [...before, '--no-type-check', ...options], {
      cwd: project,
      env: {
        ...inherited(),
        PORT: String(port),
        HOLDFAST_DATA: folder,
        HOLDFAST_RETRY_SECONDS: retrySeconds,
      },
    });
    running.add(this.child);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#changed();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    this.child.once('exit', () => {
      running.delete(this.child);
      this.#changed();
    });
  }

  #changed(): void {
    const { resolve } = this.#change;
    this.#change = Promise.withResolvers();
    resolve();
  }

  /** The object that `--json` prints when the emulator is ready. */
  async ready() {
    await this.until(() => this.stdout.endsWith('\n'));
    return JSON.parse(this.stdout);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.child.exitCode !== null) throw new Error(`exited with ${this.child.exitCode}: ${this.stderr}`);
      await this.#change.promise;
    }
  }

  /** Resolves when the process has ended by itself. */
  async ended(): Promise<{ status: number | null; stderr: string; stdout: string }> {
    if (this.child.exitCode === null) await once(this.child, 'close');
    return { status: this.child.exitCode, stderr: this.stderr, stdout: this.stdout };
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM') {
    this.child.kill(signal);
    return this.ended();
  }
}

/** Expects one message for the operator, without a stack. */
function expectFailure({ status, stderr, stdout }: Awaited<ReturnType<Start['ended']>>, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe('');
  expect(status).toBe(1);
}

const expectEnded = (pid: number) => expect(() => process.kill(pid, 0)).toThrow('ESRCH');

async function occupyPort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** Stores an asynchronous invocation of the worker with an invalid payload, before its last attempt. */
async function leaveEvent(folder: string, requestId: string): Promise<void> {
  const { Resources } = JSON.parse(readFileSync(join(folder, 'cdk.out', 'Holdfast.template.json'), 'utf8'));
  const logicalId = Object.keys(Resources).find((id) => /^WorkerFunction[0-9A-F]{8}$/.test(id));
  const functionName = `Holdfast-${logicalId}`;
  const now = Date.now();
  const events = new ClassicLevel<string, object>(join(folder, 'events'), { valueEncoding: 'json' });
  await events.put(requestId, {
    arn: `arn:aws:lambda:us-east-1:000000000000:function:${functionName}`,
    functionName,
    event: null,
    requestId,
    acceptedAt: now,
    failures: 2,
    throttles: 0,
    dueAt: now,
  });
  await events.close();
}

/** Four starts, one after the other, of which each tests how the one before has ended. */
describe('starts on one data folder', () => {
  const folder = newFolder();
  const keyIdOf = async (issuer: string) => {
    const response = await fetch(`${issuer}/.well-known/jwks.json`);
    return (await response.json()).keys[0].kid;
  };
  let start: Start;
  let description: { issuer: string; pid: number };
  let keyId: string;

  test('prints the URLs and users as JSON, and every URL answers', async () => {
    start = new Start({ folder });
    const ready = await start.ready();
    expect(ready).toMatchObject({
      ready: true,
      identityProvider: 'local',
      pid: start.child.pid,
      users: [
        { username: 'ada', password: 'ada', admin: false },
        { username: 'alan', password: 'alan', admin: false },
        { username: 'grace', password: 'grace', admin: true },
      ],
    });
    const challenge = await fetch(ready.mcpUrl, { method: 'POST' });
    expect(challenge.status).toBe(401);
    const metadata = /resource_metadata="([^"]+)"/.exec(challenge.headers.get('WWW-Authenticate')!)![1]!;
    expect(await (await fetch(metadata)).json()).toMatchObject({ resource: ready.mcpUrl });
    const provider = await fetch(`${ready.issuer}/.well-known/openid-configuration`);
    expect(await provider.json()).toMatchObject({ issuer: ready.issuer });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    description = ready;
    keyId = await keyIdOf(ready.issuer);
  });

  test('rejects a data folder that another process uses', async () => {
    expectFailure(
      await new Start({ folder }).ended(),
      new RegExp(`^Process ${start.child.pid} is using the data folder`, 'm'),
    );
  });

  test('rejects a misspelt setting of cdk.json before a data folder that another process uses', async () => {
    const copy = copyProject();
    copy.edit('cdk.json', '"context": {', '"context": { "idpissuer": "https://login.example.com",');
    const message = /The context key idpissuer does not exist: did you mean idpIssuer\?$/m;
    expectFailure(await new Start({ folder, project: copy.root }).ended(), message);
    await start.stop('SIGKILL');
  });

  test('rejects a port in use, then starts on it and keeps the identity provider after a kill', async () => {
    writeFileSync(join(folder, 'note.txt'), 'kept');
    await leaveEvent(folder, 'interrupted');
    const { server, port } = await occupyPort();
    expectFailure(
      await new Start({ folder, port }).ended(),
      new RegExp(`^The port ${port} is taken .* PORT=<number>`, 'm'),
    );
    server.close();
    start = new Start({ folder, port, throughNpm: true });
    const ready = await start.ready();
    expect(ready.mcpUrl).toBe(`http://127.0.0.1:${port}/mcp`);
    expect(ready.issuer).toBe(description.issuer);
    expect(await keyIdOf(ready.issuer)).toBe(keyId);
    description = ready;
  });

  test('attempts an asynchronous invocation that was pending at the kill', async () => {
    await start.until(() => start.stderr.includes('The event interrupted is dropped'));
    expect(start.stderr).toMatch(/The event interrupted is dropped: \w*Error at attempt 3, the last/);
  });

  test('ends with the npm that SIGTERM ended, and --fresh deletes the data alone', async () => {
    await start.stop('SIGTERM');
    start = new Start({ folder, options: ['--json', '--fresh'], throughNpm: true });
    const ready = await start.ready();
    expect(ready.pid).not.toBe(description.pid);
    expectEnded(description.pid);
    expect(await keyIdOf(ready.issuer)).not.toBe(keyId);
    expect(readFileSync(join(folder, 'note.txt'), 'utf8')).toBe('kept');
    description = ready;
  });

  test('ends with the npm that SIGKILL ended, and prints client commands and request lines for a person', async () => {
    await start.stop('SIGKILL');
    start = new Start({ folder, options: [] });
    await start.until(() => /^ready http/m.test(start.stdout));
    expect(start.child.pid).not.toBe(description.pid);
    expectEnded(description.pid);
    const [, mcpUrl] = /^ready (\S+)$/m.exec(start.stdout)!;
    for (const command of [
      `claude mcp add --transport http holdfast ${mcpUrl}`,
      `codex mcp add holdfast --url ${mcpUrl}`,
      `gemini mcp add --scope user --transport http holdfast ${mcpUrl} && gemini`,
      '/mcp auth holdfast   (in Gemini CLI)',
      `code --add-mcp '{"name":"holdfast","type":"http","url":"${mcpUrl}"}'`,
      `npx @modelcontextprotocol/inspector@2.12.0 --cli ${mcpUrl}`,
    ]) {
      expect(start.stdout).toContain(command);
    }
    const { origin } = new URL(mcpUrl!);
    await fetch(`${origin}/.well-known/oauth-protected-resource?secret=1`);
    await start.until(() => start.stdout.includes('oauth-protected-resource'));
    expect(start.stdout).toMatch(/^GET {5}\/\.well-known\/oauth-protected-resource {2}200 {2}\d+ ms$/m);
    const { access_token } = await (await OAuthClient.register(origin)).tokensFor('ada');
    const begun = await postMcp(origin, access_token, initialize);
    const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! };
    await (await postMcp(origin, access_token, callTool('absent'), session)).text();
    await start.until(() => start.stdout.includes('unknown-tool'));
    expect(start.stdout).toMatch(/^POST {4}\/mcp {2}initialize {2}200 {2}\d+ ms$/m);
    expect(start.stdout).toMatch(/^tools\/call absent \(ada, .+ 1\) unknown-tool \d+ ms$/m);
    expect((await start.stop('SIGINT')).status).toBe(0);
    expect(start.stdout).not.toContain('/mcp  tools/call');
  });
});

test('rejects a data folder that cannot be written', async () => {
  const file = newFolder();
  writeFileSync(file, '');
  expectFailure(
    await new Start({ folder: join(file, 'data') }).ended(),
    /cannot be written \(.*HOLDFAST_DATA=<folder>/,
  );
});

test('rejects an identity provider port in use, because the port is part of the users’ identities', async () => {
  const { server, port } = await occupyPort();
  const folder = newFolder();
  mkdirSync(folder);
  writeFileSync(join(folder, 'ports.json'), JSON.stringify({ identityProvider: port }));
  expectFailure(await new Start({ folder }).ended(), new RegExp(`^The port ${port} is taken.*--fresh`, 'm'));
  server.close();
});

test.each([
  ['PORT=eighty', { port: 'eighty' }, /^PORT is "eighty", not a port/],
  ['--port 70000', { options: ['--port', '70000'] }, /^--port is "70000", not a port/],
  ['PORT=70000', { port: 70_000 }, /^PORT is "70000", not a port/],
  ['HOLDFAST_RETRY_SECONDS=60', { retrySeconds: '60' }, /^HOLDFAST_RETRY_SECONDS is "60", not two numbers/],
  ['HOLDFAST_RETRY_SECONDS=1,soon', { retrySeconds: '1,soon' }, /^HOLDFAST_RETRY_SECONDS is "1,soon", not two numbers/],
  ['an unknown option', { options: ['--jason'] }, /^error: unknown option '--jason'[\s\S]*--json/],
])('rejects %s', async (_, options, message) => {
  expectFailure(await new Start(options).ended(), message);
});

test('takes settings by -c, before those of cdk.json, and offers one when a client document cannot be fetched', async () => {
  const start = new Start({ options: [] });
  await start.until(() => /^ready http/m.test(start.stdout));
  const origin = /^ready (\S+)\/mcp$/m.exec(start.stdout)![1]!;
  const client_id = 'https://nowhere.invalid/client.json';
  const request = new URLSearchParams({ client_id, redirect_uri: 'http://127.0.0.1/cb', response_type: 'code' });
  const page = await fetch(`${origin}/authorize?${request}`);
  expect([page.status, await page.text()]).toEqual([400, expect.stringContaining('<dd>nowhere.invalid</dd>')]);
  const described = `Client "${client_id}" cannot connect. Its document at nowhere.invalid: the name of its host `;
  await start.until(() => start.stdout.includes(described));
  expect(start.stdout).toContain('npm start -- -c clientDocuments=off');
  await start.stop();

  const options = ['clientDocuments=off', 'adminsGroup=pilots', 'idpName='].flatMap((each) => ['-c', each]);
  const offline = new Start({ options: ['--json', ...options] });
  const { mcpUrl } = await offline.ready();
  const metadata = await fetch(mcpUrl.replace(/mcp$/, '.well-known/oauth-authorization-server'));
  expect(await metadata.json()).not.toHaveProperty('client_id_metadata_document_supported');
  await offline.stop();
});

test('--help prints the options and starts nothing', async () => {
  const { status, stdout } = await new Start({ options: ['--help'] }).ended();
  expect(status).toBe(0);
  expect(stdout).toMatch(/--fresh[\s\S]*--json[\s\S]*PORT[\s\S]*HOLDFAST_DATA/);
});

test('shows the position of a syntax error in lambda/server.ts', async () => {
  const { root } = copyProject();
  writeFileSync(join(root, 'lambda', 'server.ts'), 'export function createServer( {\n');
  expectFailure(await new Start({ project: root }).ended(), /^lambda\/server\.ts:2:1: /m);
});

test('shows the error that lambda/server.ts throws when it is loaded', async () => {
  const { root } = copyProject();
  const server = join(root, 'lambda', 'server.ts');
  writeFileSync(server, `${readFileSync(server, 'utf8')}\nthrow new RangeError('not today');\n`);
  const line = readFileSync(server, 'utf8').split('\n').length - 1;
  const message = `^lambda/server\\.ts:${line}:7: the server does not load: RangeError: not today$`;
  expectFailure(await new Start({ project: root }).ended(), new RegExp(message, 'm'));
});

describe('a change of the sources', () => {
  let source: string;
  let original: string;
  let start: Start;
  const folder = newFolder();
  let project: ProjectCopy;
  let token: string;
  const keys = async () => (await fetch(`${new URL((await start.ready()).mcpUrl).origin}/jwks.json`)).text();

  /** @returns the report of the reload */
  const save = async (code: string) => {
    const before = start.stderr.length;
    writeFileSync(source, code);
    await start.until(() => start.stderr.slice(before).includes('Sources changed: '));
    return start.stderr.slice(before);
  };

  beforeAll(async () => {
    project = copyProject();
    const { root } = project;
    source = join(root, 'lambda', 'functions', 'oauth.ts');
    project.edit('cdk.json', ' bin/holdfast.ts', ' bin/holdfast.ts && echo run >> .runs');
    original = readFileSync(source, 'utf8');
    // The option comes before the variable, which is no port.
    const options = ['--json', '--cold', '--in-memory', '--port', '0'];
    start = new Start({ project: root, folder, port: 'none', options });
    const client = await OAuthClient.register(new URL((await start.ready()).mcpUrl).origin);
    token = (await client.tokensFor('ada')).access_token;
  });

  /** The name that the server states to its client. */
  const serverName = async () => {
    const response = await postMcp(new URL((await start.ready()).mcpUrl).origin, token, initialize);
    return ((await messageOf(response)).result! as { serverInfo: { name: string } }).serverInfo.name;
  };

  test('of the server runs no CDK app, and no request gets an old answer after the change is noticed', async () => {
    const before = start.stderr.length;
    project.edit('lambda/server.ts', "name: 'holdfast'", "name: 'edited'");
    await start.until(() => start.stderr.slice(before).includes('Rebuilding …'));
    expect(start.stderr.slice(before)).not.toContain('Sources changed: ');
    expect(await serverName()).toBe('edited');
    expect(start.stderr.slice(before)).toContain('Sources changed: the change is live');
    expect(readFileSync(join(project.root, '.runs'), 'utf8')).toBe('run\n');
  });

  test('of the server that does not build, or not create a server, is reported, and the previous version keeps running', async () => {
    const before = start.stderr.length;
    project.edit('lambda/server.ts', "name: 'edited'", "name: 'broken");
    await start.until(() => start.stderr.slice(before).includes('Sources changed: '));
    expect(start.stderr.slice(before)).toMatch(/^Sources changed: lambda\/server\.ts:\d+:\d+: /m);
    expect(await serverName()).toBe('edited');
    project.edit('lambda/server.ts', "name: 'broken", 'name: absent.name');
    const message = /^Sources changed: lambda\/server\.ts:\d+:\d+: createServer throws: ReferenceError: absent is not/m;
    await start.until(() => message.test(start.stderr.slice(before)));
    expect(await serverName()).toBe('edited');
    project.edit('lambda/server.ts', 'name: absent.name', "name: 'mended'");
    await start.until(() => start.stderr.includes('Sources changed: the change is live', before));
    expect(await serverName()).toBe('mended');
  });

  test('leaves with --in-memory an emulator that --local of the command line finds', async () => {
    const list = ['clients', 'list', '--local', '--json'];
    const { out, errors } = await runCli(list, { HOLDFAST_DATA: folder });
    expect([errors, JSON.parse(out)]).toEqual(['', { items: [expect.objectContaining({ clientName: 'By hand' })] }]);
    const add = ['clients', 'add', 'nightly', '--scopes', 'mcp', '--local'];
    expect((await runCli(add, { HOLDFAST_DATA: folder })).errors).toBe(
      "Machine clients are off; start with npm start -- -c 'machineClients={}' first\n",
    );
  });

  test('takes effect without a restart', async () => {
    expect(JSON.parse(await keys())).toHaveProperty('keys');
    const response = '({ statusCode: 200, body: "edited " + ++requests })';
    const code = `let requests = 0; export const handler = async () => ${response};`;
    expect(await save(code)).toContain('the change is live');
    expect(await keys()).toBe('edited 1');
  });

  test('shows with --cold that a request finds nothing of an earlier one in memory', async () => {
    expect(await keys()).toBe('edited 1');
  });

  test('leaves with --in-memory no data folder', () => {
    expect(existsSync(folder)).toBe(false);
  });

  test('that does not build is reported, and the previous version keeps running', async () => {
    const report = await save('export const handler = async () => {');
    expect(report).toMatch(/^lambda\/functions\/oauth\.ts:1:\d+: /m);
    expect(report).toContain('The previous version is still running.');
    expect(await keys()).toBe('edited 1');
  });

  test('that cannot be loaded is reported, and the previous version keeps running', async () => {
    expect(await save('throw new Error("broken at import");')).toMatch(
      /OAuth\w+ does not load: Error: broken at import/,
    );
    expect(await keys()).toBe('edited 1');
  });

  test('can be reverted, and SIGTERM then ends the process with 0', async () => {
    expect(await save(original)).toContain('the change is live');
    expect(JSON.parse(await keys())).toHaveProperty('keys');
    expect((await start.stop()).status).toBe(0);
  });
});
