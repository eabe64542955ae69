import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../local/free-port.ts';

export type RedisServer = { url: string; close(): void };

/** Starts a Redis server without persistence. @returns `undefined` if the PATH has no `redis-server` */
export async function startRedis(): Promise<RedisServer | undefined> {
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: 'ignore',
    },
  );
  let failed = false;
  child.once('error', () => {
    failed = true;
  });
  for (let tries = 0; tries < 100 && !failed; tries++) {
    if (await answers(port)) return { url: `redis://127.0.0.1:${port}`, close: () => void child.kill() };
    await sleep(50);
  }
  child.kill();
  return undefined;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
