import { createServer } from 'node:net';

/** Whether nobody listens on the port, wherever `localhost` may lead. A port may be gone a moment later all the same. */
export async function isFree(port: number): Promise<boolean> {
  const taken = await Promise.all(['127.0.0.1', '::1'].map((host) => listenError(port, host)));
  // A machine without IPv6 has no ::1 to be taken.
  return !taken.some((code) => code === 'EADDRINUSE' || code === 'EACCES');
}

/**
 * A port that nobody listens on. Not one of those that systems give to outgoing connections (32768 and above, 49152 and
 * above), because such a one may be taken at any moment between being chosen and being listened on.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

function listenError(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server
      .once('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
      .listen(port, host, () => server.close(() => resolve(undefined)));
  });
}
