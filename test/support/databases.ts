import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../local/free-port.ts';

/** Real databases with a password, each in a temporary folder that `stop` removes. */

export type Database = { url: string; password: string; stop(): Promise<void> };

const inPath = (program: string) =>
  process.env
    .PATH!.split(':')
    .map((folder) => join(folder, program))
    .find(existsSync);

const redisServer = inPath('redis-server');
/** Debian does not add these to the path. */
const postgresPrograms = inPath('initdb')?.replace(/\/initdb$/, '') ?? globSync('/usr/lib/postgresql/*/bin').at(-1);

/** Why a database is not available; undefined when it is installed. */
export const missing = {
  redis: redisServer ? undefined : 'redis-server is not installed (apt-get install redis-server)',
  postgres: postgresPrograms ? undefined : 'PostgreSQL is not installed (apt-get install postgresql)',
};

const password = 'a password for tests';

export async function startRedis(): Promise<Database> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-'));
  const config = join(folder, 'redis.conf');
  writeFileSync(config, `port ${port}\nbind 127.0.0.1\nsave ""\ndir ${folder}\nrequirepass "${password}"\n`);
  const server = spawn(redisServer!, [config]);
  await printed(server, 'stdout', 'Ready to accept connections');
  return { url: `redis://127.0.0.1:${port}`, password, stop: () => stop(server, 'SIGTERM', folder) };
}

export async function startPostgres(): Promise<Database> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-postgres-'));
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password);
  // PostgreSQL does not run as root; its package creates a user.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) execFileSync('chown', ['-R', 'postgres', folder]);
  const asUser = (program: string, ...options: string[]): [string, string[]] => {
    const path = join(postgresPrograms!, program);
    return isRoot
      ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', path, ...options]]
      : [path, options];
  };
  execFileSync(
    ...asUser('initdb', '-D', data, '-U', 'me', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync'),
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, `unix_socket_directories=${folder}`, 'fsync=off'];
  const server = spawn(...asUser('postgres', '-D', data, ...settings.flatMap((each) => ['-c', each])), { cwd: folder });
  await printed(server, 'stderr', 'ready to accept connections');
  return { url: `postgres://me@127.0.0.1:${port}/postgres`, password, stop: () => stop(server, 'SIGINT', folder) };
}

async function printed(server: ChildProcess, where: 'stdout' | 'stderr', message: string): Promise<void> {
  let all = '';
  for await (const line of createInterface(server[where]!)) {
    all += `${line}\n`;
    if (!line.includes(message)) continue;
    server[where]!.resume();
    return;
  }
  throw new Error(`The database did not start:\n${all}`);
}

async function stop(server: ChildProcess, signal: NodeJS.Signals, folder: string): Promise<void> {
  const ended = once(server, 'exit');
  server.kill(signal);
  await ended;
  rmSync(folder, { recursive: true, force: true });
}
