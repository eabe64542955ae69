import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
const scratch = mkdtempSync(join(tmpdir(), 'holdfast-start-'));
const running = new Set<ChildProcess>();

jest.setTimeout(60_000);

afterAll(async () => {
  await Promise.all([...running].map((child) => child.kill('SIGKILL') && once(child, 'exit')));
  rmSync(scratch, { recursive: true });
});

let folders = 0;
const newFolder = () => join(scratch, `data-${++folders}`);

/** A copy of the project, to be broken at will. */
function copyOfProject(): string {
  const copy = mkdtempSync(join(scratch, 'project-'));
  for (const name of ['bin', 'cli', 'lib', 'lambda', 'local', 'cdk.json', 'package.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

type Setting = { folder?: string; port?: number | string; options?: string[]; project?: string; throughNpm?: boolean };

/** `npm start`, as far as it has come. */
class Start {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';

  constructor({ folder = newFolder(), port = 0, options = ['--json'], project = root, throughNpm }: Setting = {}) {
    const [command, before] = throughNpm
      ? ['npm', ['start', '--silent', '--']]
      : [process.execPath, ['cli/commands/dev.ts']];
    this.child = spawn(command, [...before, ...options], {
      cwd: project,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: String(port), HOLDFAST_DATA: folder },
    });
    running.add(this.child);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.child.once('exit', () => running.delete(this.child));
  }

  /** What it says when it is ready. */
  async ready() {
    await this.until(() => this.stdout.endsWith('\n'));
    return JSON.parse(this.stdout);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.child.exitCode !== null) throw new Error(`ended with ${this.child.exitCode}: ${this.stderr}`);
      await Promise.race([
        once(this.child.stdout!, 'data'),
        once(this.child.stderr!, 'data'),
        once(this.child, 'exit'),
      ]);
    }
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<{ status: number | null; stderr: string; stdout: string }> {
    if (this.child.exitCode === null) await once(this.child, 'close');
    return { status: this.child.exitCode, stderr: this.stderr, stdout: this.stdout };
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM') {
    this.child.kill(signal);
    return this.ended();
  }
}

/** One message and nothing that only a developer of Holdfast could read. */
function expectMistake({ status, stderr, stdout }: Awaited<ReturnType<Start['ended']>>, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe('');
  expect(status).toBe(1);
}

async function occupied(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

test('npm start says where everything is, and everything is there', async () => {
  const start = new Start();
  const said = await start.ready();
  expect(said).toMatchObject({
    ready: true,
    identityProvider: 'local',
    pid: start.child.pid,
    users: [
      { username: 'ada', password: 'ada', admin: false },
      { username: 'alan', password: 'alan', admin: false },
      { username: 'grace', password: 'grace', admin: true },
    ],
  });
  const challenge = await fetch(said.mcpUrl, { method: 'POST' });
  expect(challenge.status).toBe(401);
  const metadata = /resource_metadata="([^"]+)"/.exec(challenge.headers.get('WWW-Authenticate')!)![1]!;
  expect(await (await fetch(metadata)).json()).toMatchObject({ resource: said.mcpUrl });
  const provider = await fetch(`${said.issuer}/.well-known/openid-configuration`);
  expect(await provider.json()).toMatchObject({ issuer: said.issuer });
  expect((await start.stop()).status).toBe(0);
});

test('a person gets a table with the commands of the clients, and a line for each request', async () => {
  const start = new Start({ options: [] });
  await start.until(() => /^ready http/m.test(start.stdout));
  const [, mcpUrl] = /^ready (\S+)$/m.exec(start.stdout)!;
  for (const command of [
    `claude mcp add --transport http holdfast ${mcpUrl}`,
    `codex mcp add holdfast --url ${mcpUrl}`,
    `code --add-mcp '{"name":"holdfast","type":"http","url":"${mcpUrl}"}'`,
    `npx @modelcontextprotocol/inspector@2.12.0 --cli ${mcpUrl}`,
  ]) {
    expect(start.stdout).toContain(command);
  }
  await fetch(`${new URL(mcpUrl!).origin}/.well-known/oauth-protected-resource?secret=1`);
  await start.until(() => start.stdout.includes('oauth-protected-resource'));
  expect(start.stdout).toMatch(/^GET {5}\/\.well-known\/oauth-protected-resource {2}200 {2}\d+ ms$/m);
  expect((await start.stop('SIGINT')).status).toBe(0);
});

test('a restart keeps the identity provider where it was; --fresh forgets all but the secrets', async () => {
  const folder = newFolder();
  const keyId = async (issuer: string) => (await (await fetch(`${issuer}/.well-known/jwks.json`)).json()).keys[0].kid;

  const first = new Start({ folder });
  const { issuer } = await first.ready();
  const kid = await keyId(issuer);
  await first.stop();
  expect(statSync(folder).mode & 0o777).toBe(0o700);

  writeFileSync(join(folder, 'secrets.json'), '{}');
  const second = new Start({ folder });
  expect((await second.ready()).issuer).toBe(issuer);
  expect(await keyId(issuer)).toBe(kid);
  await second.stop('SIGKILL');

  const third = new Start({ folder, options: ['--json', '--fresh'] });
  expect(await keyId((await third.ready()).issuer)).not.toBe(kid);
  await third.stop();
  expect(readFileSync(join(folder, 'secrets.json'), 'utf8')).toBe('{}');
});

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'ends with the npm that %s ended, and the next start waits for that',
  async (signal) => {
    const setting = { folder: newFolder(), throughNpm: true };
    const first = new Start(setting);
    const { pid } = await first.ready();
    await first.stop(signal);
    const second = new Start(setting);
    expect((await second.ready()).pid).not.toBe(pid);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await second.stop();
  },
);

test('refuses a data folder that another process uses', async () => {
  const folder = newFolder();
  const first = new Start({ folder });
  await first.ready();
  expectMistake(
    await new Start({ folder }).ended(),
    new RegExp(`^Process ${first.child.pid} is using the data folder`, 'm'),
  );
  await first.stop();
});

test('refuses a data folder that cannot be written', async () => {
  const file = newFolder();
  writeFileSync(file, '');
  expectMistake(
    await new Start({ folder: join(file, 'data') }).ended(),
    /cannot be written \(.*HOLDFAST_DATA=<folder>/,
  );
});

test('refuses a port that is taken, and says how to choose another', async () => {
  const { server, port } = await occupied();
  const folder = newFolder();
  expectMistake(
    await new Start({ folder, port }).ended(),
    new RegExp(`^The port ${port} is taken .* PORT=<number>`, 'm'),
  );
  server.close();
  const again = new Start({ folder, port });
  expect((await again.ready()).mcpUrl).toBe(`http://127.0.0.1:${port}/mcp`);
  await again.stop();
});

test('does not move the identity provider when its port is taken, because users are bound to it', async () => {
  const { server, port } = await occupied();
  const folder = newFolder();
  mkdirSync(folder);
  writeFileSync(join(folder, 'ports.json'), JSON.stringify({ identityProvider: port }));
  expectMistake(await new Start({ folder }).ended(), new RegExp(`^The port ${port} is taken.*--fresh`, 'm'));
  server.close();
});

test.each([
  ['PORT=eighty', { port: 'eighty' }, /^PORT is "eighty", not a number/],
  ['PORT=70000', { port: 70_000 }, /^PORT is "70000", not a number/],
  ['an unknown option', { options: ['--jason'] }, /^Unknown option '--jason'[\s\S]*--json/],
])('refuses %s', async (_, setting, message) => {
  expectMistake(await new Start(setting).ended(), message);
});

test('--help explains the options and starts nothing', async () => {
  const { status, stdout } = await new Start({ options: ['--help'] }).ended();
  expect(status).toBe(0);
  expect(stdout).toMatch(/--fresh[\s\S]*--json[\s\S]*PORT[\s\S]*HOLDFAST_DATA/);
});

test('shows the place of a mistake in lambda/server.ts', async () => {
  const project = copyOfProject();
  writeFileSync(join(project, 'lambda', 'server.ts'), 'export function createServer( {\n');
  expectMistake(await new Start({ project }).ended(), /^lambda\/server\.ts:2:1: /m);
});

test('shows what lambda/server.ts throws when it is loaded', async () => {
  const project = copyOfProject();
  const server = join(project, 'lambda', 'server.ts');
  writeFileSync(server, `${readFileSync(server, 'utf8')}\nthrow new RangeError('not today');\n`);
  expectMistake(await new Start({ project }).ended(), /^(Mcp|Worker)\w+ does not load: RangeError: not today$/m);
});

describe('a change of the sources', () => {
  const project = copyOfProject();
  const door = join(project, 'lambda', 'functions', 'oauth.ts');
  const original = readFileSync(door, 'utf8');
  const start = new Start({ project });
  const keys = async () => (await fetch(`${new URL((await start.ready()).mcpUrl).origin}/jwks.json`)).text();

  const save = async (source: string) => {
    const before = start.stderr.length;
    writeFileSync(door, source);
    await start.until(() => start.stderr.slice(before).includes('Sources changed: '));
    return start.stderr.slice(before);
  };

  beforeAll(() => start.ready());

  test('is live without a restart', async () => {
    expect(JSON.parse(await keys())).toHaveProperty('keys');
    expect(await save('export const handler = async () => ({ statusCode: 200, body: "edited" });')).toContain(
      'the change is live',
    );
    expect(await keys()).toBe('edited');
  });

  test('that does not build is shown, and what ran before goes on', async () => {
    const said = await save('export const handler = async () => {');
    expect(said).toMatch(/^lambda\/functions\/oauth\.ts:1:\d+: /m);
    expect(said).toContain('The previous version is still running.');
    expect(await keys()).toBe('edited');
  });

  test('that cannot be loaded is shown, and what ran before goes on', async () => {
    expect(await save('throw new Error("broken at import");')).toMatch(
      /OAuth\w+ does not load: Error: broken at import/,
    );
    expect(await keys()).toBe('edited');
  });

  test('may be taken back', async () => {
    expect(await save(original)).toContain('the change is live');
    expect(JSON.parse(await keys())).toHaveProperty('keys');
    await start.stop();
  });
});
